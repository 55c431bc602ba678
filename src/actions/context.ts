/** What handlers work with. One is made per pass: the records are those that the plan was made from. */
import type { DiskImages } from '../images/disk-images.ts';
import type { DiskImageRecord, ImageRecord, NodeRecord, SubnodeRecord } from '../lifecycle/records.ts';
import type { Clock } from '../lib/clock.ts';
import { NodepoolError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Random } from '../lib/random.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Action, ActionKind, ActionOf, Plan, SlotRef } from '../planning/actions.ts';
import type { World } from '../planning/world.ts';
import type { SupervisedProvider } from '../providers/supervised.ts';
import type { KeyMaker } from '../remote/key-pair.ts';
import type { TemplateKeys } from '../remote/template-keys.ts';
import type { Lease, Store } from '../store/store.ts';
import type { Targets } from '../targets/targets.ts';
import type { CloudRecorder } from './cloud-recorder.ts';
import type { ConsoleMemory } from './consoles.ts';
import type { FailureLog } from './failure-log.ts';
import type { TargetRecorder } from './target-recorder.ts';

/** Of all passes: what the engine is given, and hands on. */
export interface ActionDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly keys: KeyMaker;
  readonly templateKeys: TemplateKeys;
  readonly diskImages: DiskImages;
  /** Who gets the nodes. */
  readonly targets: Targets;
  /** Name of this host, for operators. */
  readonly host: string;
  /** Where the program keeps what must outlive it. */
  readonly stateDir: string;
  /** Environment from which `NODEPOOL_*` is passed to scripts on servers. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface ActionContext extends ActionDeps {
  readonly failures: FailureLog;
  readonly book: CloudRecorder;
  readonly consoles: ConsoleMemory;
  readonly targetBook: TargetRecorder;
  readonly world: World;
  readonly plan: Plan;
  /** Throws `unavailable` when there is no such provider any more. */
  provider(name: string): SupervisedProvider;
  lease(name: string): Lease | null;
}

/** What a handler may ask for when it ends: that its subject is left alone for a while. */
export interface Rest {
  readonly restMs: number;
  /** What it waits for an end of; shown to whoever asks for the plan. */
  readonly error?: string;
}

export type Handler<A extends Action> = (
  action: A,
  context: ActionContext,
  signal: AbortSignal,
) => Promise<Rest | void>;

/** A kind of action without a handler does not compile. */
export type Handlers = { readonly [K in ActionKind]: Handler<ActionOf<K>> };

interface NodeIndex {
  readonly nodes: ReadonlyMap<number, NodeRecord>;
  readonly subnodes: ReadonlyMap<number, { readonly node: NodeRecord; readonly subnode: SubnodeRecord }>;
}

// Built once per read of the records, however many actions look things up.
const nodeIndexes = new WeakMap<readonly NodeRecord[], NodeIndex>();

function indexNodes({ nodes }: World): NodeIndex {
  let index = nodeIndexes.get(nodes);
  if (index === undefined) {
    index = {
      nodes: new Map(nodes.map((node) => [node.id, node])),
      subnodes: new Map(
        nodes.flatMap((node) => node.subnodes.map((subnode) => [subnode.id, { node, subnode }] as const)),
      ),
    };
    nodeIndexes.set(nodes, index);
  }
  return index;
}

export function findNode({ world }: ActionContext, id: number): NodeRecord {
  return indexNodes(world).nodes.get(id) ?? missing(`node ${id}`);
}

export function findSubnode(
  { world }: ActionContext,
  id: number,
): { readonly node: NodeRecord; readonly subnode: SubnodeRecord } {
  return indexNodes(world).subnodes.get(id) ?? missing(`subnode ${id}`);
}

/** The node that a server belongs to, as its own or as that of a subnode; a template has none. */
export function nodeOf(context: ActionContext, { kind, id }: Pick<SlotRef, 'kind' | 'id'>): NodeRecord {
  return kind === 'subnode' ? findSubnode(context, id).node : findNode(context, id);
}

export function findImage({ world }: ActionContext, id: number): ImageRecord {
  return world.images.find((image) => image.id === id) ?? missing(`image ${id}`);
}

export function findDiskImage({ world }: ActionContext, id: number): DiskImageRecord {
  return world.diskImages.find((build) => build.id === id) ?? missing(`disk image ${id}`);
}

/** Plans name records of their own world only. */
function missing(what: string): never {
  throw new Error(`${what} is not in the world that was planned on`);
}

/** The error of a record whose configuration has left between two passes. The next plan deals with it. */
export function departed(what: string): NodepoolError {
  return new NodepoolError('aborted', `${what} is no longer in the configuration`);
}
