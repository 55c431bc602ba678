/** Quoting for the POSIX shell (XCU 2.2): everything that is put into a command line goes through here. */
import { NodepoolError } from '../lib/errors.ts';

/** Characters that mean nothing to the shell, so that plain words stay readable. */
const PLAIN = /^[\w@%+:,./-]+$/;

const NAME = /^[A-Za-z_]\w*$/;

/** `text` as one word of a command line. Throws `config` for a NUL character, which no command line can hold. */
export function quote(text: string): string {
  if (text.includes('\0'))
    throw new NodepoolError('config', `a command line cannot hold a NUL character: ${JSON.stringify(text)}`);
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * `NAME=value` for each entry, quoted: to be put before a command, or into a file that a shell reads. Throws `config`
 * for what is not the name of a shell variable.
 */
export function assignments(variables: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(variables).map(([name, value]) => {
    if (!NAME.test(name))
      throw new NodepoolError('config', `${JSON.stringify(name)} is not the name of a shell variable`);
    return `${name}=${value === '' ? '' : quote(value)}`;
  });
}
