/** The command line program: its global options, its commands, and the exit code of a run. */
import { Command, CommanderError } from 'commander';
import { describeError, isNodepoolError } from '../lib/errors.ts';
import { defineCommands } from './catalogue.ts';
import type { CliContext } from './context.ts';
import { ExitCode } from './exit-code.ts';
import { Interruption } from './interruption.ts';
import { createSession, type GlobalOptions } from './session.ts';

const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

export function createProgram(context: CliContext): Command {
  const program = new Command('nodepool')
    .description('Looks at a pool of test machines and intervenes in it.')
    .version(context.version, '--version', 'print the version and exit')
    .option(
      '-c, --config <file>',
      'configuration file (default: $NODEPOOL_CONFIG, /etc/nodepool/nodepool.yaml, or that of the running daemon)',
    )
    .option('-s, --secure <file>', 'file with the secrets')
    .option('-l, --logging <file>', 'logging configuration; what it says of levels holds for the log on standard error')
    .option('--fake', 'look at the rehearsal of the configuration (nodepoold --fake)')
    .option('--debug', 'log more, and show stack traces')
    .showSuggestionAfterError()
    // As in the help of the command itself: commander's own takes no notice of a usage that is given.
    .configureHelp({ subcommandTerm: (command) => `${command.name()} ${command.usage()}` })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      outputError: (text, write) => write(toOneSentence(text)),
    });
  const session = createSession(context, () => program.opts<GlobalOptions>());
  defineCommands(program, session);
  return program;
}

/** Names of all commands, for whatever has to agree with them; those of a group as `token create`. */
export function commandNames(program: Command): readonly string[] {
  return program.commands.flatMap((command) => {
    const name = command.name();
    return command.commands.length === 0 ? [name] : commandNames(command).map((inner) => `${name} ${inner}`);
  });
}

/**
 * Runs the program on arguments (without those of node) and answers the exit code: 0; 1 when something was not
 * found, refused or failed; 2 for wrong usage; 130 after Ctrl-C; that of ssh where it was run. Whatever is wrong is told
 * in one sentence.
 */
export async function runProgram(context: CliContext, args: readonly string[]): Promise<number> {
  const program = createProgram(context);
  try {
    await program.parseAsync(args, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    // Commander has printed its help or its error by now.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (error instanceof ExitCode) return error.code;
    return reportError(context, error, program.opts<GlobalOptions>().debug === true);
  }
}

function reportError(context: CliContext, error: unknown, isDebug: boolean): number {
  const isExpected = isNodepoolError(error) || error instanceof Interruption;
  const message = error instanceof Error ? error.message.trimEnd() : describeError(error);
  const text = isExpected ? message : `unexpected error: ${message}${isDebug ? '' : ' (--debug shows where)'}`;
  context.stderr.write(`nodepool: ${text}\n`);
  if (isDebug) context.stderr.write(describeTrace(error));
  if (error instanceof Interruption) return EXIT.interrupted;
  return isNodepoolError(error, 'usage') ? EXIT.usage : EXIT.failed;
}

function describeTrace(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const cause = error.cause instanceof Error ? `caused by ${describeTrace(error.cause)}` : '';
  return `${error.stack ?? error.message}\n${cause}`;
}

/** `error: unknown command 'x'\n(Did you mean y?)` as one line that begins like every other error. */
function toOneSentence(text: string): string {
  return `nodepool: ${text
    .replace(/^error: /, '')
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ')}\n`;
}
