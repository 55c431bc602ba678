import { NodepoolError } from '../lib/errors.ts';
import { LONGEST_NAME, oneLineFault } from '../lib/one-line.ts';

/** Throws `usage` for a text that cannot be kept as it was given; null was not given. `what` begins the sentence. */
export function requireLine(what: string, text: string | null, longest = LONGEST_NAME): void {
  const fault = text === null ? null : oneLineFault(text, longest);
  if (fault !== null) throw new NodepoolError('usage', `${what} ${fault}`);
}
