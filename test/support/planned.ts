/** A small language for tests of the planner: situations, what is ordered in them, and what follows a while later. */
import type { Action, Launch, Plan } from '../../src/planning/actions.ts';
import { plan } from '../../src/planning/plan.ts';
import type { CloudView, Listing, World } from '../../src/planning/world.ts';
import type { Accessory, CloudImage, Server } from '../../src/providers/provider.ts';
import { aConfig, aLabel, anImage, aWorld, NOW } from './builders.ts';

/** A label that wants no node: only what the nodes in a situation need is planned. */
export const QUIET_CONFIG = aConfig({ labels: [aLabel({ minReady: 0 })] });

/** The READY image that nodes boot from. */
export const IMAGE = anImage({ id: 1 });

export interface Situation extends Partial<World> {
  /** What differs in the view of the provider `cloud`; it shows what the records know otherwise. */
  readonly cloud?: Partial<CloudView>;
}

/** A world in which nothing is to be done, but for what the overrides bring in. */
export function situation({ cloud, ...overrides }: Situation = {}): World {
  const world = aWorld({ config: QUIET_CONFIG, images: [IMAGE], ...overrides });
  const view = world.clouds.get('cloud');
  if (cloud === undefined || view === undefined) return world;
  return { ...world, clouds: new Map([...world.clouds, ['cloud', { ...view, ...cloud }]]) };
}

export interface Later extends Partial<World> {
  /** Milliseconds until then. */
  readonly ms?: number;
  /** What the new listings of the provider `cloud` show, where that differs. */
  readonly servers?: readonly Server[];
  readonly cloudImages?: readonly CloudImage[];
  readonly accessories?: readonly Accessory[];
}

/**
 * The same world a second later, or after `ms`: planned once, listed anew with the same result. What the overrides
 * give is as they say.
 */
export function later(world: World, { ms = 1000, servers, cloudImages, accessories, ...overrides }: Later = {}): World {
  const now = world.now + ms;
  const relist = <T>(listing: Listing<T>, items: readonly T[] | undefined): Listing<T> =>
    listing.known ? { ...listing, takenAt: now, items: items ?? listing.items } : listing;
  const clouds = [...world.clouds].map(([name, view]) => {
    const shown = name === 'cloud' ? { servers, cloudImages, accessories } : {};
    const limits = view.limits && { ...view.limits, readAt: now };
    const listings = {
      servers: relist(view.servers, shown.servers),
      images: relist(view.images, shown.cloudImages),
      accessories: relist(view.accessories, shown.accessories),
    };
    return [name, { ...view, ...listings, limits }] as const;
  });
  return { ...world, now, clouds: new Map(clouds), memory: plan(world).memory, ...overrides };
}

/** What is ordered in the situation, one line per action. */
export function ordersIn(overrides: Situation = {}): string[] {
  return orders(situation(overrides));
}

export function orders(world: World): string[] {
  return linesOf(plan(world));
}

/** The actions of a plan, one line each. */
export function linesOf({ actions }: Plan): string[] {
  return actions.map((action) => {
    const more = particulars(action).filter((part) => part !== null);
    return `${action.kind} ${action.subject}: ${action.reason}${more.length === 0 ? '' : ` (${more.join(', ')})`}`;
  });
}

/** Fields that say what an action works on. */
const NAMES = new Set([
  ...['address', 'serverId', 'serverIds', 'cloudImageId', 'cloudImageIds', 'abandoned'],
  ...['diskImageId', 'uploads', 'hasFiles', 'detail'],
]);

/** The action without its kind, subject and reason. */
function particulars(action: Action): readonly (string | null)[] {
  switch (action.kind) {
    case 'launch-nodes':
      return action.launches.map(describeLaunch);
    case 'create-server':
      return [`attempt ${action.attempt + 1}`];
    case 'retire-node':
    case 'retire-image':
      return [action.detail, action.isFailure ? 'counts' : null];
    case 'delete-accessory':
      return [action.accessory.kind, action.owner];
    case 'grant-requests':
      return action.grants.map(({ requestId, nodeIds }) => `node ${nodeIds.join(' and ')} to request ${requestId}`);
    case 'end-requests':
      return action.endings.map(({ id, reason }) => `request ${id} ${reason}`);
    case 'hold-node':
      return [`rule ${action.jobId}`];
    case 'note-job':
      return [action.seen];
    case 'delete-leaked-server':
    case 'delete-leaked-image':
      return [];
    default:
      return Object.entries(action).flatMap(([key, value]) => (NAMES.has(key) ? describeValue(key, value) : []));
  }
}

function describeValue(key: string, value: unknown): readonly (string | null)[] {
  if (Array.isArray(value)) return value as string[];
  if (value === null) return [null];
  return [typeof value === 'string' ? value : `${key} ${JSON.stringify(value)}`];
}

function describeLaunch({ label, provider, target, az, reason }: Launch): string {
  return `${label}@${provider}/${az ?? 'any'}>${target} for ${reason}`;
}

/** The notes of a plan on what is not done, one line each. */
export function notesOf({ notes }: Plan): string[] {
  return notes.filter(({ isShare }) => isShare !== true).map(({ about, text }) => `${about}: ${text}`);
}

/** The notes of a plan on how places were divided, one line each. */
export function sharesOf({ notes }: Plan): string[] {
  return notes.filter(({ isShare }) => isShare === true).map(({ about, text }) => `${about}: ${text}`);
}

/** How long the plan lets the daemon rest, in milliseconds. */
export function restOf(world: World): number {
  return plan(world).nextWakeAt - world.now;
}

export const minutes = (count: number): number => count * 60_000;
export const ago = (ms: number): number => NOW - ms;
