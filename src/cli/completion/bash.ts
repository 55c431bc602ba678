import type { CommandTree, CompletedCommand, CompletedOption, CompletedValue } from './command-tree.ts';

/** A completion script for bash 4 or newer; it needs nothing but bash itself. */
export function writeBashCompletion({ options, commands }: CommandTree): string {
  const globals = options.flatMap(({ flags }) => flags);
  return `# bash completion for nodepool: source <(nodepool completion bash)
_nodepool() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      ${globalsWithValue(options)}) ((i++)) ;;
      -*) ;;
      *) command=\${COMP_WORDS[i]}; break ;;
    esac
  done
  case $command:$prev in
${valueCases({ options, commands })}
  esac
  local words
  case $command in
    '') words='${[...commands.map(({ name }) => name), 'help', ...globals].join(' ')}' ;;
    help) words='${commands.map(({ name }) => name).join(' ')}' ;;
${commands.map(wordCase).join('\n')}
    *) words='' ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _nodepool nodepool
`;
}

function globalsWithValue(options: readonly CompletedOption[]): string {
  return options
    .filter(({ value }) => value !== null)
    .flatMap(({ flags }) => flags)
    .join('|');
}

/** What is completed right after an option that takes a value. */
function valueCases({ options, commands }: CommandTree): string {
  const everywhere = options.flatMap((option) => valueCase('*', option));
  const own = commands.flatMap(({ name, options: ownOptions }) =>
    ownOptions.flatMap((option) => valueCase(name, option)),
  );
  return [...everywhere, ...own].join('\n');
}

function valueCase(command: string, { flags, value }: CompletedOption): string[] {
  if (value === null) return [];
  return [`    ${flags.map((flag) => `${command}:${flag}`).join('|')}) ${completeValue(value)}; return ;;`];
}

function completeValue(value: CompletedValue): string {
  if (value.kind === 'choice') return `mapfile -t COMPREPLY < <(compgen -W '${value.choices.join(' ')}' -- "$cur")`;
  return value.kind === 'file'
    ? 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur")'
    : 'COMPREPLY=()';
}

/** Options of a command, with the choices of its arguments. */
function wordCase({ name, options, arguments: args }: CompletedCommand): string {
  const choices = args.flatMap(({ value }) => (value.kind === 'choice' ? value.choices : []));
  return `    ${name}) words='${[...choices, ...options.flatMap(({ flags }) => flags)].join(' ')}' ;;`;
}
