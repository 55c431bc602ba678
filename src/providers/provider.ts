/**
 * The boundary to a cloud. Contract, proved for every driver by `test/contract`:
 * - Every call returns when the cloud has accepted it; none waits for a status. What creates something is sent once;
 *   reads and deletions, which may be repeated without harm, a driver may try again within the call.
 * - `createServer`, `saveImage` and `uploadImage` put `tags` on the resource, and listings give them back: adoption and the
 *   search for leaks rest on that.
 * - Deleting what is gone is success, deleting twice too.
 * - Only catalogue errors leave a driver: not-found, quota, throttled, conflict, rejected, unavailable, auth, aborted; and
 *   what the stream of a file to be uploaded ends with.
 *   `quota`, `throttled`, `conflict`, `rejected`, `auth` promise that nothing was created; `unavailable` promises nothing.
 * - A driver knows no database, no metrics, no rates: `supervised.ts` puts those around it.
 */
import type { Readable } from 'node:stream';
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
  /** It has to get a floating IP ({@link Cloud.attachFloatingIp}) before anybody can reach it. */
  readonly wantsFloatingIp: boolean;
  /** The cloud's own words on what went wrong with it. */
  readonly fault: string | null;
  /** What it uses of the project's quota; null: not known. */
  readonly size: ServerSize | null;
}

export interface ServerSize {
  readonly cores: number;
  readonly ramMb: number;
}

export interface Flavor extends ServerSize {
  readonly id: string;
  readonly name: string;
  readonly diskGb: number;
}

/** `queued`: the cloud has none of its content, or has thrown away what came of it. */
export type CloudImageStatus = 'queued' | 'saving' | 'active' | 'error' | 'deleting' | 'unknown';

export interface CloudImage {
  readonly id: CloudImageId;
  readonly name: string;
  readonly status: CloudImageStatus;
  readonly tags: Tags | null;
  /** Made from a server (what the classic `alien-image-list` shows). */
  readonly isSnapshot: boolean;
  /** Of its file; null: the cloud does not say. */
  readonly bytes: number | null;
  readonly digest: Digest | null;
}

/** In hexadecimal. */
export interface Digest {
  readonly algorithm: 'sha512' | 'sha256' | 'md5';
  readonly value: string;
}

export interface ServerSpec {
  readonly name: string;
  readonly image: { readonly id: CloudImageId } | { /** Name or id of a base image. */ readonly base: string };
  readonly minRamMb: number;
  readonly nameFilter: string | null;
  readonly az: string | null;
  readonly configDrive: boolean | null;
  /** Name of a key pair at the cloud. */
  readonly keypair: string | null;
  /** Text for cloud-init or what takes its place. */
  readonly userData: string | null;
  /** Boot from a new volume of this size, made from the image and deleted with the server; null: from a local disk. */
  readonly volumeGb: number | null;
  readonly tags: Tags;
  /** Further metadata: the classic `groups` and `nodepool` keys. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ImageSpec {
  readonly name: string;
  readonly meta: Readonly<Record<string, string>>;
  readonly tags: Tags;
}

export interface UploadSpec extends ImageSpec {
  /**
   * A UUID that was never used before, chosen and recorded by the caller: what an upload that was cut off has left is found
   * by it, without a doubt.
   */
  readonly id: CloudImageId;
  /** qcow2, raw, vhd or vmdk. */
  readonly format: string;
  /** Least disk of a flavor that can boot it, in GiB; 0: any. */
  readonly minDiskGb: number;
  readonly bytes: number;
  /**
   * Opens the file at its beginning, to be read in pieces of 256 KiB to 1 MiB; called again when it has to be sent again. An
   * error that the stream ends with is that of the upload, unchanged.
   */
  readonly open: () => Readable;
  /** Told how many bytes have been sent. */
  readonly onProgress: (sentBytes: number) => void;
}

/**
 * What else belongs to servers at a cloud. A key pair's id is its name. A floating IP and a port name the server that
 * they are attached to, or were made for; the tags of a port are those that its server had, as far as they are known.
 */
export interface Accessory {
  readonly kind: 'keypair' | 'floating-ip' | 'port';
  readonly id: string;
  /** Name or address, for messages. */
  readonly name: string;
  /** The server it is in use by; null: by none. */
  readonly serverId: ServerId | null;
  /** null: not ours. */
  readonly tags: Pick<Tags, 'installation' | 'record'> | null;
}

export interface KeypairSpec {
  /** One line in the notation of `authorized_keys`. */
  readonly publicKey: string;
  readonly tags: Tags;
}

/** What the project may have at most; null: no limit is known. */
export interface CloudLimits {
  readonly servers: number | null;
  readonly cores: number | null;
  readonly ramMb: number | null;
  /** Floating IPs that this pool may have beside those of others; null where its servers need none, too. */
  readonly floatingIps: number | null;
  /** What servers can be made of; empty: not known, so that cores and RAM cannot be foreseen. */
  readonly flavors: readonly Flavor[];
}

export interface Cloud {
  listServers(signal: AbortSignal): Promise<readonly Server[]>;
  createServer(spec: ServerSpec, signal: AbortSignal): Promise<ServerId>;
  deleteServer(id: ServerId, signal: AbortSignal): Promise<void>;
  listImages(signal: AbortSignal): Promise<readonly CloudImage[]>;
  /** Starts to save the server's disk as an image. */
  saveImage(id: ServerId, spec: ImageSpec, signal: AbortSignal): Promise<CloudImageId>;
  /**
   * Makes an image of a file, private to the project, and resolves when the cloud has taken all of it: then it is active, or
   * soon will be. `conflict` when the id is in use already. What an upload leaves that was cut off, or whose file could not be
   * read, has the id and the tags and is never active.
   */
  uploadImage(spec: UploadSpec, signal: AbortSignal): Promise<void>;
  /** One image; null: there is none of that id (any more). */
  findImage(id: CloudImageId, signal: AbortSignal): Promise<CloudImage | null>;
  deleteImage(id: CloudImageId, signal: AbortSignal): Promise<void>;
  limits(signal: AbortSignal): Promise<CloudLimits>;
  /** Key pairs, floating IPs and ports, those of others included where the cloud shows them. */
  listAccessories(signal: AbortSignal): Promise<readonly Accessory[]>;
  deleteAccessory(accessory: Pick<Accessory, 'kind' | 'id'>, signal: AbortSignal): Promise<void>;
  /**
   * Makes a key pair for the tagged record's server and resolves with its name, which follows from the tags alone. One
   * of that name with another key is replaced.
   */
  createKeypair(spec: KeypairSpec, signal: AbortSignal): Promise<string>;
  /** Gives the server a floating IP made for it, in one call; success, too, when it has one already. */
  attachFloatingIp(id: ServerId, tags: Tags, signal: AbortSignal): Promise<void>;
  /** The last lines that the server wrote on its console; empty when the cloud has none. */
  readConsole(id: ServerId, signal: AbortSignal): Promise<string>;
}

/** The names of the calls: what limits, timings and metrics are kept by. */
export type CloudCall = keyof Cloud;

/** A driver at work for one provider. */
export interface Provider {
  readonly cloud: Cloud;
  /** How its servers are logged in to. */
  readonly shell: Shell;
  readonly traits: ProviderTraits;
  /**
   * Cloud, region and project that it works in, for people to read: what it made is found as long as it is the same. It may
   * change although they are the same. null: a cloud that dies with the daemon.
   */
  readonly location: string | null;
  /** Tries what the configuration names (credentials, catalogue, quota, flavors, networks, images), changing nothing. */
  inspect(signal: AbortSignal): Promise<readonly Finding[]>;
  /**
   * Whether what it was made from beside its configuration, such as a file with its credentials, has changed, so that it
   * has to be made anew. Asked each second: to answer that nothing has changed costs next to nothing.
   */
  isOutdated(): boolean;
  /**
   * Gives back what it holds, such as open connections, when the calls under way have ended. A call that comes later works
   * all the same.
   */
  close(): Promise<void>;
}

/** One thing that was looked at, and how it is: a sentence that says what to do where it is not right. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error';
  readonly about: string;
  readonly text: string;
}

export interface ProviderTraits {
  /** A listing younger than this is never asked for again, in milliseconds. */
  readonly listIntervalMs: number;
  /** While something is awaited and nothing hints that it has happened, a listing is asked for this often. */
  readonly pollIntervalMs: number;
  /** A created resource shows up in listings taken this long after the call ended, at the latest. */
  readonly listingLagMs: number;
  /** Calls of one lane under way at once. */
  readonly concurrency: number;
}

/** Makes a provider from its configuration; called again when that changes, or when the provider is outdated. */
export type DriverFactory = (config: ProviderConfig) => Provider;
