/** Which providers can supply a label now, and why others cannot. */
import type { LabelConfig, ProviderConfig } from '../config/types.ts';
import { groupBy } from '../lib/group-by.ts';
import type { NodeRecord } from '../lifecycle/records.ts';
import { add, BARE_SERVER, countFitting, NOTHING, partOf, RESOURCES, times, type Amounts } from './amounts.ts';
import type { ImageChoice } from './choose-image.ts';
import type { Draft } from './draft.ts';
import { diskImageOf } from './images-in-use.ts';
import { countPlaces } from './ledger.ts';
import { describeRest, isFailing, isResting, launchPlace, providerPlace } from './places.ts';
import { estimate, type Order } from './quota.ts';
import { zonesOf } from './zones.ts';

/** The servers of one node. */
export function orderOf({ image, subnodes }: LabelConfig, provider: string): Order {
  return { provider, image, servers: 1 + subnodes };
}

export interface Offer {
  readonly provider: string;
  readonly images: ImageChoice;
}

/** Why a provider cannot supply a label now; null: it can. */
export function findObstacle(draft: Draft, label: LabelConfig, { provider, images }: Offer): string | null {
  const { misfit } = estimate(draft, orderOf(label, provider));
  if (misfit !== null) return misfit;
  const config = draft.world.config.providers.get(provider) as ProviderConfig;
  if (!images.has(provider, label.image)) return describeMissingImage(config, label);
  const unknown = describeUnknown(draft, provider);
  if (unknown !== null) return unknown;
  const whole = isResting(draft, providerPlace(provider));
  if (whole !== null) return describeRest('tried', whole);
  const rests = zonesOf(draft, provider).map((az) => isResting(draft, launchPlace({ provider, az }, label.image)));
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
  const diskimage = diskImageOf(provider, label.image);
  const wait =
    diskimage === null
      ? 'waits for its image to be built'
      : `waits for disk image ${diskimage}, of which no upload is READY`;
  return `${wait} (image ${label.image})`;
}

/** What one node of a label takes at a provider. */
export function nodeCost(draft: Draft, label: LabelConfig, provider: string): Amounts {
  return estimate(draft, orderOf(label, provider)).cost;
}

/** What nodes take at their provider, as its ledger counts it. */
export function sumCosts(draft: Draft, nodes: readonly NodeRecord[]): Amounts {
  const { config } = draft.world;
  return nodes.reduce((sum, node) => {
    const { provider, label } = node;
    const one =
      draft
        .ledgers()
        .get(provider)
        ?.costs.get(config.labels.get(label)?.image ?? '') ?? BARE_SERVER;
    return add(sum, times(one, countPlaces(node)));
  }, NOTHING);
}

/**
 * Providers at which it is worth while to wait for places for a label, or to make room for it: those that can supply it,
 * where its launches have not failed lately, and where a node fits beside what is held and what others have. The one that
 * lacks least comes first; as long as what comes free there is kept, that stays so.
 */
export function hopefulProviders(draft: Draft, label: LabelConfig, images: ImageChoice): readonly string[] {
  const movable = sumMovable(draft);
  const hopeful = label.providers.flatMap((provider) => {
    if (findObstacle(draft, label, { provider, images }) !== null) return [];
    if (zonesOf(draft, provider).some((az) => isFailing(draft, { provider, az, image: label.image }))) return [];
    const left = draft.ledgers().get(provider)?.left ?? NOTHING;
    const cost = nodeCost(draft, label, provider);
    if (countFitting(add(left, movable.get(provider) ?? NOTHING), cost) === 0) return [];
    return [{ provider, lack: Math.max(...RESOURCES.map((resource) => partOf(cost, left, resource))) }];
  });
  return hopeful.toSorted((a, b) => (a.lack === b.lack ? 0 : a.lack - b.lack)).map(({ provider }) => provider);
}

/** How many nodes of a label fit beside what is held and what others have, once everything else is gone. */
export function countReachable(draft: Draft, label: LabelConfig): number {
  const movable = sumMovable(draft);
  return label.providers.reduce((sum, provider) => {
    const left = draft.ledgers().get(provider)?.left ?? NOTHING;
    return sum + countFitting(add(left, movable.get(provider) ?? NOTHING), nodeCost(draft, label, provider));
  }, 0);
}

const movableOf = new WeakMap<Draft, ReadonlyMap<string, Amounts>>();

/** What nodes take at each provider that will go some time without an operator's doing. */
function sumMovable(draft: Draft): ReadonlyMap<string, Amounts> {
  let sums = movableOf.get(draft);
  if (sums === undefined) {
    const movable = draft.world.nodes.filter(({ state }) => state !== 'hold');
    const groups = groupBy(movable, ({ provider }) => provider);
    movableOf.set(draft, (sums = new Map(Array.from(groups, ([name, nodes]) => [name, sumCosts(draft, nodes)]))));
  }
  return sums;
}
