/** Where settings of a cloud come from, and sentences about what is wrong with them. */
import { NodepoolError } from '../../../lib/errors.ts';

export interface Origin {
  readonly kind: 'file' | 'environment' | 'provider';
  /** `cloud rig in /etc/openstack/clouds.yaml`. */
  readonly source: string;
}

/** A setting is not there. `key` has underscores. */
export function missing(origin: Origin, key: string): NodepoolError {
  return new NodepoolError('config', `${origin.source} has no ${keyOf(origin, key)}; ${REMEDIES[origin.kind]}`);
}

const REMEDIES: Readonly<Record<Origin['kind'], string>> = {
  file: 'add it to its auth',
  environment: 'set it',
  provider: 'add it, or name a cloud of clouds.yaml',
};

/** `what` says what is wrong with the value and what to do; it never holds a secret. */
export function wrong(origin: Origin, key: string, what: string): NodepoolError {
  return new NodepoolError('config', `${origin.source}: ${keyOf(origin, key)} ${what}`);
}

/** A key the way it is written there. */
function keyOf({ kind }: Origin, key: string): string {
  if (kind === 'environment') return `OS_${key.toUpperCase()}`;
  return kind === 'provider' ? key.replaceAll('_', '-') : key;
}
