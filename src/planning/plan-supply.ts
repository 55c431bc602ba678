/** Plans new nodes: what each label is short of, divided over providers, targets and zones. */
import type { LabelConfig, ProviderConfig } from '../config/types.ts';
import type { ImageRecord } from '../lifecycle/records.ts';
import type { Launch } from './actions.ts';
import { allocate, type AllocationRequest, type Grant } from './allocate.ts';
import type { Capacity } from './capacity.ts';
import { countDeficits, countTargetLoads, type Deficit } from './deficit.ts';
import type { Draft } from './draft.ts';
import type { Round } from './memory.ts';
import { isResting, launchPlace, providerPlace } from './places.ts';
import { chooseZones } from './zones.ts';

export function planSupply(draft: Draft): readonly Round[] {
  const { config, leases, memory, switches, nodes } = draft.world;
  if (!switches.launches || !leases.has('supply') || draft.isBusy('supply')) return memory.rounds;
  const capacities = draft.capacities();
  const available = new Map([...capacities.keys()].map((provider) => [provider, draft.freePlaces(provider)]));
  const targets = [...config.targets.keys()];
  const deficits = countDeficits({
    labels: config.labels,
    nodes,
    demand: draft.world.demand,
    onlineTargets: new Set(targets),
    available,
  });
  if (deficits.every(({ amount, dropped }) => amount === 0 && dropped === 0)) return [];
  noteNothingToGive(draft, targets);
  const images = currentImages(draft.world.images);
  const requests = deficits.filter(({ amount }) => amount > 0).map((deficit) => openRequest(draft, deficit, images));
  const allocation = allocate({
    providers: Array.from(available, ([name, places]) => ({ name, available: places })),
    requests,
    targets: countTargetLoads(nodes, targets),
    rounds: memory.rounds,
  });
  const left = new Map(deficits.map(({ label, forDemand }) => [label, forDemand]));
  const launches: Launch[] = [];
  for (const grant of allocation.grants) launches.push(...openLaunches(draft, grant, { left, images, launches }));
  if (launches.length > 0) {
    draft.order({ kind: 'launch-nodes', subject: 'supply', reason: launches[0]?.reason ?? 'min-ready', launches });
  }
  noteShortages(draft, { deficits, launches, capacities });
  // Where nothing could be given there was no division: waits that passes alone count would all end up equal.
  return allocation.grants.length === 0 ? memory.rounds : allocation.rounds;
}

function noteNothingToGive(draft: Draft, targets: readonly string[]): void {
  if (targets.length === 0) draft.note('targets', 'no node is launched: the configuration has no target');
}

/** The newest READY image per provider and name. */
function currentImages(images: readonly ImageRecord[]): ReadonlyMap<string, ImageRecord> {
  const current = new Map<string, ImageRecord>();
  for (const image of images) {
    if (image.state !== 'ready' || image.cloudImageId === null) continue;
    const key = `${image.provider}/${image.image}`;
    const known = current.get(key);
    if (known === undefined || image.version > known.version) current.set(key, image);
  }
  return current;
}

function openRequest(
  draft: Draft,
  { label: name, amount }: Deficit,
  images: ReadonlyMap<string, ImageRecord>,
): AllocationRequest {
  const label = draft.world.config.labels.get(name) as LabelConfig;
  const providers = label.providers.filter((provider) => {
    const obstacle = findObstacle(draft, label, { provider, images });
    if (obstacle !== null) draft.note(`label ${name} at ${provider}`, obstacle);
    return obstacle === null;
  });
  return { label: name, amount, subnodes: label.subnodes, providers };
}

interface Offer {
  readonly provider: string;
  readonly images: ReadonlyMap<string, ImageRecord>;
}

/** Why a provider cannot supply a label now; null: it can. */
function findObstacle(draft: Draft, label: LabelConfig, { provider, images }: Offer): string | null {
  const config = draft.world.config.providers.get(provider) as ProviderConfig;
  if (!images.has(`${provider}/${label.image}`)) return describeMissingImage(config, label);
  const unknown = describeUnknown(draft, provider);
  if (unknown !== null) return unknown;
  const whole = isResting(draft, providerPlace(provider));
  if (whole !== null) return describeRest(whole);
  const zones = config.availabilityZones.length === 0 ? [null] : config.availabilityZones;
  const rests = zones.map((az) => isResting(draft, launchPlace({ provider, az }, label.image)));
  const [first] = rests;
  return first !== undefined && first !== null && rests.every((rest) => rest !== null) ? describeRest(first) : null;
}

/** Only who acts on a cloud knows it; the provider of another daemon is supplied without. */
function describeUnknown(draft: Draft, provider: string): string | null {
  const cloud = draft.world.clouds.get(provider);
  if (!draft.holds(provider) || cloud === undefined) return null;
  if (cloud.servers.known) return cloud.limits === null ? 'the limits of the cloud have not been read yet' : null;
  return `the state of the cloud is unknown${cloud.servers.error === null ? '' : `: ${cloud.servers.error}`}`;
}

function describeMissingImage(provider: ProviderConfig, label: LabelConfig): string {
  const source = provider.images.get(label.image)?.source;
  const wait =
    source?.kind === 'diskimage'
      ? `waits for disk image ${source.diskimage}, of which no upload is READY`
      : 'waits for its image to be built';
  return `${wait} (image ${label.image})`;
}

function describeRest({ retryAt, count, lastError }: { retryAt: number; count: number; lastError: string }): string {
  return `not tried before ${new Date(retryAt).toISOString()} after ${count} failures: ${lastError}`;
}

interface Supplies {
  /** Nodes per label that demand still asks for; what is left goes to min-ready. */
  readonly left: Map<string, number>;
  readonly images: ReadonlyMap<string, ImageRecord>;
  /** Those of earlier grants. */
  readonly launches: readonly Launch[];
}

function openLaunches(draft: Draft, grant: Grant, { left, images, launches }: Supplies): Launch[] {
  const label = draft.world.config.labels.get(grant.label) as LabelConfig;
  const image = images.get(`${grant.provider}/${label.image}`) as ImageRecord;
  const zones = chooseZones(draft, grant, { image: label.image, ordered: launches });
  const forDemand = left.get(label.name) ?? 0;
  left.set(label.name, forDemand - zones.length);
  return zones.map((az, index) => ({
    label: label.name,
    provider: grant.provider,
    target: grant.target,
    az,
    imageId: image.id,
    subnodes: label.subnodes,
    reason: index < forDemand ? 'demand' : 'min-ready',
  }));
}

interface Result {
  readonly deficits: readonly Deficit[];
  readonly launches: readonly Launch[];
  readonly capacities: ReadonlyMap<string, Capacity>;
}

function noteShortages(draft: Draft, { deficits, launches, capacities }: Result): void {
  for (const { label, amount, dropped, room } of deficits) {
    const launched = launches.filter((launch) => launch.label === label).length;
    const providers = draft.world.config.labels.get(label)?.providers ?? [];
    if (providers.length === 0 && amount + dropped > 0) {
      draft.note(`label ${label}`, 'no provider may supply it');
      continue;
    }
    const full = providers.map((name) => describePlaces(capacities.get(name))).join('; ');
    if (dropped > 0)
      draft.note(`label ${label}`, `${dropped} more for min-ready do not fit: there is room for ${room} (${full})`);
    if (launched < amount)
      draft.note(`label ${label}`, `${amount - launched} of ${amount} missing nodes are not launched now (${full})`);
  }
}

function describePlaces(capacity: Capacity | undefined): string {
  if (capacity === undefined) return 'unknown provider';
  const limit = capacity.limit === null ? '' : `, the cloud allows ${capacity.limit}`;
  return `${capacity.provider} has ${capacity.available} free of ${capacity.maxServers}${limit}`;
}
