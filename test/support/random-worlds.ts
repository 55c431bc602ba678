/**
 * Random worlds for properties of the planner: rows in all states with all kinds of servers behind them, clouds that
 * show them or not, configurations that have moved on. Times are such that limits have just passed or just not.
 */
import fc from 'fast-check';
import type { Config } from '../../src/config/types.ts';
import { cloudImageId, serverId } from '../../src/lib/ids.ts';
import type {
  DiskImageRecord,
  FailureRecord,
  ImageRecord,
  NodeRecord,
  ServerSlot,
} from '../../src/lifecycle/records.ts';
import type { Memory } from '../../src/planning/memory.ts';
import type { Busy, CloudView, Listing, Subject, World } from '../../src/planning/world.ts';
import type { Accessory, CloudImage, Flavor, Server, ServerSize, ServerStatus } from '../../src/providers/provider.ts';
import {
  aConfig,
  aDiskimageConfig,
  aFlavor,
  aLabel,
  anImage,
  aNode,
  anUnknownListing,
  aProvider,
  aProviderImage,
  aServer,
  aSubnode,
  aTraits,
  IMAGES_DIRECTORY_ID,
  INSTALLATION,
  limitsAt,
  NOW,
  tagsOf,
} from './builders.ts';
import { aRandomBuild, aRandomPause, aWorkshop, DISK_IMAGES, IMAGES, PROVIDERS } from './random-disk-images.ts';
import { HOUR, maybe, recently, time } from './random-times.ts';
import { aRandomTargetView, aTargetKind, aUse, someRequests, someRules, targetOf } from './random-use.ts';

/** Named by rows: the first left the configuration and can be reached, the second cannot. */
const FORMER = ['left', 'lost'] as const;
const LABELS = ['l0', 'l1', 'l2'] as const;
/** Mostly labels that are configured. */
const LABELS_OF_ROWS = [...LABELS, ...LABELS, ...LABELS, 'removed'] as const;
const PROVIDERS_OF_ROWS = [...PROVIDERS, ...PROVIDERS, ...PROVIDERS, ...FORMER] as const;
const TARGETS = ['t0', 't1'] as const;

/** The second image needs a larger flavor than the first. */
const BIG = { name: 'debian', minRamMb: 9000, nameFilter: 'big' };
const FLAVORS: readonly Flavor[] = [
  aFlavor({ name: 'tiny', cores: 1, ramMb: 512 }),
  aFlavor({ name: 'medium', cores: 2, ramMb: 8192 }),
  aFlavor({ name: 'big', cores: 6, ramMb: 16_384 }),
];
const aSize: fc.Arbitrary<ServerSize | null> = fc.constantFrom(null, ...FLAVORS, { cores: 3, ramMb: 5000 });

const aRandomConfig: fc.Arbitrary<Config> = fc
  .record({
    providers: fc.array(
      fc.record({
        maxServers: fc.integer({ min: -1, max: 24 }),
        zones: fc.subarray(['a', 'b', 'c']),
        /** Which disk image each image is made of; null: it is a snapshot. */
        sources: fc.record({
          ubuntu: fc.constantFrom<((typeof DISK_IMAGES)[number] | null)[]>(null, null, 'ubuntu'),
          debian: fc.constantFrom<((typeof DISK_IMAGES)[number] | null)[]>(null, 'd', 'd', 'ubuntu'),
        }),
        imageType: fc.constantFrom('qcow2', 'qcow2', 'vhd'),
        paused: fc.subarray([...IMAGES], { maxLength: 1 }),
      }),
      { minLength: PROVIDERS.length, maxLength: PROVIDERS.length },
    ),
    labels: fc.array(
      fc.record({
        image: fc.constantFrom(...IMAGES),
        minReady: fc.integer({ min: -1, max: 5 }),
        subnodes: fc.nat(2),
        providers: fc.subarray([...PROVIDERS]),
      }),
      { minLength: LABELS.length, maxLength: LABELS.length },
    ),
    targets: fc.constantFrom<(readonly (typeof TARGETS)[number][])[]>(TARGETS, TARGETS, TARGETS, TARGETS.slice(1), []),
    targetKinds: fc.record({ t0: aTargetKind, t1: aTargetKind }),
    diskimages: fc.array(
      fc.record({
        formats: fc.constantFrom(['qcow2'], ['qcow2', 'vhd']),
        rebuildAgeMs: maybe(fc.constantFrom(HOUR, 8 * HOUR)),
        pause: fc.constantFrom(false, false, false, true),
      }),
      { minLength: DISK_IMAGES.length, maxLength: DISK_IMAGES.length },
    ),
    imageCanary: fc.boolean(),
    imageFailureShare: fc.constantFrom(0, 0.5, 0.5, 1),
  })
  .map(({ providers, labels, targets, targetKinds, diskimages, ...settings }) =>
    aConfig({
      ...settings,
      providers: providers.map(({ sources, paused, maxServers, imageType, zones }, index) => {
        const images = new Map(
          IMAGES.map((name) => {
            const diskimage = sources[name];
            const source = diskimage === null ? {} : { source: { kind: 'diskimage' as const, diskimage } };
            const pause = paused.includes(name);
            return [name, aProviderImage({ name, pause, ...(name === 'debian' ? BIG : {}), ...source })] as const;
          }),
        );
        return aProvider({ name: PROVIDERS[index]!, maxServers, availabilityZones: zones, images, imageType });
      }),
      labels: labels.map((label, index) => aLabel({ ...label, name: LABELS[index]! })),
      targets: targets.map((name) => targetOf(name, targetKinds[name])),
      diskimages: diskimages.map((config, index) => aDiskimageConfig({ name: DISK_IMAGES[index]!, ...config })),
    }),
  );

/** What the cloud shows of a server: none, it, a double as well, only a double. */
const SHOWN = ['nothing', 'it', 'it', 'it', 'both', 'double'] as const;
const STATUSES: readonly ServerStatus[] = [
  'building',
  'active',
  'active',
  'active',
  'active',
  'error',
  'deleting',
  'unknown',
];

interface SlotDraft {
  readonly isKnown: boolean;
  readonly attempt: number;
  readonly attemptAt: number | null;
  readonly activeAt: number | null;
  readonly reachableAt: number | null;
  readonly deleteAt: number | null;
  readonly createdAt: number;
  readonly shown: (typeof SHOWN)[number];
  readonly status: ServerStatus;
  readonly hasAddress: boolean;
  readonly wantsFloatingIp: boolean;
  readonly size: ServerSize | null;
}

const aSlotDraft: fc.Arbitrary<SlotDraft> = fc.record({
  isKnown: fc.boolean(),
  attempt: fc.integer({ min: 1, max: 4 }),
  attemptAt: maybe(recently),
  activeAt: fc.option(recently, { freq: 3 }),
  reachableAt: maybe(recently),
  deleteAt: maybe(recently),
  createdAt: recently,
  shown: fc.constantFrom(...SHOWN),
  status: fc.constantFrom(...STATUSES),
  hasAddress: fc.boolean(),
  wantsFloatingIp: fc.boolean(),
  size: aSize,
});

function slotOf(draft: SlotDraft, name: string): ServerSlot {
  const { isKnown, attempt, attemptAt, activeAt, reachableAt, deleteAt, createdAt } = draft;
  const id = isKnown ? serverId(name) : null;
  return {
    serverId: id,
    attempt: isKnown || attemptAt !== null ? attempt : 0,
    attemptAt,
    activeAt,
    reachableAt: isKnown ? reachableAt : null,
    deleteAt,
    ip: null,
    ipPrivate: null,
    hostKey: null,
    createdAt,
  };
}

function serversShown(
  { shown, status, hasAddress, wantsFloatingIp, size }: SlotDraft,
  name: string,
  tags: Server['tags'],
): Server[] {
  const server = (id: string): Server =>
    aServer({ id: serverId(id), status, tags, wantsFloatingIp, size, ip: hasAddress ? '203.0.113.1' : null });
  const own = shown === 'it' || shown === 'both' ? [server(name)] : [];
  return shown === 'double' || shown === 'both' ? [server(`${name}-double`), ...own] : own;
}

const aNodeDraft = fc.record({
  slot: aSlotDraft,
  subnodes: fc.array(aSlotDraft, { maxLength: 2 }),
  provider: fc.constantFrom(...PROVIDERS_OF_ROWS),
  label: fc.constantFrom(...LABELS_OF_ROWS),
  target: fc.constantFrom(...TARGETS),
  az: maybe(fc.constantFrom('a', 'b', 'c')),
  state: fc.constantFrom('building', 'building', 'test', 'ready', 'used', 'hold', 'delete', 'delete'),
  stateAt: recently,
  imageId: fc.nat(6),
  scriptAt: fc.option(time, { freq: 5 }),
  checkedAt: maybe(time),
  checkFailures: fc.nat(3),
  useIn: aUse,
});

const anImageDraft = fc.record({
  slot: aSlotDraft,
  provider: fc.constantFrom(...PROVIDERS_OF_ROWS),
  image: fc.constantFrom(...IMAGES, ...IMAGES, ...IMAGES, 'removed'),
  state: fc.constantFrom('building', 'ready', 'ready', 'ready', 'delete'),
  stateAt: time,
  version: fc.integer({ min: 1, max: 5 }),
  reason: fc.constantFrom(null, 'operator', 'forced'),
  isSaved: fc.boolean(),
  progress: fc.constantFrom(0, 1, 2, 3, 4, 4),
  saveAt: recently,
  diskImageId: maybe(fc.nat(5)),
  withdrawnAt: fc.constantFrom(null, null, null, null, NOW - 1000),
  launchesOk: fc.constantFrom(0, 0, 1, 2, 5),
  launchesFailed: fc.constantFrom(0, 0, 2, 3, 8, 8),
  shownImage: fc.constantFrom(...SHOWN),
  imageStatus: fc.constantFrom<CloudImage['status'][]>('saving', 'active', 'active', 'error', 'deleting'),
});

interface Content {
  readonly nodes: NodeRecord[];
  readonly images: ImageRecord[];
  readonly servers: Map<string, Server[]>;
  readonly cloudImages: Map<string, CloudImage[]>;
}

function put<T>(map: Map<string, T[]>, key: string, items: readonly T[]): void {
  map.set(key, [...(map.get(key) ?? []), ...items]);
}

type Drafted<A> = A extends fc.Arbitrary<infer T> ? T : never;
type NodeDraft = Drafted<typeof aNodeDraft>;
type ImageDraft = Drafted<typeof anImageDraft>;

function addNode(content: Content, { slot, subnodes, useIn, ...fields }: NodeDraft, index: number): void {
  const name = `node-${index}`;
  const subnodeRecords = subnodes.map((draft, position) => {
    const id = 10 * index + position;
    const record = aSubnode({
      id,
      state: draft.reachableAt === null ? 'building' : 'ready',
      ...slotOf(draft, `${name}-sub-${position}`),
    });
    put(content.servers, fields.provider, serversShown(draft, `${name}-sub-${position}`, tagsOf('subnode', record)));
    return record;
  });
  const heldFrom = fields.state === 'hold' ? ('ready' as const) : null;
  const facts = { ...fields, heldFrom, ...useIn(fields.state), ...slotOf(slot, name) };
  const record = aNode({ id: index, ...facts, subnodes: subnodeRecords });
  put(content.servers, fields.provider, serversShown(slot, name, tagsOf('node', record)));
  content.nodes.push(record);
}

/** What has been done for an image that has come so far. */
function stepsOf({ state, progress, isSaved, saveAt, withdrawnAt }: ImageDraft, name: string): Partial<ImageRecord> {
  const isDone = state === 'ready';
  const isSaveAsked = isDone || progress > 3;
  return {
    setupAt: isDone || progress > 1 ? saveAt : null,
    setupDoneAt: isDone || progress > 2 ? saveAt : null,
    saveAt: isSaveAsked ? saveAt : null,
    saveAttempt: Number(isSaveAsked),
    withdrawnAt: isDone ? withdrawnAt : null,
    cloudImageId: isDone || (progress > 3 && isSaved) ? cloudImageId(name) : null,
  };
}

function addImage(content: Content, draft: ImageDraft, index: number): void {
  const { slot, isSaved: _, progress, shownImage, imageStatus, ...fields } = draft;
  const name = `image-${index}`;
  const record = anImage({
    id: index,
    ...fields,
    ...slotOf(slot, `template-${index}`),
    ...(progress === 0 ? { serverId: null } : {}),
    ...stepsOf(draft, name),
  });
  const tags = tagsOf('image', record);
  put(content.servers, fields.provider, serversShown(slot, `template-${index}`, tags));
  const cloudImage = (id: string): CloudImage => ({
    id: cloudImageId(id),
    name,
    status: imageStatus,
    tags,
    isSnapshot: true,
    bytes: null,
    digest: null,
  });
  const own = shownImage === 'it' || shownImage === 'both' ? [cloudImage(name)] : [];
  const double = shownImage === 'double' || shownImage === 'both' ? [cloudImage(`${name}-double`)] : [];
  put(content.cloudImages, fields.provider, [...double, ...own]);
  content.images.push(record);
}

const aCloudDraft = fc.record({
  serversAt: fc.option(recently, { freq: 8 }),
  imagesAt: fc.option(recently, { freq: 8 }),
  accessoriesAt: fc.option(recently, { freq: 8 }),
  hintedAt: fc.constantFrom(0, NOW - 1000, NOW),
  pollMs: fc.constantFrom(1000, 5000),
  retryAt: fc.constantFrom(NOW - 1, NOW, NOW + 1, NOW + 5000),
  lagMs: fc.constantFrom(0, 5000),
  limit: fc.option(fc.integer({ min: 0, max: 40 }), { freq: 3 }),
  cores: fc.option(fc.integer({ min: 0, max: 160 }), { freq: 3 }),
  ramMb: fc.option(fc.integer({ min: 0, max: 500_000 }), { freq: 3 }),
  floatingIps: fc.option(fc.integer({ min: 0, max: 40 }), { freq: 3 }),
  flavors: fc.constantFrom(FLAVORS, FLAVORS, FLAVORS, FLAVORS.slice(0, 2), []),
  sizes: fc.tuple(aSize, aSize, aSize),
  limitsAt: fc.option(time, { freq: 6 }),
  foreign: fc.nat(3),
  lost: fc.nat(2),
});
type CloudDraft = Drafted<typeof aCloudDraft>;

/** Key pairs and floating IPs of all kinds of records, in use or not, those of others and of none among them. */
function accessoriesOf({ nodes, images, servers }: Content, provider: string): Accessory[] {
  const owners = [
    ...images.map((image) => tagsOf('image', image)),
    ...nodes.map((node) => tagsOf('node', node)),
    tagsOf('node', { id: 1000, createdAt: NOW - HOUR }),
    { ...tagsOf('node', { id: 1001, createdAt: NOW - HOUR }), installation: 'other' },
    null,
  ];
  const listed = servers.get(provider) ?? [];
  return owners.flatMap((tags, index) =>
    (['keypair', 'floating-ip', 'port'] as const).map((kind) => {
      const id = `${provider}-${kind}-${index}`;
      const user = index % 3 === 0 ? serverId('vanished') : (listed[index]?.id ?? null);
      return { kind, id, name: id, serverId: kind === 'keypair' ? null : user, tags };
    }),
  );
}

function cloudOf(draft: CloudDraft, provider: string, content: Content): CloudView {
  const listing = <T>(takenAt: number | null, items: readonly T[]): Listing<T> =>
    takenAt === null ? anUnknownListing(null, draft.retryAt) : { known: true, takenAt, items };
  const lost = Array.from({ length: draft.lost }, (_, index) =>
    aServer({
      id: serverId(`${provider}-lost-${index}`),
      tags: tagsOf('node', { id: 1000 + index, createdAt: NOW - HOUR }),
      size: draft.sizes[index] ?? null,
    }),
  );
  const foreign = Array.from({ length: draft.foreign }, (_, index) =>
    aServer({
      id: serverId(`${provider}-foreign-${index}`),
      tags: index === 0 ? null : { ...tagsOf('node', { id: 1, createdAt: NOW }), installation: 'other' },
      size: draft.sizes[index] ?? null,
    }),
  );
  const { limit: servers, cores, ramMb, floatingIps, flavors } = draft;
  const limits = { servers, cores, ramMb, floatingIps, flavors };
  return {
    traits: aTraits({ listingLagMs: draft.lagMs, pollIntervalMs: draft.pollMs }),
    servers: listing(draft.serversAt, [...foreign, ...(content.servers.get(provider) ?? []), ...lost]),
    images: listing(draft.imagesAt, content.cloudImages.get(provider) ?? []),
    accessories: listing(draft.accessoriesAt, accessoriesOf(content, provider)),
    hintedAt: draft.hintedAt,
    limits: draft.limitsAt === null ? null : limitsAt(draft.limitsAt, limits),
  };
}

const aFailure: fc.Arbitrary<FailureRecord> = fc
  .record({
    kind: fc.constantFrom('launch', 'launch', 'launch', 'build', 'provider', 'disk-image'),
    provider: fc.constantFrom(...PROVIDERS),
    image: fc.constantFrom(...IMAGES),
    az: maybe(fc.constantFrom('a', 'b', 'c')),
    count: fc.integer({ min: 1, max: 5 }),
    lastAt: time,
    lastError: fc.constant('HTTP 500'),
    retryAt: fc.constantFrom(NOW - 1, NOW, NOW + 1, NOW + 60_000),
  })
  .map(({ kind, provider, image, az, ...failure }) => ({
    ...failure,
    kind,
    provider: kind === 'disk-image' ? '' : provider,
    image: kind === 'provider' ? null : image,
    az: kind === 'launch' ? az : null,
  }));

/** There is one record per place. */
const placeOf = ({ kind, provider, image, az }: FailureRecord): string => [kind, provider, image, az].join('/');

/** What the planner remembers: some of all that it can see now, from earlier listings. */
function memoryOf(
  { cron, oddities }: { cron: Memory['cron']; oddities: readonly (number | null)[] },
  clouds: World['clouds'],
): Memory {
  const sightings = new Map<string, number>();
  let turn = 0;
  const remember = (key: string): void => {
    const at = oddities[(turn += 1) % oddities.length];
    if (at != null) sightings.set(key, at);
  };
  for (const [provider, { servers, images, accessories }] of clouds) {
    if (accessories.known)
      for (const { kind, id } of accessories.items) remember(`accessory/${provider}/${kind}/${id}`);
    if (servers.known) for (const { id } of servers.items) remember(`leak/${provider}/${id}`);
    if (images.known) for (const { id } of images.items) remember(`leak-image/${provider}/${id}`);
  }
  for (const provider of clouds.keys()) {
    for (let index = 0; index < 12; index += 1) {
      remember(`missing/${provider}/node-${index}`);
      remember(`missing/${provider}/template-${index}`);
      remember(`missing-image/${provider}/image-${index}`);
    }
  }
  for (let index = 0; index < 12; index += 1) {
    remember(`agent of node ${index} is gone`);
    remember(`job of node ${index} is not seen`);
  }
  return { rounds: [], sightings, cron };
}

/** Most uploads are of builds of the disk image that the configuration names. */
function matchBuilds(
  images: readonly ImageRecord[],
  builds: readonly DiskImageRecord[],
  { providers }: Config,
): ImageRecord[] {
  return images.map((row) => {
    const source = providers.get(row.provider)?.images.get(row.image)?.source;
    const own = builds.filter(({ image }) => source?.kind === 'diskimage' && image === source.diskimage);
    const { diskImageId } = row;
    return diskImageId === null || own.length === 0 ? row : { ...row, diskImageId: own[diskImageId % own.length]!.id };
  });
}

const someSwitches = fc.record({ launches: fc.boolean(), deletes: fc.boolean(), images: fc.boolean() });
const aBusy: fc.Arbitrary<Busy> = fc.constantFrom<Busy[]>({ until: 'done' }, { until: NOW }, { until: NOW + 700 });

/** Subjects of all kinds, of which some are busy. */
const SUBJECTS: readonly Subject[] = [
  'supply',
  'history',
  ...Array.from(
    { length: 12 },
    (_, index) => [`node:${index}`, `handover:${index}`, `image:${index}`, `subnode:${10 * index}`] as const,
  ).flat(),
  ...PROVIDERS.flatMap(
    (name) =>
      [`servers:${name}`, `images:${name}`, `limits:${name}`, `accessories:${name}`, `build:${name}/ubuntu`] as const,
  ),
  ...[0, 1, 2, 3, 4, 5].map((index) => `disk-image:${index}` as const),
  'disk-build:ubuntu',
  'images-directory',
  'requests',
  'request-ends',
  'target:t0',
];

/** Those of a daemon that does everything. */
export const ALL_LEASES: readonly string[] = [
  'supply',
  ...[...PROVIDERS, 'left'].map((name) => `provider:${name}`),
  `images:${IMAGES_DIRECTORY_ID}`,
  ...DISK_IMAGES.map((name) => `diskimage:${name}`),
];

export const aRandomWorld: fc.Arbitrary<World> = fc
  .record({
    config: aRandomConfig,
    nodes: fc.array(aNodeDraft, { maxLength: 12, size: 'max' }),
    images: fc.array(anImageDraft, { maxLength: 12, size: 'max' }),
    diskImages: fc.array(aRandomBuild, { maxLength: 6, size: 'max' }),
    pauses: fc.array(aRandomPause, { maxLength: 2 }),
    workshop: aWorkshop,
    clouds: fc.array(aCloudDraft, { minLength: 4, maxLength: 4 }),
    leases: fc.oneof(
      { weight: 2, arbitrary: fc.constant([...ALL_LEASES]) },
      { weight: 1, arbitrary: fc.subarray([...ALL_LEASES]) },
    ),
    switches: fc.oneof(
      { weight: 2, arbitrary: fc.constant({ launches: true, deletes: true, images: true }) },
      { weight: 1, arbitrary: someSwitches },
    ),
    failures: fc.uniqueArray(aFailure, { maxLength: 6, selector: placeOf }),
    busy: fc.array(fc.tuple(fc.constantFrom(...SUBJECTS), aBusy), { maxLength: 8 }),
    demand: fc.dictionary(fc.constantFrom(...LABELS), fc.nat(6)),
    requests: someRequests(LABELS_OF_ROWS),
    jobs: someRules,
    said: fc.record({ t0: aRandomTargetView, t1: aRandomTargetView }),
    oddities: fc.array(maybe(time), { minLength: 7, maxLength: 7 }),
    cron: fc.record({
      lookedAt: fc.constantFrom(null, NOW, NOW - 60_000),
      firedAt: fc.record({ imageUpdate: maybe(time), cleanup: maybe(time), check: maybe(time) }),
    }),
  })
  .map(({ nodes, images, diskImages, clouds, leases, busy, demand, said, oddities, cron, ...given }) => {
    const content: Content = { nodes: [], images: [], servers: new Map(), cloudImages: new Map() };
    nodes.forEach((draft, index) => addNode(content, draft, index));
    images.forEach((draft, index) => addImage(content, draft, index));
    const builds = diskImages.map((build, id) => ({ ...build, id }));
    const views = new Map(
      [...PROVIDERS, FORMER[0]].map((name, index) => [name as string, cloudOf(clouds[index]!, name, content)]),
    );
    return {
      ...given,
      now: NOW,
      installation: INSTALLATION,
      leases: new Set(leases),
      nodes: content.nodes,
      images: matchBuilds(content.images, builds, given.config),
      diskImages: builds,
      intents: [],
      targets: new Map(Object.entries(said)),
      clouds: views,
      elsewhere: new Set<string>(),
      demand: new Map(Object.entries(demand)),
      busy: new Map(busy),
      memory: memoryOf({ cron, oddities }, views),
    };
  });
