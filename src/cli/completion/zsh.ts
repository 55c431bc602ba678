import type { CommandTree, CompletedCommand, CompletedOption, CompletedValue } from './command-tree.ts';

/** A completion script for zsh: to be sourced, or put as `_nodepool` into a directory of `$fpath`. */
export function writeZshCompletion({ options, commands }: CommandTree): string {
  return `#compdef nodepool
# zsh completion for nodepool: source <(nodepool completion zsh)
_nodepool() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  _arguments -C \\
${options.map((option) => `    ${optionSpec(option)} \\\n`).join('')}    '1: :->command' \\
    '*:: :->rest'
  case $state in
    command)
      local -a commands=(
${[...commands, HELP].map(({ name, description }) => `        ${quote(`${name}:${description}`)}\n`).join('')}      )
      _describe -t commands 'nodepool command' commands
      ;;
    rest)
      case $line[1] in
${commands.map(commandCase).join('')}        help) _arguments ${quote(`1:command:(${commands.map(({ name }) => name).join(' ')})`)} ;;
      esac
      ;;
  esac
}
if [[ $funcstack[1] == _nodepool ]]; then
  _nodepool "$@"
elif (( $+functions[compdef] )); then
  compdef _nodepool nodepool
fi
`;
}

const HELP = { name: 'help', description: 'explain a command' };

function commandCase({ name, options, arguments: args }: CompletedCommand): string {
  const positions = args.map((argument, index) =>
    quote(`${argument.isVariadic ? '*' : index + 1}:${argument.name}:${action(argument.value)}`),
  );
  const specs = [...options.map(optionSpec), ...positions];
  return `        ${name}) _arguments ${specs.join(' ')} ;;\n`;
}

/** One \`_arguments\` spec; the short and the long flag exclude each other. */
function optionSpec({ flags, description, value }: CompletedOption): string {
  const tail = `${quote(`[${escape(description)}]`)}${value === null ? '' : quote(`:value:${action(value)}`)}`;
  if (flags.length === 1) return `${flags.join('')}${tail}`;
  return `${quote(`(${flags.join(' ')})`)}{${flags.join(',')}}${tail}`;
}

function action(value: CompletedValue): string {
  if (value.kind === 'choice') return `(${value.choices.join(' ')})`;
  return value.kind === 'file' ? '_files' : ' ';
}

/** Brackets end an explanation. */
function escape(text: string): string {
  return text.replaceAll(/[\\[\]]/g, String.raw`\$&`);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
