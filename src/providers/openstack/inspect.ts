/** What `provider-check` tells about a provider: each thing that its configuration needs of the cloud, looked at once. */
import type { ProviderConfig } from '../../config/types.ts';
import { describeError } from '../../lib/errors.ts';
import type { Finding, Flavor } from '../provider.ts';
import type { CloudAccess } from './access.ts';
import type { ExternalNetworks } from './external-networks.ts';
import { checkBaseImages, checkFlavors, checkImageType, checkKeypairs } from './inspect-images.ts';
import { checkFloatingIps, checkNetworks, checkSecurityGroups } from './inspect-network.ts';
import type { Images } from './images.ts';
import type { Keypairs } from './keypairs.ts';
import { readComputeQuota, type Quota } from './limits.ts';
import type { Networks } from './networks.ts';
import { objectOf, requireObjects, textOf } from './parse.ts';
import type { Remembered } from './remember.ts';
import { LISTING_MICROVERSIONS } from './servers.ts';
import type { Session } from './session.ts';

export interface Inspected {
  readonly session: Session;
  readonly access: CloudAccess;
  readonly config: ProviderConfig;
  readonly flavors: Remembered<readonly Flavor[]>;
  readonly networks: Pick<Networks, 'list'>;
  readonly externals: Pick<ExternalNetworks, 'floating'>;
  readonly images: Pick<Images, 'findBase'>;
  readonly keypairs: Pick<Keypairs, 'find'>;
}

/** Looks at one thing. What it throws becomes a finding. */
type Check = (inspected: Inspected, signal: AbortSignal) => Promise<readonly Finding[]>;

const CHECKS: Readonly<Record<string, Check>> = {
  services: checkServices,
  microversion: checkMicroversion,
  quota: checkQuota,
  zones: checkZones,
  flavors: checkFlavors,
  'base images': checkBaseImages,
  'image type': checkImageType,
  networks: checkNetworks,
  'floating IPs': checkFloatingIps,
  'security groups': checkSecurityGroups,
  'key pairs': checkKeypairs,
};

/** Changes nothing at the cloud, and never rejects. Without a login nothing else is tried. */
export async function inspectCloud(inspected: Inspected, signal: AbortSignal): Promise<readonly Finding[]> {
  const login = await attempt('credentials', checkCredentials, { inspected, signal });
  if (login.some(({ level }) => level === 'error')) return login;
  const checks = Object.entries(CHECKS).map(([about, check]) => attempt(about, check, { inspected, signal }));
  return [login, ...(await Promise.all(checks))].flat();
}

async function attempt(
  about: string,
  check: Check,
  { inspected, signal }: { inspected: Inspected; signal: AbortSignal },
): Promise<readonly Finding[]> {
  try {
    return await check(inspected, signal);
  } catch (error) {
    // Whatever went wrong is what there is to tell about it.
    return [{ level: 'error', about, text: `${describeError(error)}.` }];
  }
}

async function checkCredentials({ session, access }: Inspected, signal: AbortSignal): Promise<readonly Finding[]> {
  const { id, name } = await session.project(signal);
  return [{ level: 'ok', about: 'credentials', text: `${access.source} logs in to project ${name} (${id}).` }];
}

async function checkServices({ session }: Inspected, signal: AbortSignal): Promise<readonly Finding[]> {
  const endpoints = await session.endpoints(signal);
  const findings: Finding[] = (['compute', 'image'] as const).map((service) => {
    const address = endpoints.get(service);
    if (address !== undefined)
      return { level: 'ok', about: 'services', text: `The ${service} service is at ${address}.` };
    const text = `The catalogue has no ${service} service for this region and interface: correct "region-name", or name its address in clouds.yaml as ${service}_endpoint_override.`;
    return { level: 'error', about: 'services', text };
  });
  const network = endpoints.get('network');
  const text =
    network === undefined
      ? 'The catalogue has no network service: servers get the addresses that the compute service gives them, and no floating IPs.'
      : `The network service is at ${network}.`;
  return [...findings, { level: network === undefined ? 'warning' : 'ok', about: 'services', text }];
}

async function checkMicroversion({ session }: Inspected, signal: AbortSignal): Promise<readonly Finding[]> {
  const about = 'microversion';
  const best = await session.bestMicroversion(LISTING_MICROVERSIONS, signal);
  if (best === LISTING_MICROVERSIONS[0])
    return [{ level: 'ok', about, text: `Servers are listed with compute microversion ${best}.` }];
  const text = `The compute service does not have microversion ${LISTING_MICROVERSIONS[0]}: while one of its cells is down it leaves out that cell's servers, and they are taken for gone.`;
  return [{ level: 'warning', about, text }];
}

async function checkQuota({ session, config }: Inspected, signal: AbortSignal): Promise<readonly Finding[]> {
  const about = 'quota';
  const { servers, cores, ramMb } = await readComputeQuota(session, signal);
  const show = ({ limit, used }: Quota, unit: string): string => `${used} of ${limit ?? 'any number of'} ${unit}`;
  const use = `${show(servers, 'servers')}, ${show(cores, 'cores')} and ${show(ramMb, 'MB of RAM')} are in use`;
  if (servers.limit === null || servers.limit >= config.maxServers) return [{ level: 'ok', about, text: `${use}.` }];
  const text = `${use}: the quota is below max-servers (${config.maxServers}), which will not be reached.`;
  return [{ level: 'warning', about, text }];
}

async function checkZones({ session, config }: Inspected, signal: AbortSignal): Promise<readonly Finding[]> {
  const about = 'zones';
  if (config.availabilityZones.length === 0) return [];
  const { body } = await session.send({ service: 'compute', method: 'GET', path: '/os-availability-zone', signal });
  const zones = requireObjects(body, 'availabilityZoneInfo');
  const names = zones
    .filter(({ zoneState }) => objectOf(zoneState).available !== false)
    .map(({ zoneName }) => textOf(zoneName));
  return config.availabilityZones.map((zone) =>
    names.includes(zone)
      ? { level: 'ok', about, text: `Zone ${zone} is available.` }
      : {
          level: 'error',
          about,
          text: `There is no zone "${zone}" that is available (there is: ${names.join(', ')}): correct "availability-zones".`,
        },
  );
}
