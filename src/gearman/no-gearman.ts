import { NodepoolError } from '../lib/errors.ts';
import type { GearmanServers } from './gearman-servers.ts';

/** For processes that are not connected to Gearman. A launcher that is not told notices that its node is gone. */
export const noGearman: Pick<GearmanServers, 'submit' | 'hasWorkers' | 'connections'> = {
  connections: () => [],
  hasWorkers: () => false,
  submit: () => Promise.reject(new NodepoolError('unavailable', 'this process is not connected to Gearman')),
};
