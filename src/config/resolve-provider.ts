/** The `providers` section of the resolved configuration. */
import { byName, textMap, toMs, type TextAt } from './convert.ts';
import type { ProviderEntry, ProviderImageEntry } from './schema.ts';
import type { CredentialsConfig, FakeCloudConfig, ProviderConfig, ProviderImageConfig } from './types.ts';

interface Context {
  /** Position in the file. */
  readonly index: number;
  readonly fake: boolean;
  readonly textAt: TextAt;
}

export function resolveProvider(entry: ProviderEntry, { index, fake, textAt }: Context): ProviderConfig {
  const images = entry.images.map((image, position) =>
    resolveImage(image, textMap(image.meta, ['providers', index, 'images', position, 'meta'], textAt)),
  );
  return {
    name: entry.name,
    driver: fake ? 'fake' : driverOf(entry),
    maxServers: entry['max-servers'],
    regionName: entry['region-name'] ?? null,
    rateMs: toMs(entry.rate),
    apiTimeoutMs: toMs(entry['api-timeout']),
    bootTimeoutMs: toMs(entry['boot-timeout']),
    launchTimeoutMs: toMs(entry['launch-timeout']),
    keypair: entry.keypair ?? null,
    pool: entry.pool ?? null,
    floatingIps: entry['floating-ips'],
    securityGroups: entry['security-groups'],
    networks: entry.networks.map((network) => ({
      id: network['net-id'] ?? null,
      name: network['net-label'] ?? network.name ?? null,
      isPublic: network.public,
    })),
    ipv6Preferred: entry['ipv6-preferred'],
    availabilityZones: entry['availability-zones'],
    templateHostname: entry['template-hostname'],
    imageType: entry['image-type'],
    cleanFloatingIps: entry['clean-floating-ips'],
    images: byName(images),
    credentials: resolveCredentials(entry),
    fake: resolveFakeCloud(entry.fake),
  };
}

/** The address `fake` is how the original is told to use its fake cloud. */
function driverOf(entry: ProviderEntry): string {
  return entry['auth-url'] === 'fake' ? 'fake' : (entry.driver ?? 'openstack');
}

function resolveImage(entry: ProviderImageEntry, meta: Readonly<Record<string, string>>): ProviderImageConfig {
  return {
    name: entry.name,
    minRamMb: entry['min-ram'],
    nameFilter: entry['name-filter'] ?? null,
    source:
      entry.diskimage === undefined
        ? { kind: 'snapshot', baseImage: entry['base-image'] ?? '', setup: entry.setup ?? '' }
        : { kind: 'diskimage', diskimage: entry.diskimage },
    username: entry.username,
    userHome: entry['user-home'],
    privateKey: entry['private-key'],
    configDrive: entry['config-drive'] ?? null,
    keyName: entry['key-name'] ?? null,
    userData: entry['user-data'] ?? null,
    volumeGb: entry['boot-from-volume'] ? (entry['volume-size'] ?? null) : null,
    meta,
    pause: entry.pause,
  };
}

function resolveCredentials(entry: ProviderEntry): CredentialsConfig {
  return {
    cloud: entry.cloud ?? null,
    username: entry.username ?? null,
    password: entry.password ?? null,
    authUrl: entry['auth-url'] ?? null,
    projectId: entry['project-id'] ?? null,
    projectName: entry['project-name'] ?? null,
    serviceType: entry['service-type'] ?? null,
    serviceName: entry['service-name'] ?? null,
  };
}

function resolveFakeCloud(entry: ProviderEntry['fake']): FakeCloudConfig {
  return {
    bootTimeMs: toMs(entry['boot-time']),
    sshDelayMs: toMs(entry['ssh-delay']),
    apiDelayMs: toMs(entry['api-delay']),
    listingLagMs: toMs(entry['listing-lag']),
    deleteTimeMs: toMs(entry['delete-time']),
    quota: entry.quota ?? null,
    failCreates: entry['fail-creates'],
    failBoots: entry['fail-boots'],
    failSsh: entry['fail-ssh'],
    failScripts: entry['fail-scripts'],
    failUploads: entry['fail-uploads'],
    down: entry.down,
  };
}
