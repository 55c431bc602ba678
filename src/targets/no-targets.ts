import { NodepoolError } from '../lib/errors.ts';
import type { Targets } from './targets.ts';

const refuse = (): Promise<never> =>
  Promise.reject(new NodepoolError('unavailable', 'this process hands no nodes over'));

/** For processes that hand nodes to nobody. */
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
