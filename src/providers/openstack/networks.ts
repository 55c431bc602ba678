/** The networks that the project can see: which servers are put on, and which are public. */
import type { ProviderConfig } from '../../config/types.ts';
import type { Clock } from '../../lib/clock.ts';
import { NodepoolError } from '../../lib/errors.ts';
import type { CloudAccess } from './access.ts';
import { listAll } from './pages.ts';
import { requireText, textOf, type Json } from './parse.ts';
import { remember } from './remember.ts';
import type { Session } from './session.ts';
import { isUuid } from './tags.ts';

export interface Network {
  readonly id: string;
  readonly name: string;
  /** Floating IPs are taken from it. */
  readonly isExternal: boolean;
  readonly isShared: boolean;
  readonly projectId: string | null;
}

export interface Networks {
  list(signal: AbortSignal): Promise<readonly Network[]>;
  /** What looks like an id is taken for one. `rejected` when there is no network of the name, or more than one. */
  idOf(nameOrId: string, signal: AbortSignal, maxAgeMs?: number): Promise<string>;
  /**
   * Ids of the networks that servers are put on, known for no longer than `maxAgeMs`; empty: the cloud decides. `rejected`
   * when one is not there.
   */
  requested(signal: AbortSignal, maxAgeMs?: number): Promise<readonly string[]>;
  /** Names of the networks whose addresses are reached from everywhere, as far as somebody says so. */
  publicNames(signal: AbortSignal): Promise<ReadonlySet<string>>;
}

export interface NetworksDeps {
  readonly session: Session;
  readonly clock: Clock;
  readonly config: Pick<ProviderConfig, 'networks'>;
  readonly access: Pick<CloudAccess, 'networks'>;
}

const MAX_AGE_MS = 10 * 60_000;
/** A name that is not known may be of a network that was made just now. */
const MISSED_AGE_MS = 10_000;

export function createNetworks({ session, clock, config, access }: NetworksDeps): Networks {
  const networks = remember({ clock, maxAgeMs: MAX_AGE_MS, read: (signal) => readNetworks(session, signal) });

  const resolve = async (nameOrId: string, signal: AbortSignal, maxAgeMs?: number): Promise<Network> => {
    const { id: own } = await session.project(signal);
    const found =
      findNetwork(await networks.get(signal, maxAgeMs), nameOrId, own) ??
      findNetwork(await networks.get(signal, MISSED_AGE_MS), nameOrId, own);
    if (found !== null) return found;
    throw new NodepoolError(
      'rejected',
      `there is no network "${nameOrId}" that the project can use: correct "networks" or "pool"`,
    );
  };

  const idOf = async (nameOrId: string, signal: AbortSignal, maxAgeMs?: number): Promise<string> =>
    isUuid(nameOrId) ? nameOrId : (await resolve(nameOrId, signal, maxAgeMs)).id;

  const requested = (signal: AbortSignal, maxAgeMs?: number): Promise<readonly string[]> =>
    Promise.all(config.networks.map(async ({ id, name }) => id ?? idOf(name ?? '', signal, maxAgeMs)));

  const publicNames = async (signal: AbortSignal): Promise<ReadonlySet<string>> => {
    const declared = [
      ...config.networks.filter(({ isPublic }) => isPublic).map(({ id, name }) => id ?? name ?? ''),
      ...access.networks.filter(({ routesExternally }) => routesExternally).map(({ name }) => name),
    ];
    if (!declared.some(isUuid)) return new Set(declared);
    const all = await networks.get(signal);
    return new Set(declared.map((nameOrId) => all.find(({ id }) => id === nameOrId)?.name ?? nameOrId));
  };

  return { list: (signal) => networks.get(signal), idOf, requested, publicNames };
}

/** By id or by name. Of several with one name, the project's own comes first, then a shared one. */
export function findNetwork(networks: readonly Network[], nameOrId: string, project: string): Network | null {
  const rank = (network: Network): number => (network.projectId === project ? 0 : network.isShared ? 1 : 2);
  const named = networks.filter(({ name }) => name === nameOrId).sort((a, b) => rank(a) - rank(b));
  const [first, second] = named;
  const byId = networks.find(({ id }) => id === nameOrId);
  if (byId || !first) return byId ?? null;
  if (!second || rank(first) < rank(second)) return first;
  throw new NodepoolError(
    'rejected',
    `several networks are called "${nameOrId}": name the one that is meant by its id`,
  );
}

async function readNetworks(session: Session, signal: AbortSignal): Promise<readonly Network[]> {
  const networks = await listAll(session, { service: 'network', path: '/networks', key: 'networks', signal });
  return networks.map(readNetwork);
}

function readNetwork(network: Json): Network {
  return {
    id: requireText(network, 'id'),
    name: textOf(network.name) ?? '',
    isExternal: network['router:external'] === true,
    isShared: network.shared === true,
    projectId: textOf(network.project_id) ?? textOf(network.tenant_id),
  };
}
