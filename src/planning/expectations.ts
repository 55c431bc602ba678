/**
 * When those who wait may expect their nodes. What is there, or known to come, is given out once, in the order of the ranks
 * over all labels: READY nodes and those being launched to the requests of their label; places that are free, or will be
 * when a server is gone or the lease on it ends, to whoever may use the provider, one for each server of a node.
 *
 * It is an estimate. A launch takes as long as others of the label took (the median), or else as others at its providers.
 * Leases are taken to end when they must. Where only nodes without a lease, or leases that have not begun, could make room,
 * nobody can tell.
 */
import { groupBy } from '../lib/group-by.ts';
import { isFree } from '../lifecycle/hand-out.ts';
import { mayHaveServer, type NodeRecord, type RequestRecord } from '../lifecycle/records.ts';
import { openTargets } from '../lifecycle/targets.ts';
import { countFitting } from './amounts.ts';
import { openLedgers, type Ledger } from './ledger.ts';
import type { World } from './world.ts';

/** What requests can have of a label. */
export interface Outlook {
  /** READY nodes. */
  readonly ready: number;
  /** When each node that is being launched was begun, earliest first. */
  readonly building: readonly number[];
}

/** By label, of those of which there are nodes. */
export function outlooksOf({ config, nodes }: World): ReadonlyMap<string, Outlook> {
  const open = new Set(openTargets(config));
  const groups = groupBy(
    nodes.filter(({ target }) => open.has(target)),
    ({ label }) => label,
  );
  return new Map(
    Array.from(groups, ([label, group]) => {
      const building = group.filter(({ state }) => state === 'building').map(({ createdAt }) => createdAt);
      const ready = group.filter((node) => node.state === 'ready' && node.checkFailures === 0 && isFree(node)).length;
      return [label, { ready, building: building.sort((a, b) => a - b) }];
    }),
  );
}

/** Those who wait and are not in vain, and what there is for them. */
export interface Prospect {
  /** In the order of their turns. */
  readonly waiting: readonly RequestRecord[];
  readonly outlooks: ReadonlyMap<string, Outlook>;
  /** Whether nodes of a label can be launched at a provider now, as far as that is known. */
  readonly canLaunch: (label: string, provider: string) => boolean;
}

/** Epoch milliseconds by id of the request; null: nobody can tell. */
export function expectNodes(
  world: World,
  { waiting, outlooks, canLaunch }: Prospect,
): ReadonlyMap<number, number | null> {
  const yards = openYards(world);
  const openSource = (name: string): Source => {
    const { providers = [], subnodes = 0 } = world.config.labels.get(name) ?? {};
    const { ready = 0, building = [] } = outlooks.get(name) ?? {};
    return {
      launchMs: launchTime(world.nodes, name, providers),
      ready,
      building: [...building],
      servers: 1 + subnodes,
      yards: providers.filter((at) => canLaunch(name, at)).flatMap((at) => yards.get(at) ?? []),
    };
  };
  const sources = new Map<string, Source>();
  return new Map(
    waiting.map(({ id, label, count }) => {
      const source = sources.get(label) ?? openSource(label);
      sources.set(label, source);
      return [id, serve(source, count, world.now)];
    }),
  );
}

/** Where nodes of a label come from; what is given out is there no more. */
interface Source {
  /** How long a launch takes, in milliseconds; null: nobody knows. */
  readonly launchMs: number | null;
  ready: number;
  readonly building: number[];
  /** Of one node. */
  readonly servers: number;
  readonly yards: readonly Yard[];
}

/** The places of a provider. */
interface Yard {
  /** When each is free, earliest first. */
  readonly times: readonly number[];
  /** How many of these are given out. */
  given: number;
}

/** When so many nodes will be READY; null: nobody can tell. */
function serve(source: Source, count: number, now: number): number | null {
  const ready = Math.min(source.ready, count);
  source.ready -= ready;
  const launched = source.building.splice(0, count - ready);
  let placedAt = now;
  for (let left = count - ready - launched.length; left > 0; left -= 1) {
    const time = takePlaces(source);
    if (time === null) return null;
    placedAt = Math.max(placedAt, time);
  }
  if (ready === count) return now;
  // When a lease ends at the latest is worth knowing even while nobody knows how long a launch takes.
  if (source.launchMs === null) return placedAt > now ? placedAt : null;
  const readyAt = launched.length < count - ready ? placedAt + source.launchMs : now;
  return Math.max(readyAt, (launched.at(-1) ?? -Infinity) + source.launchMs);
}

/** Gives out the places of one node, where they are free first; answers when they are. */
function takePlaces({ yards, servers }: Source): number | null {
  let best: Yard | null = null;
  let at = Infinity;
  for (const yard of yards) {
    const time = yard.times[yard.given + servers - 1] ?? Infinity;
    if (time < at) [best, at] = [yard, time];
  }
  if (best === null) return null;
  best.given += servers;
  return at;
}

function launchTime(nodes: readonly NodeRecord[], label: string, providers: readonly string[]): number | null {
  const here = nodes.filter(({ provider }) => providers.includes(provider));
  return medianLaunch(nodes.filter((node) => node.label === label)) ?? medianLaunch(here);
}

function medianLaunch(nodes: readonly NodeRecord[]): number | null {
  const durations = nodes.flatMap(({ reachableAt, createdAt }) =>
    reachableAt === null ? [] : reachableAt - createdAt,
  );
  durations.sort((a, b) => a - b);
  return durations[Math.floor(durations.length / 2)] ?? null;
}

function openYards(world: World): ReadonlyMap<string, Yard> {
  const { now, nodes, requests } = world;
  const expiries = new Map(requests.flatMap(({ id, expiresAt }) => (expiresAt === null ? [] : [[id, expiresAt]])));
  const groups = groupBy(nodes, ({ provider }) => provider);
  return new Map(
    Array.from(openLedgers(world), ([provider, ledger]) => {
      const free = Array.from({ length: countFree(ledger) }, () => now);
      const freed = (groups.get(provider) ?? []).flatMap((node) => freedTimes(node, expiries, now));
      // What is there beyond what is allowed goes first without making room.
      const given = Math.max(0, -ledger.left.servers);
      return [provider, { times: [...free, ...freed.sort((a, b) => a - b)], given }];
    }),
  );
}

/** Servers of any kind that surely fit now. */
function countFree({ left, costs }: Ledger): number {
  const known = [...costs.values()].filter((cost) => cost !== null);
  return Math.min(Math.max(0, left.servers), ...known.map((cost) => countFitting(left, cost)));
}

/** When each place that a node takes will be free, as far as that is known. */
function freedTimes(node: NodeRecord, expiries: ReadonlyMap<number, number>, now: number): readonly number[] {
  const slots = [node, ...node.subnodes];
  // The places of servers that are known to be gone are free already.
  if (node.state === 'delete') return slots.filter(mayHaveServer).map(() => now);
  const end = node.state === 'used' && node.requestId !== null ? expiries.get(node.requestId) : undefined;
  return end === undefined ? [] : slots.map(() => Math.max(now, end));
}
