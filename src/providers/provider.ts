/**
 * The boundary to a cloud. Contract, proved for every driver by `test/contract`:
 * - Every call returns when the cloud has accepted it; none waits for a status. None retries.
 * - `createServer` and `saveImage` put `tags` on the resource, and listings give them back: adoption and the
 *   search for leaks rest on that.
 * - Deleting what is gone is success, deleting twice too.
 * - Only catalogue errors leave a driver: not-found, quota, throttled, rejected, unavailable, auth, aborted.
 *   `quota`, `throttled`, `rejected`, `auth` promise that nothing was created; `unavailable` promises nothing.
 * - A driver knows no database, no metrics, no rates: `supervised.ts` puts those around it.
 */
import type { ProviderConfig } from '../config/types.ts';
import type { CloudImageId, ServerId } from '../lib/ids.ts';
import type { Shell } from '../remote/shell.ts';

/** Who owns a resource of the cloud, written into its metadata. */
export interface Tags {
  /** UUID of the installation (one database is one installation). */
  readonly installation: string;
  /** {@link recordKey} of the row. */
  readonly record: string;
  readonly attempt: number;
}

export type ServerStatus = 'building' | 'active' | 'error' | 'deleting' | 'unknown';

export interface Server {
  readonly id: ServerId;
  readonly name: string;
  readonly status: ServerStatus;
  /** Address that the pool talks to and hands out; null: none yet. */
  readonly ip: string | null;
  /** Private address; null when the cloud has none. */
  readonly ipPrivate: string | null;
  /** null: not ours. */
  readonly tags: Tags | null;
  /** The cloud's own words on what went wrong with it. */
  readonly fault: string | null;
  readonly az: string | null;
}

export type CloudImageStatus = 'saving' | 'active' | 'error' | 'deleting' | 'unknown';

export interface CloudImage {
  readonly id: CloudImageId;
  readonly name: string;
  readonly status: CloudImageStatus;
  readonly tags: Tags | null;
  /** Made from a server (what the classic `alien-image-list` shows). */
  readonly isSnapshot: boolean;
}

export interface ServerSpec {
  readonly name: string;
  readonly image: { readonly id: CloudImageId } | { /** Name or id of a base image. */ readonly base: string };
  readonly minRamMb: number;
  readonly nameFilter: string | null;
  readonly az: string | null;
  readonly configDrive: boolean | null;
  readonly keypair: string | null;
  readonly tags: Tags;
  /** Further metadata: the classic `groups` and `nodepool` keys. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ImageSpec {
  readonly name: string;
  readonly meta: Readonly<Record<string, string>>;
  readonly tags: Tags;
}

/** What the project may have at most; null: no limit is known. */
export interface CloudLimits {
  readonly servers: number | null;
}

export interface Cloud {
  listServers(signal: AbortSignal): Promise<readonly Server[]>;
  createServer(spec: ServerSpec, signal: AbortSignal): Promise<ServerId>;
  deleteServer(id: ServerId, signal: AbortSignal): Promise<void>;
  listImages(signal: AbortSignal): Promise<readonly CloudImage[]>;
  /** Starts to save the server's disk as an image. */
  saveImage(id: ServerId, spec: ImageSpec, signal: AbortSignal): Promise<CloudImageId>;
  deleteImage(id: CloudImageId, signal: AbortSignal): Promise<void>;
  limits(signal: AbortSignal): Promise<CloudLimits>;
}

/** The names of the calls: what limits, timings and metrics are kept by. */
export type CloudCall = keyof Cloud;

/** A driver at work for one provider. */
export interface Provider {
  readonly cloud: Cloud;
  /** How its servers are logged in to. */
  readonly shell: Shell;
  readonly traits: ProviderTraits;
}

export interface ProviderTraits {
  /** A listing younger than this is never asked for again, in milliseconds. */
  readonly listIntervalMs: number;
  /** A created resource shows up in listings taken this long after the call ended, at the latest. */
  readonly listingLagMs: number;
  /** Calls of one lane under way at once. */
  readonly concurrency: number;
}

/** Makes a provider from its configuration; called again when that changes. */
export type DriverFactory = (config: ProviderConfig) => Provider;
