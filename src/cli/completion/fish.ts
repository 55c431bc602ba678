import type { CommandTree, CompletedCommand, CompletedOption, CompletedValue } from './command-tree.ts';

/** A completion script for fish: to be sourced, or saved as `nodepool.fish` in a completions directory. */
export function writeFishCompletion({ options, commands }: CommandTree): string {
  const names = commands.map(({ name }) => name).join(' ');
  const isFirst = `not __fish_seen_subcommand_from ${names} help`;
  return [
    '# fish completion for nodepool: nodepool completion fish | source',
    'complete -c nodepool -f',
    ...options.map((option) => completeOption(null, option)),
    ...commands.map(
      ({ name, description }) => `complete -c nodepool -n ${quote(isFirst)} -a ${name} -d ${quote(description)}`,
    ),
    `complete -c nodepool -n ${quote(isFirst)} -a help -d 'explain a command'`,
    `complete -c nodepool -n '__fish_seen_subcommand_from help' -a ${quote(names)}`,
    ...commands.flatMap(completeCommand),
    '',
  ].join('\n');
}

function completeCommand({ name, options, arguments: args }: CompletedCommand): string[] {
  const isChosen = `__fish_seen_subcommand_from ${name}`;
  const choices = args.flatMap(({ value }) => (value.kind === 'choice' ? value.choices : []));
  const words =
    choices.length === 0 ? [] : [`complete -c nodepool -n ${quote(isChosen)} -a ${quote(choices.join(' '))}`];
  return [...words, ...options.map((option) => completeOption(isChosen, option))];
}

function completeOption(condition: string | null, { flags, description, value }: CompletedOption): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const when = condition === null ? [] : ['-n', quote(condition)];
  return ['complete -c nodepool', ...when, ...names, ...completeValue(value), '-d', quote(description)].join(' ');
}

function completeValue(value: CompletedValue | null): string[] {
  if (value === null) return [];
  if (value.kind === 'choice') return ['-x', '-a', quote(value.choices.join(' '))];
  // -r alone: the value may be any file.
  return value.kind === 'file' ? ['-r', '-F'] : ['-x'];
}

/** Within single quotes fish knows only these two escapes. */
function quote(text: string): string {
  return `'${text.replaceAll(/[\\']/g, String.raw`\$&`)}'`;
}
