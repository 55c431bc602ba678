/** Whether servers fit into what a provider's quota leaves, and what is short where they do not. */
import type { ProviderImageConfig } from '../config/types.ts';
import { describeFlavorWish } from '../lib/choose-flavor.ts';
import { countRoom } from './allocate.ts';
import { BARE_SERVER, describeAmount, partOf, RESOURCES, times, type Amounts } from './amounts.ts';
import type { Draft } from './draft.ts';
import type { Ledger } from './ledger.ts';

/** Servers that are wanted together: those of one node, or a template. */
export interface Order {
  readonly provider: string;
  /** Name of a provider image. */
  readonly image: string;
  readonly servers: number;
}

export interface Estimate {
  readonly ledger: Ledger;
  readonly cost: Amounts;
  /** Why it can never be had as things are configured; null: it can, as far as is known. */
  readonly misfit: string | null;
  /**
   * Places that it takes of those that the provider has for servers. It takes as large a part of them as it takes of
   * the resource that it needs most of; so whatever mixture fits into the places fits into every part of the quota.
   */
  readonly places: number;
  /** How many of the kind fit now. */
  readonly room: number;
}

export function estimate(draft: Draft, order: Order): Estimate {
  const ledger = draft.ledgers().get(order.provider) as Ledger;
  const one = ledger.costs.get(order.image) ?? null;
  const cost = times(one ?? BARE_SERVER, order.servers);
  const misfit = one === null ? describeMissingFlavor(draft, order) : describeExcess(ledger, cost);
  const available = freeServers(ledger);
  const parts = RESOURCES.map((resource) => available * partOf(cost, ledger.left, resource));
  // More than there are is enough to say.
  const places = misfit !== null || available === 0 ? available + 1 : Math.min(Math.max(...parts), available + 1);
  return { ledger, cost, misfit, places, room: countRoom(available, places) };
}

/** Servers that may be added as far as their number alone goes. */
export function freeServers({ left }: Ledger): number {
  return Math.max(0, left.servers);
}

function describeMissingFlavor({ world }: Draft, { provider, image }: Order): string {
  const wish = world.config.providers.get(provider)?.images.get(image) as ProviderImageConfig;
  return `no flavor has ${describeFlavorWish(wish)} (image ${image})`;
}

/** Only what the cloud itself allows: `max-servers` is often set so that nothing fits. */
function describeExcess({ limits }: Ledger, cost: Amounts): string | null {
  const resource = RESOURCES.find((name) => cost[name] > limits[name]);
  if (resource === undefined) return null;
  return `needs ${describeAmount(resource, cost[resource])}, of which the cloud allows ${limits[resource]} in all`;
}

/** What is left of the resource of which the order takes the largest part. */
export function describeLeft({ ledger, cost }: Estimate): string {
  const { left, limits, maxServers } = ledger;
  const part = (resource: (typeof RESOURCES)[number]): number => partOf(cost, left, resource);
  const resource = RESOURCES.reduce((most, next) => (part(next) > part(most) ? next : most));
  const free = describeAmount(resource, Math.max(0, left[resource]));
  if (resource !== 'servers') return `${free} free of ${limits[resource]}, ${cost[resource]} needed`;
  return `${free} free of ${maxServers}${limits.servers === Infinity ? '' : `, the cloud allows ${limits.servers}`}`;
}

/** What the records stand for beyond what there is, as `4 cores`; null: nothing. */
export function findOverdraft(draft: Draft, provider: string): string | null {
  const left = draft.ledgers().get(provider)?.left;
  const resource = RESOURCES.find((name) => left !== undefined && left[name] < 0);
  return left === undefined || resource === undefined ? null : describeAmount(resource, -left[resource]);
}
