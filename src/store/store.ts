/**
 * The store: the pool's records behind repositories. Row shapes and knex stay inside `src/store`.
 *
 * Writes of the same turn of the event loop are grouped into one transaction with one statement per shape
 * (`batcher.ts`, `grouped.ts`); each caller still learns whether its own compare-and-set won. A lost one is normal: somebody
 * else moved the row, the next pass looks again.
 *
 * Errors: `database-unavailable` (try again later), `database-unusable` (wrong, newer or refused database).
 */
import type { CloudImageId, ServerId } from '../lib/ids.ts';
import type { ImageMove, ImageState } from '../lifecycle/image-states.ts';
import type { NodeMove, NodeState } from '../lifecycle/node-states.ts';
import type { FailurePlace, ImageFile, IntentKind, IntentRecord, PoolRecords } from '../lifecycle/records.ts';

import type { JobStore, RequestStore, TokenStore } from './request-store.ts';

export type * from './request-store.ts';

/** Who makes a move; checked against the life-cycle table. */
export type Actor = 'launch' | 'event' | 'operator' | 'cleanup';

/** What happened to a record, for its history. `reason` is from the planner's closed list. */
export interface EventInput {
  readonly kind: string;
  readonly reason: string | null;
  readonly detail?: string | null;
}

export interface EventRecord {
  readonly id: number;
  readonly at: number;
  readonly subjectKind: 'node' | 'subnode' | 'image' | 'disk-image' | 'provider' | 'request';
  readonly subjectId: number;
  /** Provider, label or image: what the subject was about, so that history outlives the row. */
  readonly provider: string | null;
  readonly name: string | null;
  readonly kind: string;
  readonly reason: string | null;
  readonly detail: string | null;
}

export interface NewNode {
  readonly label: string;
  readonly provider: string;
  readonly target: string;
  readonly az: string | null;
  readonly imageId: number;
  readonly subnodes: number;
  readonly reason: string;
}

/** Facts of a server that belong to a node, subnode or image row. Absent keys stay as they are. */
export interface SlotPatch {
  readonly serverId?: ServerId | null;
  readonly attemptAt?: number | null;
  readonly activeAt?: number | null;
  readonly reachableAt?: number | null;
  readonly deleteAt?: number | null;
  readonly ip?: string | null;
  readonly ipPrivate?: string | null;
  readonly hostKey?: string | null;
  readonly hostname?: string | null;
}

export interface NodePatch extends SlotPatch {
  readonly nodename?: string | null;
  readonly comment?: string | null;
  readonly reason?: string | null;
  readonly scriptAt?: number | null;
  readonly checkedAt?: number | null;
  readonly checkFailures?: number;
  readonly heldFrom?: 'ready' | 'used' | null;
  readonly holdUntil?: number | null;
  readonly heldBy?: number | null;
  readonly manager?: string | null;
  readonly registerAt?: number | null;
  readonly registeredAt?: number | null;
  readonly testAt?: number | null;
  readonly jobName?: string | null;
  readonly jobResult?: string | null;
  readonly jobDoneAt?: number | null;
}

export interface ImagePatch extends SlotPatch {
  readonly cloudImageId?: CloudImageId | null;
  readonly reason?: string | null;
  readonly username?: string | null;
  readonly setupAt?: number | null;
  readonly setupDoneAt?: number | null;
  readonly saveAt?: number | null;
  readonly saveAttempt?: number;
  readonly progressBytes?: number | null;
  readonly withdrawnAt?: number | null;
}

export interface DiskImagePatch {
  readonly filename?: string | null;
  readonly reason?: string | null;
  readonly directory?: string | null;
  readonly host?: string | null;
  readonly startedAt?: number | null;
  readonly files?: readonly ImageFile[] | null;
  readonly uploads?: readonly string[];
}

/** Records that have a server of their own. */
export type SlotKind = 'node' | 'subnode' | 'image';
export type RecordKind = SlotKind | 'disk-image';

interface Patches {
  readonly node: NodePatch;
  readonly subnode: SlotPatch;
  readonly image: ImagePatch;
  readonly 'disk-image': DiskImagePatch;
}
export type PatchOf<K extends RecordKind> = Patches[K];

/** A guard holds the values a row must still have; absent keys do not matter. */
export interface Guard {
  readonly state?: NodeState;
  readonly attempt?: number;
}

export interface NodeGuard extends Guard {
  /** null: there was no news of the end of its job. */
  readonly jobDoneAt?: null;
  /** null: its acceptance test was not started. */
  readonly testAt?: null;
  /** null: it is held without end. */
  readonly holdUntil?: number | null;
  /** It was READY before it was held, and is so far as is known. */
  readonly heldFrom?: 'ready';
  /** null: nothing of the kind was begun. */
  readonly registerAt?: number | null;
  readonly scriptAt?: null;
}

export interface ImageGuard extends Guard {
  /** null: nothing of the kind was begun. */
  readonly setupAt?: null;
  readonly saveAttempt?: number;
}

interface Guards {
  readonly node: NodeGuard;
  readonly subnode: Guard;
  readonly image: ImageGuard;
  readonly 'disk-image': Pick<Guard, 'state'>;
}
export type GuardOf<K extends RecordKind> = Guards[K];

/** A held lease as proof of the right to act: `epoch` grows with each change of holder. */
export interface Lease {
  readonly name: string;
  readonly holder: string;
  readonly epoch: number;
  readonly expiresAt: number;
}

export interface Store {
  /** UUID of the installation, made with the schema. */
  installation(): Promise<string>;

  /**
   * All records that planning looks at, read in one transaction. When nothing changed since the last call
   * (one statement tells), the last result is returned, the same object.
   */
  readPool(): Promise<PoolRecords>;

  /**
   * Inserts node and subnode rows in state BUILDING with no attempt on record, and their events, in one
   * transaction that also proves that `fence` is still held. Answers how many; 0 when the lease was lost.
   */
  launchNodes(nodes: readonly NewNode[], fence: Lease): Promise<number>;

  moveNode<From extends NodeState>(move: {
    id: number;
    from: From;
    to: NodeMove<From>;
    by: Actor;
    /** What must be so beside the state. */
    guard?: NodeGuard;
    patch?: NodePatch;
    event?: EventInput;
  }): Promise<boolean>;
  moveImage<From extends ImageState>(move: {
    id: number;
    from: From;
    to: ImageMove<From>;
    by: Actor;
    patch?: ImagePatch;
    event?: EventInput;
  }): Promise<boolean>;
  /** A subnode becomes ready. Answers whether it was BUILDING. */
  readySubnode(id: number, patch: SlotPatch): Promise<boolean>;

  /** Writes facts into a row if it still satisfies `guard`. */
  patch<K extends RecordKind>(
    kind: K,
    id: number,
    guard: GuardOf<K>,
    patch: PatchOf<K>,
    event?: EventInput,
  ): Promise<boolean>;

  /**
   * Records that create attempt number `attempt + 1` is about to be made, if the row is still BUILDING and the
   * last one is `attempt`: the fence before each create. Deleting the row's node meanwhile loses it.
   */
  recordAttempt<K extends SlotKind>(
    slot: { kind: K; id: number },
    attempt: number,
    patch: PatchOf<K>,
  ): Promise<boolean>;

  /** Inserts a BUILDING image row unless one of that provider and image is BUILDING; answers its id or null. */
  createImage(image: {
    provider: string;
    image: string;
    hostname: string;
    version: number;
    reason: string;
    /** The build that is to be uploaded; absent: it becomes a snapshot. */
    diskImageId?: number;
  }): Promise<number | null>;

  /** Counts how a launch from the image ended. Those that end in the same turn are written together. */
  countLaunch(imageId: number, hasWorked: boolean): Promise<void>;

  /** Inserts a BUILDING row of `dib_image` unless one of that name is BUILDING; answers its id or null. */
  createDiskImage(image: { image: string; version: number; reason: string }): Promise<number | null>;
  moveDiskImage<From extends ImageState>(move: {
    id: number;
    from: From;
    to: ImageMove<From>;
    by: Actor;
    patch?: DiskImagePatch;
    event?: EventInput;
  }): Promise<boolean>;
  /** Deletes a row in state DELETE. */
  removeDiskImage(id: number, event: EventInput): Promise<boolean>;

  /** Deletes the node's row (state DELETE) with its subnode rows. */
  removeNode(id: number, event: EventInput): Promise<boolean>;
  removeImage(id: number, event: EventInput): Promise<boolean>;

  events: {
    add(
      subject: {
        kind: 'node' | 'image' | 'disk-image' | 'provider' | 'request';
        id: number;
        provider?: string | null;
        name?: string | null;
      },
      event: EventInput,
    ): Promise<void>;
    /** History of one subject, oldest first. */
    of(kind: 'node' | 'image' | 'disk-image' | 'request', id: number): Promise<readonly EventRecord[]>;
    /** The newest events of a kind, newest first. */
    latest(kinds: readonly string[], limit: number): Promise<readonly EventRecord[]>;
    /** Deletes events older than `before` (epoch ms), some thousands at most; answers how many. */
    purge(before: number): Promise<number>;
  };

  failures: {
    /** Counts one more failure at the place. `retryAt` computes the next try from the new count. */
    record(place: FailurePlace, error: string, retryAt: (count: number) => number): Promise<void>;
    /** Forgets the failures of a place after a success. */
    clear(place: FailurePlace): Promise<void>;
    /** Forgets the failures of places that have not failed since a rest that ended before `before` (epoch ms). */
    purge(before: number): Promise<void>;
  };

  intents: {
    add(kind: IntentKind, args: IntentRecord['args']): Promise<number>;
    find(id: number): Promise<IntentRecord | null>;
    /** Answers an intent; the first answer stays. */
    finish(id: number, answer: { result: unknown } | { error: string }): Promise<boolean>;
    /** Deletes answered intents older than `before` (epoch ms). */
    purge(before: number): Promise<void>;
  };

  readonly requests: RequestStore;
  readonly tokens: TokenStore;
  readonly jobs: JobStore;

  leases: {
    /**
     * Renews what `holder` holds among `names`, takes what is free or expired, and leases whose holder is dead as
     * `isDead` says; answers all leases now held, by name.
     */
    keep(
      holder: string,
      names: readonly string[],
      ttlMs: number,
      isDead: (lease: Lease) => boolean,
    ): Promise<ReadonlyMap<string, Lease>>;
    /** Gives up everything `holder` holds. */
    release(holder: string): Promise<void>;
    list(): Promise<readonly Lease[]>;
    /** Those of `names` that somebody holds now, or has held since then (epoch ms), as far as rows are kept: for a day. */
    heldSince(names: readonly string[], since: number): Promise<ReadonlySet<string>>;
  };

  locations: {
    /** Where each provider has what it has, by name ({@link Provider.location}). */
    all(): Promise<ReadonlyMap<string, string>>;
    set(provider: string, location: string | null): Promise<void>;
  };

  pauses: {
    /** Sets or renews the pause of an image, at one provider or (null) at all. */
    set(pause: { image: string; provider: string | null; reason: string | null }): Promise<void>;
    /** Ends it; answers whether there was one. `provider` null ends only the one that is for all providers. */
    end(pause: { image: string; provider: string | null }): Promise<boolean>;
  };

  close(): Promise<void>;
}
