/** What servers need of the network service: networks, floating IPs, security groups. */
import { isNodepoolError } from '../../lib/errors.ts';
import type { Finding } from '../provider.ts';
import type { Inspected } from './inspect.ts';
import { readFloatingIpQuota } from './limits.ts';
import { findNetwork, type Network } from './networks.ts';
import { listAll } from './pages.ts';

export async function checkNetworks(
  { session, config, networks }: Inspected,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  if (!(await session.has('network', signal))) return [];
  const [all, { id: project }] = await Promise.all([networks.list(signal), session.project(signal)]);
  if (config.networks.length === 0) return [chosenByNova(all, project)];
  return config.networks.map(({ id, name }): Finding => {
    const nameOrId = id ?? name ?? '';
    return lookUp(
      nameOrId,
      { all, project, key: 'networks' },
      ({ name: found, id: own }) => `Network ${found} is ${own}.`,
    );
  });
}

interface LookUp {
  readonly all: readonly Network[];
  readonly project: string;
  /** The key of the configuration that names it. */
  readonly key: string;
}

function lookUp(nameOrId: string, { all, project, key }: LookUp, describe: (network: Network) => string): Finding {
  const about = key === 'pool' ? 'floating IPs' : 'networks';
  try {
    const network = findNetwork(all, nameOrId, project);
    if (network !== null) return { level: 'ok', about, text: describe(network) };
    const names = all.map(({ name }) => name).join(', ');
    const text = `There is no network "${nameOrId}" that the project can use (there is: ${names}): correct "${key}".`;
    return { level: 'error', about, text };
  } catch (error) {
    // Several have the name: the error says so.
    if (!isNodepoolError(error, 'rejected')) throw error;
    return { level: 'error', about, text: `${error.message}.` };
  }
}

/** What Nova does when no network is named: it takes the only one of the project's own and the shared ones. */
function chosenByNova(all: readonly Network[], project: string): Finding {
  const about = 'networks';
  const usable = all.filter(({ projectId, isShared }) => projectId === project || isShared).map(({ name }) => name);
  if (usable.length === 1)
    return { level: 'ok', about, text: `Servers are put on the only network, ${usable.join()}.` };
  const text =
    usable.length === 0
      ? 'The project has no network, so its servers would have no address: make one.'
      : `The project can use several networks (${usable.join(', ')}): name those that servers are to be on as "networks".`;
  return { level: 'error', about, text };
}

export async function checkFloatingIps(
  { session, config, networks, externals }: Inspected,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const about = 'floating IPs';
  if ((await externals.floating(signal)) === null)
    return [
      { level: 'ok', about, text: 'Servers get no floating IPs; they are reached at the addresses that they have.' },
    ];
  const quota = await readFloatingIpQuota(session, signal);
  const room = quota === null ? 'with no known limit' : `of which the project may have ${quota}`;
  if (config.pool === null) {
    const text = `Servers without a public address get floating IPs by the routers of the project, ${room}.`;
    return [{ level: 'ok', about, text }];
  }
  const [all, { id: project }] = await Promise.all([networks.list(signal), session.project(signal)]);
  const finding = lookUp(
    config.pool,
    { all, project, key: 'pool' },
    ({ name }) => `Floating IPs come from ${name}, ${room}.`,
  );
  const network = finding.level === 'ok' ? findNetwork(all, config.pool, project) : null;
  if (network === null || network.isExternal) return [finding];
  const text = `Network "${config.pool}" is not external, so it has no floating IPs: correct "pool".`;
  return [{ level: 'error', about, text }];
}

export async function checkSecurityGroups(
  { session, config }: Inspected,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const about = 'security groups';
  if (config.securityGroups.length === 0 || !(await session.has('network', signal))) return [];
  const query = { tenant_id: (await session.project(signal)).id };
  const request = { service: 'network', path: '/security-groups', key: 'security_groups', query, signal } as const;
  const groups = await listAll(session, request);
  return config.securityGroups.map((nameOrId): Finding => {
    const found = groups.filter(({ id, name }) => id === nameOrId || name === nameOrId);
    if (found.length === 1) return { level: 'ok', about, text: `Security group ${nameOrId} is there.` };
    const text =
      found.length === 0
        ? `There is no security group "${nameOrId}" in the project: make it, or correct "security-groups".`
        : `Several security groups are called "${nameOrId}": name the one that is meant by its id.`;
    return { level: 'error', about, text };
  });
}
