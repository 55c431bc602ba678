/** What shell completion needs to know of the program, read off its commander definition. */
import type { Command, Option } from 'commander';

export interface CompletedOption {
  /** With dashes: `-o`, `--output`. */
  readonly flags: readonly string[];
  readonly description: string;
  readonly value: CompletedValue | null;
}

/** What follows an option or stands as an argument. */
export type CompletedValue =
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | { readonly kind: 'file' }
  | { readonly kind: 'other' };

export interface CompletedCommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
  readonly arguments: readonly {
    readonly name: string;
    readonly value: CompletedValue;
    readonly isVariadic: boolean;
  }[];
}

export interface CommandTree {
  readonly options: readonly CompletedOption[];
  readonly commands: readonly CompletedCommand[];
}

export function readCommandTree(program: Command): CommandTree {
  return {
    options: readOptions(program),
    commands: program.commands.map((command) => ({
      name: command.name(),
      description: command.description(),
      ...(command.commands.length === 0 ? readCommand(command) : readGroup(command)),
    })),
  };
}

type Syntax = Pick<CompletedCommand, 'options' | 'arguments'>;

function readCommand(command: Command): Syntax {
  return {
    options: readOptions(command),
    arguments: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      value: readValue(argument.argChoices, argument.name()),
      isVariadic: argument.variadic,
    })),
  };
}

/** A group is a command whose first word is chosen; it takes the options of all its commands. */
function readGroup({ commands }: Command): Syntax {
  const options = new Map(commands.flatMap(readOptions).map((option) => [option.flags.join(), option]));
  const choices = commands.map((command) => command.name());
  return {
    options: [...options.values()],
    arguments: [{ name: 'command', value: { kind: 'choice', choices }, isVariadic: false }],
  };
}

function readOptions(command: Command): CompletedOption[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map((option: Option) => ({
      flags: [option.short, option.long].filter((flag) => flag !== undefined),
      description: option.description,
      value: option.required || option.optional ? readValue(option.argChoices, option.flags) : null,
    }));
}

function readValue(choices: readonly string[] | undefined, definition: string): CompletedValue {
  if (choices !== undefined) return { kind: 'choice', choices };
  return definition.endsWith('<file>') ? { kind: 'file' } : { kind: 'other' };
}
