/**
 * The configuration as the rest of the program sees it: checked, with defaults filled in, times in
 * milliseconds, references resolved by name, deeply frozen. Names follow the YAML keys of the original.
 */

export interface Config {
  /** Absolute path of the YAML file. */
  readonly path: string;
  readonly scriptDir: string | null;
  readonly elementsDir: string | null;
  /** Where built disk images are kept. */
  readonly imagesDir: string | null;
  /** Where the output of builds is kept; null: beside the images, or in the state directory. */
  readonly buildLogDir: string | null;
  /** Share (0 to 1) of the first launches from a new image above which failures make the image before it be used again. */
  readonly imageFailureShare: number;
  /** Whether a new image is tried by one node before others boot from it. */
  readonly imageCanary: boolean;
  readonly database: DatabaseConfig;
  readonly cron: CronConfig;
  readonly zmqPublishers: readonly string[];
  readonly gearmanServers: readonly GearmanServerConfig[];
  readonly labels: ReadonlyMap<string, LabelConfig>;
  /** In the order of the file: the allocator grants provider by provider. */
  readonly providers: ReadonlyMap<string, ProviderConfig>;
  readonly targets: ReadonlyMap<string, TargetConfig>;
  readonly diskimages: ReadonlyMap<string, DiskimageConfig>;
  readonly requests: RequestsConfig;
  readonly api: ApiConfig;
  /** How long events are kept, in milliseconds. */
  readonly eventRetentionMs: number;
}

export type DatabaseConfig =
  | {
      readonly kind: 'mysql';
      readonly host: string;
      readonly port: number;
      readonly socketPath: string | null;
      readonly user: string;
      readonly password: string;
      readonly database: string;
    }
  | {
      readonly kind: 'sqlite';
      /** Absolute path of the file, or `:memory:`. */
      readonly file: string;
      /** The file is in its usual place, because the configuration names none: nobody can have mistyped it. */
      readonly isDefault?: true;
    };

/** Cron specifications: five fields, or six with seconds last as the original has them. */
export interface CronConfig {
  readonly imageUpdate: string;
  readonly cleanup: string;
  readonly check: string;
}

export interface GearmanServerConfig {
  readonly host: string;
  readonly port: number;
}

/** Leases of requested nodes. */
export interface RequestsConfig {
  /** How long one lasts when nobody says otherwise. */
  readonly ttlMs: number;
  /** How long one may last from its grant, or its last extension, on. */
  readonly maxTtlMs: number;
}

/** The HTTP interface of the daemon. */
export interface ApiConfig {
  /** Name or address that it listens on. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Requests per second that one token may make on average; 0: any number. */
  readonly rateLimit: number;
}

export interface LabelConfig {
  readonly name: string;
  /** Name of a provider image. */
  readonly image: string;
  /** READY nodes to keep; -1 disables the label. */
  readonly minReady: number;
  readonly subnodes: number;
  readonly readyScript: string | null;
  /** Names of providers that may supply it, in order; each exists and has the image. */
  readonly providers: readonly string[];
}

export interface ProviderConfig {
  readonly name: string;
  /** `openstack`, or `fake`. */
  readonly driver: string;
  /** Cap on our servers there, subnodes included; -1 drains. */
  readonly maxServers: number;
  readonly regionName: string | null;
  /** Least time between the starts of two API calls, in milliseconds. */
  readonly rateMs: number;
  readonly apiTimeoutMs: number;
  /** From ACTIVE to a working SSH login. */
  readonly bootTimeoutMs: number;
  /** From the create call to ACTIVE. */
  readonly launchTimeoutMs: number;
  readonly keypair: string | null;
  /** External network to take floating IPs from; null: found out. */
  readonly pool: string | null;
  /** Whether servers without a public address get a floating IP. */
  readonly floatingIps: boolean;
  /** Names or ids; empty: the cloud's default. */
  readonly securityGroups: readonly string[];
  readonly networks: readonly NetworkConfig[];
  readonly ipv6Preferred: boolean;
  readonly availabilityZones: readonly string[];
  readonly templateHostname: string;
  /** Format in which it gets disk images. */
  readonly imageType: string;
  readonly cleanFloatingIps: boolean;
  readonly images: ReadonlyMap<string, ProviderImageConfig>;
  readonly credentials: CredentialsConfig;
  /** Settings of the fake cloud; defaults for any other driver. */
  readonly fake: FakeCloudConfig;
}

/** How to log in to the cloud. Secret: never logged, stored or printed. */
export interface CredentialsConfig {
  readonly cloud: string | null;
  readonly username: string | null;
  readonly password: string | null;
  readonly authUrl: string | null;
  readonly projectId: string | null;
  readonly projectName: string | null;
  readonly serviceType: string | null;
  readonly serviceName: string | null;
}

export interface NetworkConfig {
  readonly id: string | null;
  readonly name: string | null;
  /** Addresses on it are reached from everywhere: they are the ones handed out. */
  readonly isPublic: boolean;
}

export interface ProviderImageConfig {
  readonly name: string;
  readonly minRamMb: number;
  readonly nameFilter: string | null;
  /** Where the image comes from: a snapshot of a set-up server, or a disk image. */
  readonly source: SnapshotSource | DiskimageSource;
  readonly username: string;
  readonly userHome: string;
  readonly privateKey: string;
  /** null: the cloud's default. */
  readonly configDrive: boolean | null;
  /** Key pair at the cloud that it puts on nodes; null: none. */
  readonly keyName: string | null;
  readonly userData: string | null;
  /** Nodes boot from a volume of this size in GB; null: from a local disk. */
  readonly volumeGb: number | null;
  readonly meta: Readonly<Record<string, string>>;
  /** No snapshot is built and nothing is uploaded. */
  readonly pause: boolean;
}

export interface SnapshotSource {
  readonly kind: 'snapshot';
  readonly baseImage: string;
  readonly setup: string;
}

export interface DiskimageSource {
  readonly kind: 'diskimage';
  readonly diskimage: string;
}

export interface DiskimageConfig {
  readonly name: string;
  readonly elements: readonly string[];
  readonly release: string;
  readonly envVars: Readonly<Record<string, string>>;
  /** What providers ask for with `image-type`, and what `formats` adds; none when no provider uses it. */
  readonly formats: readonly string[];
  /** A build older than this is due again; null: only the cron entry says when. */
  readonly rebuildAgeMs: number | null;
  /** A build may take this long. */
  readonly buildTimeoutMs: number;
  /** Program that builds, with the arguments of `disk-image-create`: a name to be looked for in PATH, or a path. */
  readonly dibCmd: string;
  /** Options for qcow2 files, as `qemu-img convert -o` takes them. */
  readonly qemuImgOptions: string;
  /** It is not built. */
  readonly pause: boolean;
}

export interface TargetConfig {
  readonly name: string;
  /** Format of a node's host name: `{label.name} {provider.name} {node_id} {timestamp}`. */
  readonly hostname: string;
  /** The same for a subnode, with `{subnode_id}` too. */
  readonly subnodeHostname: string;
  readonly rateMs: number;
  readonly assignViaGearman: boolean;
  readonly jenkins: JenkinsConfig | null;
}

export interface JenkinsConfig {
  readonly url: string | null;
  readonly user: string | null;
  /** Secret. */
  readonly apikey: string | null;
  readonly credentialsId: string | null;
  readonly testJob: string | null;
}

/** Knobs of the fake cloud: how long things take, what it has room for, and what goes wrong. */
export interface FakeCloudConfig {
  /** From accepted to ACTIVE (servers) or active (images). */
  readonly bootTimeMs: number;
  /** From ACTIVE until SSH answers. */
  readonly sshDelayMs: number;
  /** How long each API call takes. */
  readonly apiDelayMs: number;
  /** A listing shows the state of the cloud this long ago. */
  readonly listingLagMs: number;
  /** From an accepted deletion until the server is gone from listings. */
  readonly deleteTimeMs: number;
  /** Servers the project may have; null: no limit. */
  readonly quota: number | null;
  /** Share of creates that are refused (0 to 1). */
  readonly failCreates: number;
  /** Share of servers that end in ERROR. */
  readonly failBoots: number;
  /** Share of servers on which SSH never answers. */
  readonly failSsh: number;
  /** Share of servers on which scripts fail. */
  readonly failScripts: number;
  /** Share of uploads that are refused when all bytes are sent. */
  readonly failUploads: number;
  /** Every call fails as if the cloud did not answer. */
  readonly down: boolean;
}
