/**
 * How many servers may be added at each provider: what `max-servers` allows, or what the cloud's own limit
 * leaves beside the servers of others, whichever is less.
 *
 * Ours are counted from the records, because a record takes its places before its servers are in a listing
 * and until they are known to be gone. Servers that carry our tag but belong to no record (rows deleted by
 * hand, a create that was cut off) count as well, until the sweep has removed them.
 */
import type { ProviderConfig } from '../config/types.ts';
import { recordKey, type ImageRecord, type ServerSlot } from '../lifecycle/records.ts';
import type { Server } from '../providers/provider.ts';
import type { World } from './world.ts';

export interface Capacity {
  readonly provider: string;
  /** Servers that records stand for: nodes and subnodes in any state, and template servers. */
  readonly recorded: number;
  /** Listed servers with our tag and no record. */
  readonly ownerless: number;
  /** Listed servers of others; null: the listing is unknown. */
  readonly foreign: number | null;
  /** `max-servers`; negative drains. */
  readonly maxServers: number;
  /** What the cloud allows the project; null: no limit is known. */
  readonly limit: number | null;
  /** Servers that may be added. An unknown listing does not lower it: whoever creates servers must look at that. */
  readonly available: number;
}

export type CapacityInput = Pick<World, 'config' | 'installation' | 'nodes' | 'images' | 'clouds'>;

/** All records. What is known of servers counts whichever provider lists them: two may share a project. */
interface Tally {
  /** Servers that records stand for, by provider. */
  readonly places: Map<string, number>;
  readonly serverIds: Set<string>;
  /** Keys of records that may have a server whose id they do not know. */
  readonly attempts: Set<string>;
}

/** By provider, in the order of the configuration. */
export function countCapacities(world: CapacityInput): ReadonlyMap<string, Capacity> {
  const tally = tallyRecords(world);
  return new Map(
    Array.from(world.config.providers.values(), (provider) => [provider.name, countCapacity(world, provider, tally)]),
  );
}

function countCapacity(world: CapacityInput, { name, maxServers }: ProviderConfig, tally: Tally): Capacity {
  const cloud = world.clouds.get(name);
  const limit = cloud?.limits?.servers ?? null;
  const recorded = tally.places.get(name) ?? 0;
  const listed = cloud?.servers.known ? countListed(cloud.servers.items, tally, world.installation) : null;
  const { ownerless, foreign } = listed ?? { ownerless: 0, foreign: 0 };
  const allowed = Math.min(maxServers, limit === null ? Infinity : limit - foreign);
  return {
    provider: name,
    recorded,
    ownerless,
    foreign: listed === null ? null : foreign,
    maxServers,
    limit,
    available: Math.max(0, allowed - recorded - ownerless),
  };
}

function tallyRecords({ nodes, images }: CapacityInput): Tally {
  const tally: Tally = { places: new Map(), serverIds: new Set(), attempts: new Set() };
  for (const node of nodes) {
    tally.places.set(node.provider, (tally.places.get(node.provider) ?? 0) + 1 + node.subnodes.length);
    tallySlot(tally, 'node', node);
    for (const subnode of node.subnodes) tallySlot(tally, 'subnode', subnode);
  }
  for (const image of images.filter(mayHaveTemplate)) {
    tally.places.set(image.provider, (tally.places.get(image.provider) ?? 0) + 1);
    tallySlot(tally, 'image', image);
  }
  return tally;
}

function tallySlot(tally: Tally, kind: 'node' | 'subnode' | 'image', slot: ServerSlot & { id: number }): void {
  if (slot.serverId !== null) tally.serverIds.add(slot.serverId);
  else if (slot.attempt > 0) tally.attempts.add(recordKey(kind, slot));
}

/** A build needs a template server all along; later there is one only until it has been deleted. */
function mayHaveTemplate({ state, serverId, attemptAt }: ImageRecord): boolean {
  return state === 'building' || serverId !== null || (state === 'delete' && attemptAt !== null);
}

function countListed(
  servers: readonly Server[],
  tally: Tally,
  installation: string,
): { foreign: number; ownerless: number } {
  let foreign = 0;
  let ownerless = 0;
  for (const { id, tags } of servers) {
    // Known by id, with or without our tag: servers of rows that the original made have none.
    if (tally.serverIds.has(id)) continue;
    if (tags?.installation !== installation) foreign += 1;
    else if (!tally.attempts.has(tags.record)) ownerless += 1;
  }
  return { foreign, ownerless };
}
