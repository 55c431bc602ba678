/** Chooses availability zones for new nodes: spread evenly, without those that rest after failures. */
import type { Launch } from './actions.ts';
import type { Grant } from './allocate.ts';
import type { Draft } from './draft.ts';
import { countAllowedAtProvider, countAllowedLaunches, isResting, launchPlace } from './places.ts';

interface Zone {
  readonly az: string | null;
  /** Nodes there, the new ones included. */
  load: number;
  /** Nodes that may be added. */
  left: number;
}

interface Order {
  readonly image: string;
  /** What earlier grants of the same plan have ordered. */
  readonly ordered: readonly Launch[];
}

/**
 * A zone (null: the cloud's choice) for each node of a grant that may be launched now. There are fewer than
 * granted while a zone, or the provider as a whole, is on probation after failures.
 */
export function chooseZones(draft: Draft, grant: Grant, order: Order): (string | null)[] {
  const zones = openZones(draft, grant.provider, order);
  const chosen: (string | null)[] = [];
  const allowed = Math.min(grant.amount, countAllowedAtProvider(draft, grant.provider, order.ordered));
  for (let count = 0; count < allowed; count += 1) {
    const best = zones.reduce<Zone | null>(
      (least, zone) => (zone.left > 0 && (least === null || zone.load < least.load) ? zone : least),
      null,
    );
    if (best === null) break;
    best.load += 1;
    best.left -= 1;
    chosen.push(best.az);
  }
  return chosen;
}

/** Those of a provider that nodes may be in; null: the cloud's choice. */
export function zonesOf(draft: Draft, provider: string): readonly (string | null)[] {
  const zones = draft.world.config.providers.get(provider)?.availabilityZones ?? [];
  return zones.length === 0 ? [null] : zones;
}

function openZones(draft: Draft, provider: string, { image, ordered }: Order): Zone[] {
  const names = zonesOf(draft, provider);
  const placed = names.length < 2 ? [] : [...draft.world.nodes, ...ordered];
  return names
    .filter((az) => isResting(draft, launchPlace({ provider, az }, image)) === null)
    .map((az) => ({
      az,
      load: placed.filter((node) => node.provider === provider && node.az === az).length,
      left: countAllowedLaunches(draft, { provider, az, image }, ordered),
    }));
}
