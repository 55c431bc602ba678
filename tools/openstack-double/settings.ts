/** How a double is set up, and what can be changed while it runs. Times are milliseconds. */
import type { Clock } from '../../src/lib/clock.ts';
import type { Random } from '../../src/lib/random.ts';

export interface OpenStackDoubleOptions {
  /** Absent: the system's. */
  readonly clock?: Clock;
  readonly random?: Random;
  /** Absent: `RegionOne`. Each is a cloud of its own behind the one identity service. */
  readonly regions?: readonly string[];
  /** Absent: `nodepool`, see {@link ProjectOptions}. */
  readonly projects?: readonly ProjectOptions[];
  readonly images?: readonly ImageOptions[];
  readonly flavors?: readonly FlavorOptions[];
  readonly networks?: readonly NetworkOptions[];
  readonly zones?: readonly string[];
  readonly behaviour?: Partial<Behaviour>;
  /** Microversions of the compute service; null: a cloud from before there were any. */
  readonly microversions?: { readonly min: string; readonly max: string } | null;
  /** The compute endpoint in the catalogue ends in the project's id, as older clouds have it. */
  readonly hasProjectInUrl?: boolean;
  /** Given: HTTPS, with this PEM text. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /**
   * The fixed addresses of the n-th server (from 1) on a network, of whatever IP version, so that something can listen
   * there: `(n) => ['127.2.' + (n >> 8) + '.' + (n & 255)]`. Absent: the next free ones of its subnets.
   */
  readonly addresses?: (n: number, network: string) => readonly string[];
  /** Address of the n-th floating IP (from 1); absent: the next one of the external network. */
  readonly floatingAddress?: (n: number) => string;
  /** What a server has written on its console; absent: two lines of a boot. */
  readonly console?: (server: { readonly id: string; readonly name: string }) => string;
}

/** Can be changed at any time; servers and images keep the times that were drawn for them. */
export interface Behaviour {
  /** From the create call to ACTIVE. */
  readonly bootMs: number;
  /** Up to this much is added to it, evenly drawn. */
  readonly bootSpreadMs: number;
  /** From the create call until Nova shows the address; null: with ACTIVE. */
  readonly addressMs: number | null;
  /** From the delete call until it is gone. */
  readonly deleteMs: number;
  /** From createImage to active. */
  readonly imageMs: number;
  /** Every answer takes this long. */
  readonly apiDelayMs: number;
  /** Listings of servers and images show them as they were this long ago: they come from copies of the database. */
  readonly listingLagMs: number;
  /** Life time of tokens. */
  readonly tokenMs: number;
  /** Entries per page of the compute service's listings at most, whatever `limit` says. */
  readonly computePage: number;
  /** Entries per page of the image service's listings where no `limit` is given. */
  readonly imagePage: number;
}

export const DEFAULT_BEHAVIOUR: Behaviour = {
  bootMs: 0,
  bootSpreadMs: 0,
  addressMs: null,
  deleteMs: 0,
  imageMs: 0,
  apiDelayMs: 0,
  listingLagMs: 0,
  tokenMs: 4 * 3_600_000,
  computePage: 1000,
  imagePage: 25,
};

/** -1: unlimited. */
export interface Quota {
  readonly instances: number;
  readonly cores: number;
  readonly ram: number;
  readonly keypairs: number;
  readonly metadataItems: number;
  readonly floatingIps: number;
  readonly ports: number;
}

export const DEFAULT_QUOTA: Quota = {
  instances: 1000,
  cores: 4000,
  ram: 8_192_000,
  keypairs: 1000,
  metadataItems: 128,
  floatingIps: 1000,
  ports: 4000,
};

/** A project with one user of the same name, in the domain `Default`. */
export interface ProjectOptions {
  readonly name: string;
  /** Absent: `PASSWORD`. */
  readonly password?: string;
  /** Absent: none. */
  readonly applicationCredential?: { readonly name: string; readonly secret: string };
  readonly quota?: Partial<Quota>;
}

export const PASSWORD = 'a-password-of-the-double';

export interface ImageOptions {
  readonly name: string;
  /** Absent: public, of a project that nobody has a token for. */
  readonly project?: string;
  readonly properties?: Readonly<Record<string, string>>;
  readonly minDisk?: number;
  readonly minRam?: number;
}

export interface FlavorOptions {
  readonly name: string;
  readonly ram: number;
  readonly vcpus: number;
  readonly disk: number;
}

export interface NetworkOptions {
  readonly name: string;
  readonly cidr: string;
  /** Absent: no IPv6. */
  readonly cidr6?: string;
  /** `router:external`: floating IPs come from it. */
  readonly isExternal?: boolean;
  readonly isShared?: boolean;
  /** Whose it is; absent: of the first project where it is neither external nor shared. */
  readonly project?: string;
  /** The external network that a router joins it to; absent: none. */
  readonly routedTo?: string;
}

export const DEFAULT_PROJECTS: readonly ProjectOptions[] = [
  { name: 'nodepool', applicationCredential: { name: 'nodepool-credential', secret: 'a-secret-of-the-double' } },
];

export const DEFAULT_IMAGES: readonly ImageOptions[] = [{ name: 'base-image' }];

export const DEFAULT_FLAVORS: readonly FlavorOptions[] = [
  { name: 'm1.tiny', ram: 512, vcpus: 1, disk: 1 },
  { name: 'm1.small', ram: 2048, vcpus: 1, disk: 20 },
  { name: 'm1.medium', ram: 4096, vcpus: 2, disk: 40 },
  { name: 'm1.large', ram: 8192, vcpus: 4, disk: 80 },
];

export const DEFAULT_NETWORKS: readonly NetworkOptions[] = [
  { name: 'public', cidr: '10.78.0.0/16', isExternal: true },
  { name: 'private', cidr: '10.77.0.0/16', routedTo: 'public' },
];
