/** Plans new nodes: what each label is short of, divided over providers, targets and zones. */
import type { LabelConfig, ProviderConfig } from '../config/types.ts';
import type { ImageRecord } from '../lifecycle/records.ts';
import type { Launch } from './actions.ts';
import { allocate, type AllocationRequest, type Grant } from './allocate.ts';
import { chooseImages, type ImageChoice } from './choose-image.ts';
import { countDeficits, countTargetLoads, type Deficit } from './deficit.ts';
import type { Draft } from './draft.ts';
import type { Round } from './memory.ts';
import { describeRest, findProbation, isResting, launchPlace, providerPlace } from './places.ts';
import { describeLeft, estimate, freeServers, type Order } from './quota.ts';
import { chooseZones } from './zones.ts';

export function planSupply(draft: Draft): readonly Round[] {
  const { config, leases, memory, switches, nodes } = draft.world;
  if (!switches.launches || !leases.has('supply') || draft.isBusy('supply')) return memory.rounds;
  const targets = [...config.targets.keys()];
  const deficits = countDeficits({
    labels: config.labels,
    nodes,
    demand: draft.world.demand,
    onlineTargets: new Set(targets),
    room: (label, provider) => estimate(draft, orderOf(label, provider)).room,
  }).filter(({ amount, dropped }) => amount > 0 || dropped > 0);
  if (deficits.length === 0) return [];
  noteNothingToGive(draft, targets);
  const images = chooseImages(draft.world);
  const allocation = allocate({
    providers: Array.from(draft.ledgers().values(), (ledger) => ({
      name: ledger.provider,
      available: freeServers(ledger),
    })),
    requests: deficits.map((deficit) => openRequest(draft, deficit, images)),
    targets: countTargetLoads(nodes, targets),
    rounds: memory.rounds,
  });
  const left = new Map(deficits.map(({ label, forDemand }) => [label, forDemand]));
  const launches: Launch[] = [];
  for (const grant of allocation.grants) launches.push(...openLaunches(draft, grant, { left, images, launches }));
  if (launches.length > 0) {
    draft.order({ kind: 'launch-nodes', subject: 'supply', reason: launches[0]?.reason ?? 'min-ready', launches });
  }
  noteShortages(draft, deficits, launches);
  // Where nothing could be given there was no division: waits that passes alone count would all end up equal.
  return allocation.grants.length === 0 ? memory.rounds : allocation.rounds;
}

/** The servers of one node. */
function orderOf({ image, subnodes }: LabelConfig, provider: string): Order {
  return { provider, image, servers: 1 + subnodes };
}

function noteNothingToGive(draft: Draft, targets: readonly string[]): void {
  if (targets.length === 0) draft.note('targets', 'no node is launched: the configuration has no target');
}

function openRequest(draft: Draft, { label: name, amount }: Deficit, images: ImageChoice): AllocationRequest {
  const label = draft.world.config.labels.get(name) as LabelConfig;
  const places = new Map<string, number>();
  for (const provider of label.providers) {
    const obstacle = findObstacle(draft, label, { provider, images });
    if (obstacle === null) places.set(provider, estimate(draft, orderOf(label, provider)).places);
    else draft.note(`label ${name} at ${provider}`, obstacle);
  }
  return { label: name, amount, places };
}

interface Offer {
  readonly provider: string;
  readonly images: ImageChoice;
}

/** Why a provider cannot supply a label now; null: it can. */
function findObstacle(draft: Draft, label: LabelConfig, { provider, images }: Offer): string | null {
  const { misfit } = estimate(draft, orderOf(label, provider));
  if (misfit !== null) return misfit;
  const config = draft.world.config.providers.get(provider) as ProviderConfig;
  if (!images.has(provider, label.image)) return describeMissingImage(config, label);
  const unknown = describeUnknown(draft, provider);
  if (unknown !== null) return unknown;
  const whole = isResting(draft, providerPlace(provider));
  if (whole !== null) return describeRest('tried', whole);
  const zones = config.availabilityZones.length === 0 ? [null] : config.availabilityZones;
  const rests = zones.map((az) => isResting(draft, launchPlace({ provider, az }, label.image)));
  const [first] = rests;
  return first !== undefined && first !== null && rests.every((rest) => rest !== null)
    ? describeRest('tried', first)
    : null;
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

interface Supplies {
  /** Nodes per label that demand still asks for; what is left goes to min-ready. */
  readonly left: Map<string, number>;
  readonly images: ImageChoice;
  /** Those of earlier grants. */
  readonly launches: readonly Launch[];
}

function openLaunches(draft: Draft, grant: Grant, { left, images, launches }: Supplies): Launch[] {
  const label = draft.world.config.labels.get(grant.label) as LabelConfig;
  const zones = chooseZones(draft, grant, { image: label.image, ordered: launches });
  const forDemand = left.get(label.name) ?? 0;
  left.set(label.name, forDemand - zones.length);
  return zones.map((az, index) => ({
    label: label.name,
    provider: grant.provider,
    target: grant.target,
    az,
    // There is one, or the provider would not have been asked.
    imageId: (images.take(grant.provider, label.image) as ImageRecord).id,
    subnodes: label.subnodes,
    reason: index < forDemand ? 'demand' : 'min-ready',
  }));
}

function noteShortages(draft: Draft, deficits: readonly Deficit[], launches: readonly Launch[]): void {
  for (const { label: name, amount, dropped, room } of deficits) {
    const label = draft.world.config.labels.get(name) as LabelConfig;
    if (label.providers.length === 0) {
      draft.note(`label ${name}`, 'no provider may supply it');
      continue;
    }
    const left = label.providers.map((provider) => describeProvider(draft, label, provider)).join('; ');
    const launched = launches.filter((launch) => launch.label === name).length;
    if (dropped > 0)
      draft.note(`label ${name}`, `${dropped} more for min-ready do not fit: there is room for ${room} (${left})`);
    if (launched < amount)
      draft.note(`label ${name}`, `${amount - launched} of ${amount} missing nodes are not launched now (${left})`);
  }
}

function describeProvider(draft: Draft, label: LabelConfig, provider: string): string {
  const probation = findProbation(draft, provider);
  if (probation !== null) {
    const { count, lastError } = probation;
    return `${provider} is tried by one launch at a time after ${count} failures: ${lastError}`;
  }
  const order = estimate(draft, orderOf(label, provider));
  return `${provider} has ${order.misfit === null ? describeLeft(order) : 'nothing that fits'}`;
}
