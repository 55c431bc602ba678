/** The vocabulary of plans: what may be done, and why. Plain data, so a plan can be printed, compared and tested. */
import type { CloudImageId, ServerId } from '../lib/ids.ts';
import type { Accessory } from '../providers/provider.ts';
import type { NodeGrant } from '../lifecycle/hand-out.ts';
import type { IntentRecord } from '../lifecycle/records.ts';
import type { Memory } from './memory.ts';
import type { Subject } from './world.ts';

/** Why something is done: shown unchanged in events, logs and by the command line. */
export const REASONS = {
  'min-ready': 'fewer READY nodes than min-ready',
  demand: 'jobs wait for this label',
  request: 'a request asked for it',
  released: 'its request gave it back',
  'lease-expired': 'the lease of its request ran out',
  'lease-lost': 'its request is gone',
  'nodes-lost': 'none of its nodes is left',
  'job-ended': 'the job on it has ended',
  'job-failed': 'the job on it has failed',
  'test-failed': 'it did not pass its acceptance test',
  'auto-hold': 'a job has failed on it whose nodes are to be held',
  'hold-expired': 'it was held for as long as was asked',
  'room-needed': 'a request whose turn is before waits for its place',
  handover: 'its target has to know of it',
  'handover-lost': 'it may have been handed over, and nobody knows to whom',
  'job-seen': 'its Jenkins shows what no event told',
  'status-needed': 'what its Jenkins last said is out of date',
  'image-missing': 'no READY or BUILDING image',
  'image-update': 'the image-update cron entry is due',
  'rebuild-age': 'the newest build is older than rebuild-age',
  'format-missing': 'a provider wants a format that the newest build does not have',
  'new-build': 'a newer build of its disk image is there',
  operator: 'an operator asked for it',
  'next-step': 'the next step of its life cycle is due',
  adopt: 'the cloud has the server or image of a recorded attempt',
  'launch-timeout': 'the server was not ACTIVE within launch-timeout',
  'boot-timeout': 'SSH did not answer within boot-timeout',
  'server-error': 'the server is in ERROR',
  'server-gone': 'the server is no longer in the cloud',
  'create-failed': 'the cloud refused the server',
  'script-failed': 'a script on the server failed',
  'script-interrupted': 'a script was cut off by a restart of the daemon',
  'host-key-changed': 'another host key than at the first login: it is not the server that it was',
  'key-unusable': 'the private key that its servers are logged in to with cannot be used',
  'subnode-failed': 'a server of its set failed',
  'floating-ip-failed': 'the cloud gave it no floating IP',
  'save-failed': 'the cloud did not save the image',
  'save-timeout': 'the cloud did not save the image in time',
  'state-timeout': 'it stayed in its state for too long',
  unreachable: 'the periodic check could not log in',
  'label-removed': 'its label left the configuration',
  'provider-removed': 'its provider left the configuration',
  'target-removed': 'its target left the configuration',
  'image-removed': 'the image left the configuration',
  'image-outdated': 'newer images took its place',
  'image-failed': 'its build failed',
  'build-failed': 'the disk image could not be built',
  'build-interrupted': 'the build was cut off by the end of its daemon, and begins anew',
  'upload-failed': 'the cloud did not take the image',
  'files-missing': 'its files are gone',
  withdrawn: 'nodes of it failed to become ready while those of the image before it had not',
  'rolled-back': 'an operator went back to the image before it',
  'image-gone': 'the image is no longer in the cloud',
  deleted: 'it is marked for deletion',
  forced: 'an operator asked for it, whatever the cloud says',
  gone: 'nothing of it is left in the cloud',
  leaked: 'it carries our tag but no row owns it',
  'listing-needed': 'a decision waits for a newer listing',
  'cleanup-due': 'the cleanup cron entry is due',
  'check-due': 'the check cron entry is due',
  intent: 'the command line asked',
} as const;
export type Reason = keyof typeof REASONS;

/** The record that owns a server. `key` is what its server is tagged with. */
export interface SlotRef {
  readonly kind: 'node' | 'subnode' | 'image';
  readonly id: number;
  readonly provider: string;
  readonly key: string;
}

/** A node row to be made, with its subnode rows. */
export interface Launch {
  readonly label: string;
  readonly provider: string;
  readonly target: string;
  readonly az: string | null;
  readonly imageId: number;
  readonly subnodes: number;
  readonly reason: 'min-ready' | 'demand' | 'request';
}

/** A request that is to end. */
export interface RequestEnding {
  readonly id: number;
  readonly reason: 'expired' | 'lost';
  /** Only if its lease has run out by then. */
  readonly expiredBy?: number;
}

interface Base {
  readonly subject: Subject;
  readonly reason: Reason;
}

export type Action = Base &
  (
    | { readonly kind: 'launch-nodes'; readonly launches: readonly Launch[] }
    | { readonly kind: 'create-server'; readonly slot: SlotRef; readonly attempt: number }
    | { readonly kind: 'adopt-server'; readonly slot: SlotRef; readonly attempt: number; readonly serverId: ServerId }
    | {
        readonly kind: 'probe-server';
        readonly slot: SlotRef;
        readonly address: string;
        readonly addressPrivate: string | null;
      }
    /** Somebody may answer before the cloud says that it is ACTIVE: then a listing is worth its call. */
    | { readonly kind: 'knock-server'; readonly slot: SlotRef; readonly address: string }
    | { readonly kind: 'attach-floating-ip'; readonly slot: SlotRef; readonly serverId: ServerId }
    | { readonly kind: 'prepare-node'; readonly nodeId: number }
    | { readonly kind: 'check-node'; readonly nodeId: number }
    | {
        readonly kind: 'retire-node';
        readonly nodeId: number;
        /** Shown with the reason. */ readonly detail: string | null;
        /** The launch failed: it counts against its provider, image and zone. */ readonly isFailure: boolean;
        /** The server whose console tells more; null: none does. */ readonly consoleOf: ServerId | null;
      }
    | { readonly kind: 'delete-server'; readonly slot: SlotRef; readonly serverIds: readonly ServerId[] }
    | {
        readonly kind: 'remove-node';
        readonly nodeId: number;
        /** Server ids that could not be deleted. */ readonly abandoned: readonly ServerId[];
      }
    | { readonly kind: 'build-image'; readonly provider: string; readonly image: string }
    | { readonly kind: 'setup-image'; readonly imageId: number }
    | { readonly kind: 'save-image'; readonly imageId: number; readonly serverId: ServerId }
    | { readonly kind: 'adopt-image'; readonly imageId: number; readonly cloudImageId: CloudImageId }
    | { readonly kind: 'finish-image'; readonly imageId: number }
    | {
        readonly kind: 'retire-image';
        readonly imageId: number;
        readonly detail: string | null;
        readonly isFailure: boolean;
        readonly consoleOf: ServerId | null;
      }
    | {
        readonly kind: 'delete-cloud-image';
        readonly imageId: number;
        readonly provider: string;
        readonly cloudImageIds: readonly CloudImageId[];
      }
    /** It is gone; its image stays, or its node waits for something else. */
    | { readonly kind: 'forget-server'; readonly slot: SlotRef }
    | { readonly kind: 'open-disk-image'; readonly image: string }
    | { readonly kind: 'make-disk-image'; readonly diskImageId: number }
    | { readonly kind: 'retire-disk-image'; readonly diskImageId: number }
    /** A build of the original: what its files are has to be found out. */
    | { readonly kind: 'inspect-disk-image'; readonly diskImageId: number }
    | {
        readonly kind: 'remove-disk-image';
        readonly diskImageId: number;
        /** Its files are in a directory that this daemon has. */ readonly hasFiles: boolean;
      }
    | { readonly kind: 'sweep-images-directory' }
    | {
        readonly kind: 'open-upload';
        readonly provider: string;
        readonly image: string;
        readonly diskImageId: number;
      }
    | { readonly kind: 'upload-image'; readonly imageId: number; readonly diskImageId: number }
    /** So that what was there once is not uploaded again when somebody deletes it. */
    | { readonly kind: 'note-uploads'; readonly diskImageId: number; readonly uploads: readonly string[] }
    | { readonly kind: 'withdraw-image'; readonly imageId: number; readonly detail: string }
    | { readonly kind: 'grant-requests'; readonly grants: readonly NodeGrant[] }
    | { readonly kind: 'end-requests'; readonly endings: readonly RequestEnding[] }
    /** Tells the node's target of it: Jenkins, or a Gearman worker. */
    | { readonly kind: 'register-node'; readonly nodeId: number }
    | { readonly kind: 'unregister-node'; readonly nodeId: number }
    | { readonly kind: 'start-test'; readonly nodeId: number }
    | { readonly kind: 'pass-test'; readonly nodeId: number }
    /** What its Jenkins shows: a job began, or ended, and no event told. */
    | { readonly kind: 'note-job'; readonly nodeId: number; readonly seen: 'started' | 'ended' }
    | { readonly kind: 'hold-node'; readonly nodeId: number; readonly jobId: number }
    | { readonly kind: 'check-target'; readonly target: string }
    | { readonly kind: 'purge-history' }
    | { readonly kind: 'remove-image'; readonly imageId: number; readonly abandoned: readonly string[] }
    | {
        readonly kind: 'delete-leaked-server';
        readonly provider: string;
        readonly serverId: ServerId;
        readonly owner: string;
      }
    | {
        readonly kind: 'delete-leaked-image';
        readonly provider: string;
        readonly cloudImageId: CloudImageId;
        readonly owner: string;
      }
    | {
        readonly kind: 'delete-accessory';
        readonly provider: string;
        readonly accessory: Pick<Accessory, 'kind' | 'id' | 'name'>;
        readonly owner: string;
      }
    | { readonly kind: 'list-accessories'; readonly provider: string }
    | { readonly kind: 'list-servers'; readonly provider: string }
    | { readonly kind: 'list-images'; readonly provider: string }
    | { readonly kind: 'read-limits'; readonly provider: string }
    | { readonly kind: 'answer-intent'; readonly intent: IntentRecord }
  );

export type ActionKind = Action['kind'];
export type ActionOf<K extends ActionKind> = Extract<Action, { kind: K }>;

/** Why something is not done now; `about` names a label, provider, image, node. */
export interface Note {
  readonly about: string;
  readonly text: string;
  /** It tells how places were divided, and stands in nobody's way. */
  readonly isShare?: true;
  /** It concerns `min-ready` alone, which nobody waits for. */
  readonly isSpare?: true;
  /** It stands in the way of requests for more than `most` nodes of a label. */
  readonly blocks?: { readonly label: string; readonly most: number };
}

export interface Plan {
  readonly actions: readonly Action[];
  readonly notes: readonly Note[];
  readonly memory: Memory;
  /** Earliest time at which a new plan may differ although nothing happened. */
  readonly nextWakeAt: number;
}
