/** Amounts of everything that a cloud may limit, at once: what servers take, what is left. */
import type { ProviderImageConfig } from '../config/types.ts';
import { chooseFlavor } from '../lib/choose-flavor.ts';
import type { CloudLimits } from '../providers/provider.ts';

export const RESOURCES = ['servers', 'cores', 'ramMb', 'floatingIps'] as const;
export type Resource = (typeof RESOURCES)[number];
export type Amounts = Readonly<Record<Resource, number>>;

/** What a server takes of whose size nothing is known. */
export const BARE_SERVER: Amounts = { servers: 1, cores: 0, ramMb: 0, floatingIps: 1 };

export const NOTHING: Amounts = { servers: 0, cores: 0, ramMb: 0, floatingIps: 0 };

/** What one server of an image takes; null: the cloud has no flavor for it. */
export function serverCost(limits: CloudLimits | null, image: ProviderImageConfig): Amounts | null {
  if (limits === null || limits.flavors.length === 0) return BARE_SERVER;
  const flavor = chooseFlavor(limits.flavors, image);
  return flavor && { ...BARE_SERVER, cores: flavor.cores, ramMb: flavor.ramMb };
}

export function times(cost: Amounts, count: number): Amounts {
  return mapAmounts((resource) => cost[resource] * count);
}

export function add(amounts: Amounts, more: Amounts): Amounts {
  return mapAmounts((resource) => amounts[resource] + more[resource]);
}

export function subtract(from: Amounts, amounts: Amounts): Amounts {
  return mapAmounts((resource) => from[resource] - amounts[resource]);
}

function mapAmounts(amountOf: (resource: Resource) => number): Amounts {
  return {
    servers: amountOf('servers'),
    cores: amountOf('cores'),
    ramMb: amountOf('ramMb'),
    floatingIps: amountOf('floatingIps'),
  };
}

/** The part of what is left that the cost takes; Infinity where nothing is left. */
export function partOf(cost: Amounts, left: Amounts, resource: Resource): number {
  if (cost[resource] === 0) return 0;
  return left[resource] > 0 ? cost[resource] / left[resource] : Infinity;
}

/** How many times the cost fits into what is left. */
export function countFitting(left: Amounts, cost: Amounts): number {
  const counts = RESOURCES.filter((resource) => cost[resource] > 0).map((resource) => left[resource] / cost[resource]);
  return Math.max(0, Math.floor(Math.min(...counts)));
}

const UNITS: Readonly<Record<Resource, readonly [one: string, several: string]>> = {
  servers: ['server', 'servers'],
  cores: ['core', 'cores'],
  ramMb: ['MB of RAM', 'MB of RAM'],
  floatingIps: ['floating IP', 'floating IPs'],
};

/** As `8 cores`. */
export function describeAmount(resource: Resource, amount: number): string {
  const [one, several] = UNITS[resource];
  return `${amount} ${amount === 1 ? one : several}`;
}
