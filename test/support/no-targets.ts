import { NodepoolError } from '../../src/lib/errors.ts';
import type { Targets } from '../../src/targets/targets.ts';

const refuse = (): Promise<never> => Promise.reject(new NodepoolError('unavailable', 'nothing hands nodes over here'));

/** For daemons whose targets have neither a Jenkins nor Gearman: a call would be a mistake, and fails. */
export const noTargets: Targets = {
  configure: () => undefined,
  status: refuse,
  requireReady: () => undefined,
  register: refuse,
  unregister: refuse,
  startTest: refuse,
  release: refuse,
  close: () => Promise.resolve(),
};
