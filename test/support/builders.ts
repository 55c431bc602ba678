/**
 * Valid records, configurations and worlds for tests: each builder fills in everything that its overrides
 * leave out, and what belongs together fits together. By default there is one provider `cloud` with the
 * snapshot image `ubuntu`, one label `small` that uses it, and one target `zuul`.
 */
import type {
  Config,
  CredentialsConfig,
  DiskimageConfig,
  FakeCloudConfig,
  LabelConfig,
  ProviderConfig,
  ProviderImageConfig,
  TargetConfig,
} from '../../src/config/types.ts';
import { cloudImageId, serverId } from '../../src/lib/ids.ts';
import {
  recordKey,
  type DiskImageRecord,
  type ImageFile,
  type ImageRecord,
  type NodeRecord,
  type PauseRecord,
  type PoolRecords,
  type ServerSlot,
  type SubnodeRecord,
} from '../../src/lifecycle/records.ts';
import { EMPTY_MEMORY } from '../../src/planning/memory.ts';
import type { CloudView, Listing, World } from '../../src/planning/world.ts';
import type { DaemonOptions } from '../../src/process/options.ts';
import type { CloudImage, CloudLimits, Flavor, ProviderTraits, Server, Tags } from '../../src/providers/provider.ts';

export { aRequest } from './request-builders.ts';

/** When tests take place, unless they say otherwise. */
export const NOW = Date.UTC(2026, 0, 15, 12, 0, 0);
export const INSTALLATION = '00000000-0000-4000-8000-000000000001';
/** UUID and path of the directory that disk images are built in. */
export const IMAGES_DIRECTORY_ID = '00000000-0000-4000-8000-000000000002';
export const IMAGES_DIRECTORY_PATH = '/opt/nodepool_dib';

/** Gives out ids. A test that needs the same ids each time makes one of its own and hands it to the builders. */
export type Ids = () => number;

export function createIds(first = 1): Ids {
  let next = first;
  return () => next++;
}

/** Ids that no two records of a test file share. */
export const sharedIds = createIds();

/** An empty pool. */
export const NO_RECORDS: PoolRecords = {
  nodes: [],
  images: [],
  diskImages: [],
  pauses: [],
  failures: [],
  intents: [],
  requests: [],
  jobs: [],
};

const UNUSED_SLOT = {
  serverId: null,
  attempt: 0,
  attemptAt: null,
  activeAt: null,
  reachableAt: null,
  deleteAt: null,
  ip: null,
  ipPrivate: null,
  hostKey: null,
  createdAt: NOW - 60_000,
} as const satisfies ServerSlot;

/** Nobody has asked for it, and no job has run on it. */
const UNUSED_NODE = {
  holdUntil: null,
  heldBy: null,
  requestId: null,
  registerAt: null,
  registeredAt: null,
  testAt: null,
  jobName: null,
  jobResult: null,
  jobDoneAt: null,
} as const satisfies Partial<NodeRecord>;

/** A server that was created, became ACTIVE and answered SSH. */
function runningSlot(id: number, kind: string): ServerSlot {
  return {
    ...UNUSED_SLOT,
    serverId: serverId(`${kind}-server-${id}`),
    attempt: 1,
    attemptAt: NOW - 59_000,
    reachableAt: NOW - 30_000,
    ip: `203.0.113.${id % 256}`,
    ipPrivate: `10.0.0.${id % 256}`,
    hostKey: `ssh-ed25519 AAAA${kind}${id}`,
  };
}

/** A READY node on its server; in state `building`, a row without an attempt. Subnodes become its own. */
export function aNode(overrides: Partial<NodeRecord> = {}, ids: Ids = sharedIds): NodeRecord {
  const id = overrides.id ?? ids();
  const state = overrides.state ?? 'ready';
  const isNew = state === 'building';
  return {
    id,
    provider: 'cloud',
    label: 'small',
    target: 'zuul',
    manager: null,
    hostname: isNew ? null : `small-cloud-${id}.example.org`,
    nodename: isNew ? null : `small-cloud-${id}`,
    az: null,
    state,
    stateAt: NOW - 30_000,
    comment: null,
    reason: 'min-ready',
    imageId: 1,
    scriptAt: null,
    checkedAt: null,
    checkFailures: 0,
    heldFrom: state === 'hold' ? 'ready' : null,
    ...UNUSED_NODE,
    ...(isNew ? UNUSED_SLOT : runningSlot(id, 'node')),
    ...overrides,
    subnodes: (overrides.subnodes ?? []).map((subnode) => ({ ...subnode, nodeId: id })),
  };
}

/** A READY subnode on its server; in state `building`, a row without an attempt. */
export function aSubnode(overrides: Partial<SubnodeRecord> = {}, ids: Ids = sharedIds): SubnodeRecord {
  const id = overrides.id ?? ids();
  const state = overrides.state ?? 'ready';
  const isNew = state === 'building';
  return {
    id,
    nodeId: 0,
    hostname: isNew ? null : `small-cloud-sub-${id}.example.org`,
    state,
    stateAt: NOW - 30_000,
    ...(isNew ? UNUSED_SLOT : runningSlot(id, 'subnode')),
    ...overrides,
  };
}

/** A READY snapshot without a template server; in state `building`, a row without an attempt. */
export function anImage(overrides: Partial<ImageRecord> = {}, ids: Ids = sharedIds): ImageRecord {
  const id = overrides.id ?? ids();
  const state = overrides.state ?? 'ready';
  const isNew = state === 'building';
  return {
    id,
    provider: 'cloud',
    image: 'ubuntu',
    hostname: `template-ubuntu-${id}`,
    version: NOW / 1000 - 3600 + id,
    cloudImageId: isNew ? null : cloudImageId(`cloud-image-${id}`),
    state,
    stateAt: NOW - 30_000,
    reason: 'image-missing',
    username: isNew ? null : 'root',
    setupAt: isNew ? null : NOW - 50_000,
    setupDoneAt: isNew ? null : NOW - 40_000,
    saveAt: isNew ? null : NOW - 40_000,
    saveAttempt: isNew ? 0 : 1,
    diskImageId: null,
    progressBytes: null,
    withdrawnAt: null,
    launchesOk: 0,
    launchesFailed: 0,
    ...UNUSED_SLOT,
    attempt: isNew ? 0 : 1,
    ...overrides,
  };
}

/** A file whose digests are of the right length, and of nothing. */
export function anImageFile(overrides: Partial<ImageFile> = {}): ImageFile {
  return {
    format: 'qcow2',
    bytes: 400_000_000,
    allocatedBytes: 300_000_000,
    virtualBytes: 2_147_483_648,
    sha256: 'a'.repeat(64),
    sha512: 'b'.repeat(128),
    md5: 'c'.repeat(32),
    ...overrides,
  };
}

/** A READY build with a qcow2 file, uploaded nowhere; in state `building`, one that nobody has begun. */
export function aDiskImage(overrides: Partial<DiskImageRecord> = {}, ids: Ids = sharedIds): DiskImageRecord {
  const id = overrides.id ?? ids();
  const { image = 'ubuntu', state = 'ready', version = NOW / 1000 - 3600 + id } = overrides;
  const isNew = state === 'building';
  return {
    id,
    image,
    filename: isNew ? null : `${IMAGES_DIRECTORY_PATH}/${image}-${version}`,
    version,
    state,
    stateAt: NOW - 30_000,
    createdAt: NOW - 60_000,
    reason: 'image-missing',
    directory: isNew ? null : IMAGES_DIRECTORY_ID,
    host: isNew ? null : 'builder',
    startedAt: isNew ? null : NOW - 50_000,
    files: isNew ? null : [anImageFile()],
    uploads: [],
    ...overrides,
  };
}

/** A pause of an image at all providers. */
export function aPause(overrides: Partial<PauseRecord> = {}): PauseRecord {
  return { image: 'ubuntu', provider: null, at: NOW - 60_000, reason: null, ...overrides };
}

/** A READY image for every image of every provider. */
export function readyImagesOf(config: Config, ids: Ids = sharedIds): ImageRecord[] {
  return [...config.providers.values()].flatMap((provider) =>
    [...provider.images.keys()].map((image) => anImage({ provider: provider.name, image }, ids)),
  );
}

export function aLabel(overrides: Partial<LabelConfig> = {}): LabelConfig {
  return {
    name: 'small',
    image: 'ubuntu',
    minReady: 2,
    subnodes: 0,
    readyScript: null,
    providers: ['cloud'],
    ...overrides,
  };
}

export function aProviderImage(overrides: Partial<ProviderImageConfig> = {}): ProviderImageConfig {
  return {
    name: 'ubuntu',
    minRamMb: 8192,
    nameFilter: null,
    source: { kind: 'snapshot', baseImage: 'Ubuntu', setup: 'setup.sh' },
    username: 'jenkins',
    userHome: '/home/jenkins',
    privateKey: '/var/lib/jenkins/.ssh/id_rsa',
    configDrive: null,
    keyName: null,
    userData: null,
    volumeGb: null,
    meta: {},
    pause: false,
    ...overrides,
  };
}

/** The images of a provider, as its configuration has them. */
export function imagesNamed(...names: readonly string[]): ReadonlyMap<string, ProviderImageConfig> {
  return byName(names.map((name) => aProviderImage({ name })));
}

const NO_CREDENTIALS: CredentialsConfig = {
  cloud: null,
  username: null,
  password: null,
  authUrl: null,
  projectId: null,
  projectName: null,
  serviceType: null,
  serviceName: null,
};

const INSTANT_CLOUD: FakeCloudConfig = {
  bootTimeMs: 0,
  sshDelayMs: 0,
  apiDelayMs: 0,
  listingLagMs: 0,
  deleteTimeMs: 0,
  quota: null,
  failCreates: 0,
  failBoots: 0,
  failSsh: 0,
  failScripts: 0,
  failUploads: 0,
  down: false,
};

export function aProvider(overrides: Partial<ProviderConfig> = {}): ProviderConfig {
  return {
    name: 'cloud',
    driver: 'fake',
    maxServers: 96,
    regionName: null,
    rateMs: 0,
    apiTimeoutMs: 60_000,
    bootTimeoutMs: 60_000,
    launchTimeoutMs: 3_600_000,
    keypair: null,
    pool: null,
    floatingIps: true,
    securityGroups: [],
    networks: [],
    ipv6Preferred: false,
    availabilityZones: [],
    templateHostname: 'template-{image.name}-{timestamp}',
    imageType: 'qcow2',
    cleanFloatingIps: false,
    images: imagesNamed('ubuntu'),
    credentials: NO_CREDENTIALS,
    fake: INSTANT_CLOUD,
    ...overrides,
  };
}

export function aDiskimageConfig(overrides: Partial<DiskimageConfig> = {}): DiskimageConfig {
  return {
    name: 'ubuntu',
    elements: ['ubuntu-minimal', 'vm'],
    release: 'trusty',
    envVars: {},
    formats: ['qcow2'],
    rebuildAgeMs: null,
    buildTimeoutMs: 28_800_000,
    dibCmd: 'disk-image-create',
    qemuImgOptions: 'compat=0.10',
    pause: false,
    ...overrides,
  };
}

export function aTarget(overrides: Partial<TargetConfig> = {}): TargetConfig {
  return {
    name: 'zuul',
    hostname: '{label.name}-{provider.name}-{node_id}',
    subnodeHostname: '{label.name}-{provider.name}-{node_id}-{subnode_id}',
    rateMs: 0,
    assignViaGearman: false,
    jenkins: null,
    ...overrides,
  };
}

export interface ConfigOverrides extends Partial<Omit<Config, 'labels' | 'providers' | 'targets' | 'diskimages'>> {
  readonly labels?: readonly LabelConfig[];
  /** Without them: one for each that a label names, with the images that its labels use. */
  readonly providers?: readonly ProviderConfig[];
  readonly targets?: readonly TargetConfig[];
  /** Without them: one for each that a provider image names. */
  readonly diskimages?: readonly DiskimageConfig[];
}

/** A configuration. Throws on a label whose provider or image is missing: the loader lets none through. */
export function aConfig(overrides: ConfigOverrides = {}): Config {
  const labels = overrides.labels ?? [
    aLabel(overrides.providers ? { providers: overrides.providers.map((provider) => provider.name) } : {}),
  ];
  const providers = byName(overrides.providers ?? providersOf(labels));
  for (const { name, image, providers: names } of labels) {
    const dangling = names.find((provider) => !providers.get(provider)?.images.has(image));
    if (dangling !== undefined) throw new Error(`label ${name}: provider ${dangling} has no image ${image}`);
  }
  return {
    path: '/etc/nodepool/nodepool.yaml',
    scriptDir: null,
    elementsDir: null,
    imagesDir: null,
    buildLogDir: null,
    imageFailureShare: 0.5,
    imageCanary: false,
    database: { kind: 'sqlite', file: ':memory:' },
    cron: { imageUpdate: '14 2 * * *', cleanup: '* * * * *', check: '*/15 * * * *' },
    zmqPublishers: [],
    gearmanServers: [],
    requests: { ttlMs: 4 * 3_600_000, maxTtlMs: 7 * 86_400_000 },
    api: { host: '127.0.0.1', port: 0, rateLimit: 100 },
    eventRetentionMs: 30 * 86_400_000,
    ...overrides,
    labels: byName(labels),
    providers,
    targets: byName(overrides.targets ?? [aTarget()]),
    diskimages: byName(overrides.diskimages ?? diskimagesOf([...providers.values()])),
  };
}

function providersOf(labels: readonly LabelConfig[]): ProviderConfig[] {
  const names = new Set(labels.flatMap((label) => label.providers));
  return [...names].map((name) => {
    const images = labels.filter((label) => label.providers.includes(name)).map((label) => label.image);
    return aProvider({ name, images: imagesNamed(...images) });
  });
}

function diskimagesOf(providers: readonly ProviderConfig[]): DiskimageConfig[] {
  const sources = providers.flatMap(({ images }) => [...images.values()].map(({ source }) => source));
  return sources.flatMap((source) =>
    source.kind === 'diskimage' ? [aDiskimageConfig({ name: source.diskimage })] : [],
  );
}

function byName<T extends { readonly name: string }>(items: readonly T[]): ReadonlyMap<string, T> {
  return new Map(items.map((item) => [item.name, item]));
}

export function tagsOf(
  kind: 'node' | 'subnode' | 'image',
  record: { id: number; createdAt: number },
  attempt = 1,
): Tags {
  return { installation: INSTALLATION, record: recordKey(kind, record), attempt };
}

/** An ACTIVE server of somebody else. */
export function aServer(overrides: Partial<Server> = {}, ids: Ids = sharedIds): Server {
  const id = overrides.id ?? serverId(`server-${ids()}`);
  return {
    id,
    name: `name-of-${id}`,
    status: 'active',
    ip: '203.0.113.1',
    ipPrivate: '10.0.0.1',
    tags: null,
    wantsFloatingIp: false,
    fault: null,
    size: null,
    ...overrides,
  };
}

type Slot = ServerSlot & { readonly id: number };

function serverOf(kind: 'node' | 'subnode' | 'image', slot: Slot): Server[] {
  const { serverId: id, ip, ipPrivate } = slot;
  return id === null ? [] : [aServer({ id, ip, ipPrivate, tags: tagsOf(kind, slot, slot.attempt) })];
}

/** The listed servers of nodes and their subnodes, as far as the records know them. */
export function serversOf(...nodes: readonly NodeRecord[]): Server[] {
  return nodes.flatMap((node) => [
    ...serverOf('node', node),
    ...node.subnodes.flatMap((subnode) => serverOf('subnode', subnode)),
  ]);
}

/** The listed template servers of images, as far as the records know them. */
export function templatesOf(...images: readonly ImageRecord[]): Server[] {
  return images.flatMap((image) => serverOf('image', image));
}

/** The listed images of image records, as far as these know them. */
export function cloudImagesOf(...images: readonly ImageRecord[]): CloudImage[] {
  return images.flatMap((image) =>
    image.cloudImageId === null
      ? []
      : [
          {
            id: image.cloudImageId,
            name: image.hostname ?? '',
            status: 'active' as const,
            tags: tagsOf('image', image, image.attempt),
            isSnapshot: true,
            bytes: null,
            digest: null,
          },
        ],
  );
}

export function aListing<T>(items: readonly T[] = [], takenAt = NOW): Listing<T> {
  return { known: true, takenAt, items };
}

export function anUnknownListing(error: string | null = 'no answer', retryAt = NOW): Listing<never> {
  return { known: false, error, retryAt };
}

/** A cloud without a lag that may be listed every second, and is polled as often. */
export function aTraits(overrides: Partial<ProviderTraits> = {}): ProviderTraits {
  return { listIntervalMs: 1000, pollIntervalMs: 1000, listingLagMs: 0, concurrency: 10, ...overrides };
}

/** What a cloud allows that was asked at `readAt`: everything, but for the overrides. */
export function limitsAt(readAt: number, overrides: Partial<CloudLimits> = {}): NonNullable<CloudView['limits']> {
  return { servers: null, cores: null, ramMb: null, floatingIps: null, flavors: [], ...overrides, readAt };
}

/** A flavor that fits the default image. */
export function aFlavor(overrides: Partial<Flavor> = {}): Flavor {
  const name = overrides.name ?? 'medium';
  return { id: `id-of-${name}`, name, cores: 4, ramMb: 8192, diskGb: 80, ...overrides };
}

/** A cloud that was just listed and is empty, without a limit. */
export function aCloudView(overrides: Partial<CloudView> = {}): CloudView {
  return {
    traits: aTraits(),
    servers: aListing(),
    images: aListing(),
    accessories: aListing(),
    hintedAt: 0,
    limits: limitsAt(NOW),
    ...overrides,
  };
}

/** A world with all leases, whose clouds were just listed and show what its records know. */
export function aWorld(overrides: Partial<World> = {}): World {
  const config = overrides.config ?? aConfig();
  const { nodes = [], images = [], now = NOW } = overrides;
  const providers = [...config.providers.keys()];
  const cloudOf = (provider: string): CloudView => {
    const isThere = (record: { provider: string }): boolean => record.provider === provider;
    return aCloudView({
      servers: aListing([...serversOf(...nodes.filter(isThere)), ...templatesOf(...images.filter(isThere))], now),
      images: aListing(cloudImagesOf(...images.filter(isThere)), now),
      limits: limitsAt(now),
    });
  };
  return {
    now,
    config,
    installation: INSTALLATION,
    switches: { launches: true, deletes: true, images: true },
    workshop: { directory: null, problem: null, workers: { builds: 1, uploads: 4 } },
    leases: new Set(['supply', ...providers.map((provider) => `provider:${provider}`)]),
    ...NO_RECORDS,
    nodes,
    images,
    targets: new Map(),
    clouds: new Map(providers.map((provider) => [provider, cloudOf(provider)])),
    elsewhere: new Set(),
    demand: new Map(),
    busy: new Map(),
    memory: EMPTY_MEMORY,
    ...overrides,
  };
}

/** The options of a `nodepoold` that was given none. */
export function aDaemonOptions(overrides: Partial<DaemonOptions> = {}): DaemonOptions {
  return {
    program: 'nodepoold',
    foreground: false,
    config: null,
    secure: null,
    logging: null,
    pidFile: null,
    fake: false,
    switches: { deletes: true, launches: true, images: true },
    builder: true,
    api: true,
    workers: { builds: 1, uploads: 4 },
    detached: false,
    ...overrides,
  };
}
