import type { Config } from '../config/types.ts';
import { NodepoolError } from '../lib/errors.ts';
import { hintAt } from '../lib/near-name.ts';

/** Throws `not-found` for a label that the configuration does not have. */
export function requireLabel({ labels }: Config, name: string): void {
  if (labels.has(name)) return;
  throw new NodepoolError('not-found', `there is no label ${name}${hintAt(name, [...labels.keys()])}`);
}
