/**
 * What a region holds. Nothing here changes by itself: every record carries the moments at which it changes, and what
 * it looks like at some time follows from them (`server-life.ts`, `image-life.ts`). That makes listings of the past and
 * clocks held still the same thing.
 */

/** Epoch milliseconds; Infinity: never. */
export type Moment = number;

export interface Existing {
  /** Order in which things were made; what was made later has a higher number. */
  readonly seq: number;
  readonly id: string;
  readonly createdAt: Moment;
  goneAt: Moment;
}

export interface Flavor {
  readonly id: string;
  readonly name: string;
  readonly ram: number;
  readonly vcpus: number;
  readonly disk: number;
}

export interface Fault {
  readonly code: number;
  readonly message: string;
}

export interface Server extends Existing {
  readonly name: string;
  readonly description: string | null;
  readonly projectId: string;
  readonly userId: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** null: it boots from a volume. */
  readonly imageId: string | null;
  readonly volumeId: string | null;
  readonly flavor: Flavor;
  readonly keyName: string | null;
  readonly zone: string;
  readonly hasConfigDrive: boolean;
  readonly userData: string | null;
  readonly securityGroups: readonly string[];
  readonly ports: readonly Port[];
  /** When Nova begins to show the addresses. */
  addressAt: Moment;
  /** When it becomes ACTIVE. */
  activeAt: Moment;
  /** When it goes to ERROR. */
  failedAt: Moment;
  fault: Fault | null;
  /** `task_state` is deleting from the one moment to the other. */
  deletingFrom: Moment;
  deletingUntil: Moment;
  savingFrom: Moment;
  savingUntil: Moment;
  /** The last image that was made of it. */
  saved: Image | null;
  /** So many deletions from now on will fail. */
  refusals: number;
  isStuckInDeletion: boolean;
  leavesPorts: boolean;
  /** Until then the part of Nova that knows it does not answer. */
  hiddenUntil: Moment;
}

export interface Port extends Existing {
  readonly projectId: string;
  readonly network: Network;
  readonly mac: string;
  readonly addresses: readonly string[];
  /** Id of the server or router that it belongs to. */
  readonly deviceId: string;
  readonly deviceOwner: string;
  /** The last floating IP that was put on it. */
  floating: FloatingIp | null;
}

export interface FloatingIp extends Existing {
  readonly projectId: string;
  readonly networkId: string;
  readonly address: string;
  readonly description: string;
  port: Port | null;
  attachedAt: Moment;
}

/** What there is to know of a file. */
export interface Content {
  readonly size: number;
  /** In hexadecimal. */
  readonly md5: string;
  readonly sha512: string;
}

export interface Image extends Existing {
  readonly name: string;
  readonly ownerId: string;
  visibility: string;
  readonly properties: Record<string, string>;
  readonly minDisk: number;
  readonly minRam: number;
  readonly diskFormat: string | null;
  readonly containerFormat: string | null;
  /** Shown once it is active. */
  content: Content;
  /** From queued to saving, and from saving to active. */
  savingAt: Moment;
  activeAt: Moment;
  killedAt: Moment;
  isProtected: boolean;
}

export interface Keypair extends Existing {
  readonly name: string;
  readonly userId: string;
  readonly publicKey: string;
}

export interface Network {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  readonly isExternal: boolean;
  readonly isShared: boolean;
  readonly subnets: readonly Subnet[];
  readonly createdAt: Moment;
}

export interface Subnet {
  readonly id: string;
  readonly name: string;
  readonly cidr: string;
  readonly version: 4 | 6;
}

export interface Router {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  readonly external: Network;
  readonly networkId: string;
  readonly createdAt: Moment;
}

export interface SecurityGroup {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  readonly createdAt: Moment;
}

/** Whether it is there at `time`. */
export function existsAt({ createdAt, goneAt }: Existing, time: Moment): boolean {
  return createdAt <= time && time < goneAt;
}
