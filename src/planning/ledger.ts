/**
 * What may be added at each provider: servers, cores, RAM and floating IPs. That is what the cloud's own limits leave
 * beside the servers of others, and no more servers than `max-servers`.
 *
 * Ours are counted from the records, because a record takes its places before its servers are in a listing
 * and until they are known to be gone: the row is the reservation. Servers that carry our tag but belong to no
 * record (rows deleted by hand, a create that was cut off) count as well, until the sweep has removed them. A server
 * counts with the size that the cloud shows, or while it shows none with that of the flavor that it gets.
 */
import type { ProviderConfig } from '../config/types.ts';
import { mayHaveServer, recordKey, type ImageRecord, type NodeRecord, type ServerSlot } from '../lifecycle/records.ts';
import type { CloudLimits, Server } from '../providers/provider.ts';
import { BARE_SERVER, serverCost, subtract, type Amounts } from './amounts.ts';
import type { World } from './world.ts';

export interface Ledger {
  readonly provider: string;
  /** Negative drains. */
  readonly maxServers: number;
  /** What the cloud allows; Infinity where no limit is known. */
  readonly limits: Amounts;
  /**
   * What may be added; negative where there is more than allowed. An unknown listing does not lower it: whoever creates
   * servers must look at that.
   */
  readonly left: Amounts;
  /** What a server of each image takes; null: the cloud has no flavor for it. */
  readonly costs: ReadonlyMap<string, Amounts | null>;
}

export type LedgerInput = Pick<World, 'config' | 'installation' | 'nodes' | 'images' | 'clouds'>;

/** Records that need servers of the same kind: at one provider, from one image. */
interface Group {
  readonly provider: string;
  readonly image: string;
  servers: number;
}

interface Tally {
  /** By provider, then by image. */
  readonly groups: Map<string, Map<string, Group>>;
  readonly byServerId: Map<string, Group>;
  /** By key: records that may have a server whose id they do not know. */
  readonly byAttempt: Map<string, Group>;
}

/** By provider, in the order of the configuration. */
export function openLedgers(world: LedgerInput): ReadonlyMap<string, Ledger> {
  const tally = tallyRecords(world);
  return new Map(
    Array.from(world.config.providers.values(), (provider) => [provider.name, openLedger(world, provider, tally)]),
  );
}

/** The ledger after something was added. */
export function charge(ledger: Ledger, cost: Amounts): Ledger {
  return { ...ledger, left: subtract(ledger.left, cost) };
}

function openLedger(world: LedgerInput, provider: ProviderConfig, tally: Tally): Ledger {
  const { name, maxServers } = provider;
  const cloud = world.clouds.get(name);
  const cloudLimits = cloud?.limits ?? null;
  const costs = costsOf(provider, cloudLimits);
  const recorded = countRecorded(tally.groups.get(name), costs);
  const { ownerless, foreign, elsewhere, cores, ramMb } = cloud?.servers.known
    ? countListed(cloud.servers.items, { tally, costs, provider: name, installation: world.installation })
    : NOTHING_LISTED;
  const limits = limitsOf(cloudLimits);
  const ours = recorded.servers + ownerless;
  return {
    provider: name,
    maxServers,
    limits,
    left: {
      servers: Math.min(maxServers, limits.servers - foreign) - ours,
      cores: limits.cores - recorded.cores - cores,
      ramMb: limits.ramMb - recorded.ramMb - ramMb,
      // This limit leaves out what others have.
      floatingIps: limits.floatingIps - ours - elsewhere,
    },
    costs,
  };
}

function limitsOf(limits: CloudLimits | null): Amounts {
  // Without flavors nobody can tell what a new server would take of these.
  const isSized = limits !== null && limits.flavors.length > 0;
  return {
    servers: limits?.servers ?? Infinity,
    cores: (isSized ? limits.cores : null) ?? Infinity,
    ramMb: (isSized ? limits.ramMb : null) ?? Infinity,
    floatingIps: limits?.floatingIps ?? Infinity,
  };
}

type Costs = Ledger['costs'];

function costsOf({ images }: ProviderConfig, limits: CloudLimits | null): Costs {
  return new Map(Array.from(images, ([name, image]) => [name, serverCost(limits, image)]));
}

function tallyRecords({ config, nodes, images }: LedgerInput): Tally {
  const tally: Tally = { groups: new Map(), byServerId: new Map(), byAttempt: new Map() };
  for (const node of nodes) {
    const group = groupOf(tally, node.provider, config.labels.get(node.label)?.image ?? '');
    if (takesPlace(node, node)) tallySlot(tally, group, ['node', node]);
    for (const subnode of node.subnodes) if (takesPlace(node, subnode)) tallySlot(tally, group, ['subnode', subnode]);
  }
  for (const image of images) {
    if (mayHaveTemplate(image)) tallySlot(tally, groupOf(tally, image.provider, image.image), ['image', image]);
  }
  return tally;
}

function groupOf({ groups }: Tally, provider: string, image: string): Group {
  let images = groups.get(provider);
  if (images === undefined) groups.set(provider, (images = new Map<string, Group>()));
  let group = images.get(image);
  if (group === undefined) images.set(image, (group = { provider, image, servers: 0 }));
  return group;
}

type TalliedSlot = readonly [kind: 'node' | 'subnode' | 'image', slot: ServerSlot & { readonly id: number }];

function tallySlot(tally: Tally, group: Group, [kind, slot]: TalliedSlot): void {
  group.servers += 1;
  if (slot.serverId !== null) tally.byServerId.set(slot.serverId, group);
  else if (slot.attempt > 0) tally.byAttempt.set(recordKey(kind, slot), group);
}

/** The servers of a node that goes are known to be gone once nothing of them is on record. */
function takesPlace({ state }: NodeRecord, slot: ServerSlot): boolean {
  return state !== 'delete' || mayHaveServer(slot);
}

/** Places that a node takes: those of servers that are known to be gone are free. */
export function countPlaces(node: NodeRecord): number {
  return [node, ...node.subnodes].filter((slot) => takesPlace(node, slot)).length;
}

/** A snapshot needs a template server all along; later there is one only until it has been deleted. Uploads have none. */
function mayHaveTemplate({ state, serverId, attemptAt, diskImageId }: ImageRecord): boolean {
  return (
    (state === 'building' && diskImageId === null) || serverId !== null || (state === 'delete' && attemptAt !== null)
  );
}

interface Sum {
  /** Nodes and subnodes in any state, and template servers. */
  servers: number;
  cores: number;
  ramMb: number;
}

/** What the records take if no listing shows their servers. */
function countRecorded(groups: ReadonlyMap<string, Group> | undefined, costs: Costs): Readonly<Sum> {
  const sum: Sum = { servers: 0, cores: 0, ramMb: 0 };
  for (const { image, servers } of groups?.values() ?? []) {
    const { cores, ramMb } = costs.get(image) ?? BARE_SERVER;
    sum.servers += servers;
    sum.cores += servers * cores;
    sum.ramMb += servers * ramMb;
  }
  return sum;
}

interface Listed {
  /** Those of others, and of our records at other providers: two may share a project. */
  foreign: number;
  /** With our tag and no record. */
  ownerless: number;
  /** Those of `foreign` that belong to our records at other providers. */
  elsewhere: number;
  /** What the listed servers take beyond what their records were counted with. */
  cores: number;
  ramMb: number;
}

const NOTHING_LISTED: Readonly<Listed> = { foreign: 0, ownerless: 0, elsewhere: 0, cores: 0, ramMb: 0 };

interface Owners {
  readonly tally: Tally;
  readonly costs: Costs;
  readonly provider: string;
  readonly installation: string;
}

function countListed(servers: readonly Server[], owners: Owners): Listed {
  const listed = { ...NOTHING_LISTED };
  const unseen = new Map(owners.tally.byAttempt);
  for (const server of servers) {
    const group = ownerOf(server, owners, unseen);
    const isHere = group?.provider === owners.provider;
    countSize(listed, server, isHere ? (owners.costs.get(group.image) ?? BARE_SERVER) : null);
    if (isHere) continue;
    if (group !== null) listed.elsewhere += 1;
    if (group !== null || server.tags?.installation !== owners.installation) listed.foreign += 1;
    else listed.ownerless += 1;
  }
  return listed;
}

/** `counted`: what the server's record was counted with; null: it has none here. */
function countSize(listed: Listed, { size }: Server, counted: Amounts | null): void {
  if (size === null) return;
  listed.cores += size.cores - (counted?.cores ?? 0);
  listed.ramMb += size.ramMb - (counted?.ramMb ?? 0);
}

/** The record of a server. It is known by id, with or without our tag: servers of rows that the original made have none. */
function ownerOf({ id, tags }: Server, { tally, installation }: Owners, unseen: Map<string, Group>): Group | null {
  const known = tally.byServerId.get(id);
  if (known !== undefined) return known;
  if (tags?.installation !== installation) return null;
  const group = unseen.get(tags.record) ?? null;
  // A record has one server: a second one with its tag is a double.
  if (group !== null) unseen.delete(tags.record);
  return group;
}
