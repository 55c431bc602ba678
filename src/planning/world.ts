/** Everything a decision may depend on. Read-only, complete, plain data. */
import type { Config } from '../config/types.ts';
import type { PoolRecords } from '../lifecycle/records.ts';
import type { Accessory, CloudImage, CloudLimits, ProviderTraits, Server } from '../providers/provider.ts';
import type { Memory } from './memory.ts';

export interface World extends PoolRecords {
  readonly now: number;
  readonly config: Config;
  /** UUID of this installation: only what carries it is ours in a cloud. */
  readonly installation: string;
  readonly switches: Switches;
  /** What this machine has for disk images. */
  readonly workshop: Workshop;
  /** Leases this daemon holds: `supply`, `provider:NAME`, `diskimage:NAME`, `images:ID`. */
  readonly leases: ReadonlySet<string>;
  /** Every provider that has a driver: those of the configuration, and removed ones that rows still name. */
  readonly clouds: ReadonlyMap<string, CloudView>;
  /**
   * Providers that records name, that are not known here, and that another daemon acts on, or has until lately: it may have
   * another configuration, as while a new one is being distributed.
   */
  readonly elsewhere: ReadonlySet<string>;
  /** What the Jenkins of each target that has one last said. */
  readonly targets: ReadonlyMap<string, TargetView>;
  /** Nodes wanted per label by the jobs in queues, those that are being worked on included. */
  readonly demand: ReadonlyMap<string, number>;
  /** Subjects with an action in flight, or resting until a time after a failed one. */
  readonly busy: ReadonlyMap<Subject, Busy>;
  /** What the last plan wanted remembered. */
  readonly memory: Memory;
}

export interface Switches {
  readonly launches: boolean;
  readonly deletes: boolean;
  readonly images: boolean;
}

export interface Workshop {
  /** Where built disk images are; null: nothing is built or uploaded here. */
  readonly directory: { readonly id: string; readonly path: string } | null;
  /** Why there is no directory, or null. */
  readonly problem: string | null;
  /** Builds, and uploads, at once. */
  readonly workers: Workers;
}

export interface Workers {
  readonly builds: number;
  readonly uploads: number;
}

export interface CloudView {
  readonly traits: ProviderTraits;
  readonly servers: Listing<Server>;
  readonly images: Listing<CloudImage>;
  readonly accessories: Listing<Accessory>;
  /** When something last hinted that a listing would show news; 0: never. */
  readonly hintedAt: number;
  /** null: not read yet, or the last answer was an error. */
  readonly limits: (CloudLimits & { readonly readAt: number }) | null;
}

/** What is known of the Jenkins of a target, and of those who take its nodes. */
export interface TargetView {
  /** What it last answered; null: nothing yet, or too long ago. */
  readonly answer: TargetAnswer | null;
  /** Why it did not answer when it was last asked; null: it did, or was not asked yet. */
  readonly problem: string | null;
  /** When it is to be asked again. */
  readonly dueAt: number;
  /** Its launchers refuse nodes: none is offered before `until` (epoch ms); null: they do not. */
  readonly refusal: { readonly error: string; readonly until: number } | null;
}

export interface TargetAnswer {
  /** When it was asked. */
  readonly takenAt: number;
  readonly isQuietingDown: boolean;
  /** By name. */
  readonly agents: ReadonlyMap<string, Agent>;
}

/** A node as its Jenkins sees it. */
export interface Agent {
  /** A build runs on it. */
  readonly isBusy: boolean;
}

/** What a cloud last said. Unknown (never asked, or the last answer was an error) is not empty. */
export type Listing<T> =
  | { readonly known: true; /** When the call was sent. */ readonly takenAt: number; readonly items: readonly T[] }
  | { readonly known: false; readonly error: string | null; /** Not asked again before. */ readonly retryAt: number };

/** What an action works on: one action per subject at a time. */
export type Subject =
  | 'supply'
  | 'history'
  | 'requests'
  | 'request-ends'
  | `target:${string}`
  | `handover:${number}`
  | `node:${number}`
  | `subnode:${number}`
  | `image:${number}`
  | `disk-image:${number}`
  | `intent:${number}`
  | `build:${string}/${string}`
  | `disk-build:${string}`
  | 'images-directory'
  | `servers:${string}`
  | `images:${string}`
  | `limits:${string}`
  | `accessories:${string}`
  | `leak:${string}/${string}`;

export type Busy =
  | { readonly until: 'done' }
  | { readonly until: number; /** Why its last action failed; absent: it did not. */ readonly error?: string };
