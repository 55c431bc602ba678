/**
 * The pool's records as domain values. `src/store` maps rows to these; nothing above it knows columns.
 * All times are epoch milliseconds (the classic `state_time` has seconds: it is floored).
 */
import type { CloudImageId, ServerId } from '../lib/ids.ts';
import type { ImageState } from './image-states.ts';
import type { NodeState, SubnodeState } from './node-states.ts';
import type { RequestState } from './request-states.ts';

/** What a record knows of the one server that belongs to it: a node's, a subnode's, an image's template. */
export interface ServerSlot {
  readonly serverId: ServerId | null;
  /** Create calls recorded so far; recorded before each call. */
  readonly attempt: number;
  /** When the last attempt was recorded; null when none may still have an effect. */
  readonly attemptAt: number | null;
  /** First seen ACTIVE while SSH did not answer; the boot time limit counts from here. */
  readonly activeAt: number | null;
  /** SSH answered. */
  readonly reachableAt: number | null;
  /** The cloud last accepted a deletion. */
  readonly deleteAt: number | null;
  readonly ip: string | null;
  readonly ipPrivate: string | null;
  /** What the server showed at the first login, as `ssh-ed25519 AAAA...`; from then on it has to show the same. */
  readonly hostKey: string | null;
  readonly createdAt: number;
}

/** Whether there may be a server: one is known, or an attempt to create it may still have an effect. */
export function mayHaveServer({ serverId, attemptAt }: ServerSlot): boolean {
  return serverId !== null || attemptAt !== null;
}

export interface NodeRecord extends ServerSlot {
  readonly id: number;
  readonly provider: string;
  readonly label: string;
  readonly target: string;
  readonly manager: string | null;
  readonly hostname: string | null;
  readonly nodename: string | null;
  readonly az: string | null;
  readonly state: NodeState;
  readonly stateAt: number;
  readonly comment: string | null;
  /** Why it is in its state: of the planner's closed list; null on classic rows. */
  readonly reason: string | null;
  /** Row id of the provider image it boots from. */
  readonly imageId: number | null;
  /** The ready script was started (it cannot be repeated: a restart in between fails the node). */
  readonly scriptAt: number | null;
  /** Last periodic check that succeeded, or could not be made. */
  readonly checkedAt: number | null;
  /** Periodic checks failed since. */
  readonly checkFailures: number;
  /** State it was held from. */
  readonly heldFrom: 'ready' | 'used' | null;
  /** Until when it is held; null: until an operator says otherwise. */
  readonly holdUntil: number | null;
  /** Row id of the rule that held it: a row of `job`. */
  readonly heldBy: number | null;
  /** Row id of the request that it was granted to; null: none. */
  readonly requestId: number | null;
  /** Its target may have been told of it: recorded before each try. */
  readonly registerAt: number | null;
  /** Its target has been told of it: Jenkins has it as an agent, or a Gearman worker has taken it. */
  readonly registeredAt: number | null;
  /** Its acceptance test was started. */
  readonly testAt: number | null;
  /** The job that runs or ran on it. */
  readonly jobName: string | null;
  /** How that ended, as Jenkins says it: SUCCESS, FAILURE, ...; null: it has not, or nobody knows. */
  readonly jobResult: string | null;
  /** When news of its end came. */
  readonly jobDoneAt: number | null;
  readonly subnodes: readonly SubnodeRecord[];
}

export interface SubnodeRecord extends ServerSlot {
  readonly id: number;
  readonly nodeId: number;
  readonly hostname: string | null;
  readonly state: SubnodeState;
  readonly stateAt: number;
}

/** A provider image: a row of `snapshot_image`, whether made by snapshot or by upload. */
export interface ImageRecord extends ServerSlot {
  readonly id: number;
  readonly provider: string;
  readonly image: string;
  /** Name of the template server and of the image in the cloud. */
  readonly hostname: string | null;
  /** Epoch seconds. */
  readonly version: number;
  readonly cloudImageId: CloudImageId | null;
  readonly state: ImageState;
  readonly stateAt: number;
  readonly reason: string | null;
  /** User that could log in to the template. */
  readonly username: string | null;
  /** The set-up script was started (it cannot be repeated). */
  readonly setupAt: number | null;
  /** The set-up script ended well. */
  readonly setupDoneAt: number | null;
  /** When the last save attempt (snapshot call) was recorded; null when none may still have an effect. */
  readonly saveAt: number | null;
  /** Save calls, or uploads, recorded so far; recorded before each. */
  readonly saveAttempt: number;
  /** Row id of the build whose file it is; null: it is a snapshot, or nobody knows. */
  readonly diskImageId: number | null;
  /** Bytes of the file that the running upload has sent; null: none runs. */
  readonly progressBytes: number | null;
  /** Since then nodes boot from the image before it instead; null: it is in order. */
  readonly withdrawnAt: number | null;
  /** Of the first launches from it, those that ended with a READY node, and those that failed. Later ones are not counted. */
  readonly launchesOk: number;
  readonly launchesFailed: number;
}

/** A file of a disk image, in one format. */
export interface ImageFile {
  /** As `image-type` and `formats` name it: qcow2, raw, vhd, vmdk, or another that only the builder program knows. */
  readonly format: string;
  readonly bytes: number;
  /** What it takes up on disk: less than `bytes` where it is sparse. */
  readonly allocatedBytes: number;
  /** Size of the disk that a server sees; null: the format has none. */
  readonly virtualBytes: number | null;
  /** In hexadecimal; clouds report one of them. */
  readonly sha256: string;
  readonly sha512: string;
  readonly md5: string;
}

/** One build of a disk image: a row of `dib_image`. */
export interface DiskImageRecord {
  readonly id: number;
  /** Name of the disk image. */
  readonly image: string;
  /** Absolute path of its files without their extensions. */
  readonly filename: string | null;
  /** Epoch seconds. */
  readonly version: number;
  readonly state: ImageState;
  readonly stateAt: number;
  readonly createdAt: number;
  readonly reason: string | null;
  /** UUID of the images directory that its files are in; null: nobody has begun to build it, or it is of the original. */
  readonly directory: string | null;
  /** Name of the host that builds or built it: where its files and its log are. */
  readonly host: string | null;
  /** The builder program was started (what a half-done build left cannot be used). */
  readonly startedAt: number | null;
  /** null: not known, as of builds of the original. */
  readonly files: readonly ImageFile[] | null;
  /** `PROVIDER/IMAGE` of each provider image that it has been uploaded as. */
  readonly uploads: readonly string[];
}

/** A wish for nodes of one label, and the lease under which it has them: a row of `request`. */
export interface RequestRecord {
  readonly id: number;
  readonly label: string;
  /** Nodes, of which it gets all or none. */
  readonly count: number;
  readonly priority: number;
  /** Requests of a label are served in this order: see `requestRank`. */
  readonly rank: number;
  /** Who asks, in words. */
  readonly requestor: string;
  readonly reason: string | null;
  /** Row id of the token that it was made with; null: by the command line. */
  readonly tokenId: number | null;
  /** How long the lease lasts from the grant on. */
  readonly ttlMs: number;
  readonly state: RequestState;
  readonly createdAt: number;
  readonly grantedAt: number | null;
  /** When the lease ends; null: it has not begun. */
  readonly expiresAt: number | null;
  readonly endedAt: number | null;
  readonly endReason: RequestEnd | null;
}

/** Why a request ended. */
export const REQUEST_ENDS = {
  cancelled: 'it was taken back before it had nodes',
  released: 'its nodes were given back',
  failed: 'its nodes were given back after a failure',
  expired: 'its lease ran out',
  lost: 'its nodes are gone',
} as const;
export type RequestEnd = keyof typeof REQUEST_ENDS;

/** A rule that holds nodes on which jobs fail: a row of `job`. */
export interface JobRecord {
  readonly id: number;
  /** Name of the job, or who made the request; `*`: any. */
  readonly name: string;
  /** Only on nodes of this label; null: of any. */
  readonly label: string | null;
  /** Nodes that are held for it at once. */
  readonly holdOnFailure: number;
  readonly reason: string | null;
  /** How long a node is held; null: until an operator says otherwise. */
  readonly holdMs: number | null;
  /** The rule holds no more nodes after this; null: no end. */
  readonly expiresAt: number | null;
}

/** An operator's order to build and upload nothing more of an image for now. */
export interface PauseRecord {
  /** Name of a disk image or of a provider image. */
  readonly image: string;
  /** null: at every provider. */
  readonly provider: string | null;
  readonly at: number;
  readonly reason: string | null;
}

/** What failures are counted by: launches per image and zone, builds per image, disk images, a provider as a whole. */
export interface FailurePlace {
  readonly kind: 'launch' | 'build' | 'disk-image' | 'provider';
  /** Empty for disk images, which belong to none. */
  readonly provider: string;
  readonly image: string | null;
  readonly az: string | null;
}

/** Failures at one place since the last success there. */
export interface FailureRecord extends FailurePlace {
  readonly count: number;
  readonly lastAt: number;
  readonly lastError: string;
  /** Nothing is tried there before. */
  readonly retryAt: number;
}

export const INTENT_KINDS = [
  'explain-request',
  'image-build',
  'image-upload',
  'image-update',
  'image-rollback',
  'image-delete',
  'plan',
  'alien-list',
  'alien-image-list',
] as const;
export type IntentKind = (typeof INTENT_KINDS)[number];

/** A question or order of the command line, which the daemon answers. */
export interface IntentRecord {
  readonly id: number;
  readonly kind: IntentKind;
  readonly args: Readonly<Record<string, string | number | boolean | null>>;
  readonly finishedAt: number | null;
  /** JSON value of the answer. */
  readonly result: unknown;
  /** One sentence when it failed. */
  readonly error: string | null;
}

/** All records that planning looks at. */
export interface PoolRecords {
  readonly nodes: readonly NodeRecord[];
  readonly images: readonly ImageRecord[];
  readonly diskImages: readonly DiskImageRecord[];
  readonly pauses: readonly PauseRecord[];
  readonly failures: readonly FailureRecord[];
  /** Unanswered intents. */
  readonly intents: readonly IntentRecord[];
  /** Those that wait or have nodes. */
  readonly requests: readonly RequestRecord[];
  /** Rules that hold nodes on which jobs fail. */
  readonly jobs: readonly JobRecord[];
}

/**
 * The name that a server or image carries in its metadata to say which record it belongs to. The creation
 * time is part of it because a database may give an id out again after rows were deleted by hand.
 */
export function recordKey(kind: 'node' | 'subnode' | 'image', record: { id: number; createdAt: number }): string {
  return `${kind}-${record.id}-${record.createdAt.toString(36)}`;
}
