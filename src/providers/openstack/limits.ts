import { isNodepoolError } from '../../lib/errors.ts';
import type { CloudLimits, Flavor } from '../provider.ts';
import type { ExternalNetworks } from './external-networks.ts';
import type { FloatingIp, FloatingIps } from './floating-ips.ts';
import { numberOf, objectOf, requireObject } from './parse.ts';
import type { Remembered } from './remember.ts';
import type { Session } from './session.ts';

/** How much of something the project may have, and has; a limit of null: as much as it likes. */
export interface Quota {
  readonly limit: number | null;
  readonly used: number;
}

export interface ComputeQuota {
  readonly servers: Quota;
  readonly cores: Quota;
  readonly ramMb: Quota;
}

export interface LimitsDeps {
  readonly session: Session;
  readonly flavors: Remembered<readonly Flavor[]>;
  readonly externals: Pick<ExternalNetworks, 'floating'>;
  readonly floatingIps: Pick<FloatingIps, 'list'>;
  /** Whether a floating IP is one that the pool counts itself. */
  readonly isOurs: (ip: FloatingIp) => boolean;
}

export function createLimits(deps: LimitsDeps): (signal: AbortSignal) => Promise<CloudLimits> {
  const { session, flavors, externals, floatingIps, isOurs } = deps;

  const readFloatingIps = async (signal: AbortSignal): Promise<number | null> => {
    if ((await externals.floating(signal)) === null) return null;
    const quota = await readFloatingIpQuota(session, signal);
    if (quota === null) return null;
    const foreign = (await floatingIps.list(signal)).filter((ip) => !isOurs(ip));
    return Math.max(0, quota - foreign.length);
  };

  return async (signal) => {
    const [compute, ips, known] = await Promise.all([
      readComputeQuota(session, signal),
      readFloatingIps(signal),
      flavors.get(signal),
    ]);
    return {
      servers: compute.servers.limit,
      cores: compute.cores.limit,
      ramMb: compute.ramMb.limit,
      floatingIps: ips,
      flavors: known,
    };
  };
}

/** Nova's `GET /limits`, in which -1 stands for no limit. */
export async function readComputeQuota(session: Session, signal: AbortSignal): Promise<ComputeQuota> {
  const { body } = await session.send({ service: 'compute', method: 'GET', path: '/limits', signal });
  const absolute = requireObject(requireObject(body, 'limits'), 'absolute');
  const quota = (limit: string, used: string): Quota => ({
    limit: limitOf(absolute[limit]),
    used: numberOf(absolute[used]) ?? 0,
  });
  return {
    servers: quota('maxTotalInstances', 'totalInstancesUsed'),
    cores: quota('maxTotalCores', 'totalCoresUsed'),
    ramMb: quota('maxTotalRAMSize', 'totalRAMUsed'),
  };
}

/** Neutron's quota; null: no limit, or none that the project may read. */
export async function readFloatingIpQuota(session: Session, signal: AbortSignal): Promise<number | null> {
  const { id } = await session.project(signal);
  try {
    const { body } = await session.send({ service: 'network', method: 'GET', path: `/quotas/${id}`, signal });
    return limitOf(objectOf(objectOf(body).quota).floatingip);
  } catch (error) {
    // Some clouds have no quotas for networks, and some do not show them to the project.
    if (isNodepoolError(error, 'not-found', 'rejected')) return null;
    throw error;
  }
}

function limitOf(value: unknown): number | null {
  const limit = numberOf(value);
  return limit === null || limit < 0 ? null : limit;
}
