/** What the driver remembers of what it was told and shown, to know later what belonged together. */
import type { ServerId } from '../../lib/ids.ts';
import type { Tags } from '../provider.ts';
import type { RecordTags } from './tags.ts';

export interface SeenServer {
  readonly id: ServerId;
  readonly tags: Tags | null;
  /** Ids of the floating IPs that go when it goes. */
  readonly floatingIps: readonly string[];
}

export interface Sightings {
  /** Takes note of a listing of all servers. */
  see(servers: readonly SeenServer[]): void;
  /** Takes note of the installation that a call is made for. */
  workFor(tags: Tags): void;
  addFloatingIp(server: ServerId, floatingIp: string): void;
  floatingIpsOf(server: ServerId): readonly string[];
  /** Whose a server was that is no longer listed; null: it is listed, or was not the pool's. */
  formerOwner(server: ServerId): RecordTags | null;
  /** The installation that the driver works for; null: nothing has told so yet. */
  installation(): string | null;
}

/** Servers that are gone are remembered up to this number; a port outlives its server by minutes, if at all. */
const GONE_MAX = 10_000;

export function createSightings(): Sightings {
  let ours: string | null = null;
  let listed: ReadonlyMap<ServerId, SeenServer> = new Map();
  const owners = new Map<ServerId, RecordTags>();
  const attached = new Map<ServerId, Set<string>>();

  const forgetOldest = (): void => {
    for (const id of owners.keys()) {
      if (owners.size <= listed.size + GONE_MAX) return;
      if (!listed.has(id)) owners.delete(id);
    }
  };

  return {
    see: (servers) => {
      listed = new Map(servers.map((server) => [server.id, server]));
      attached.clear();
      for (const { id, tags, floatingIps } of servers) {
        if (tags !== null) owners.set(id, tags);
        if (floatingIps.length > 0) attached.set(id, new Set(floatingIps));
      }
      forgetOldest();
      const installations = new Set(servers.flatMap(({ tags }) => tags?.installation ?? []));
      // A driver that has made nothing yet goes by what is there, if that is of one installation.
      if (ours === null && installations.size === 1) [ours = null] = installations;
    },
    workFor: ({ installation }) => {
      ours = installation;
    },
    addFloatingIp: (server, floatingIp) => {
      attached.set(server, (attached.get(server) ?? new Set()).add(floatingIp));
    },
    floatingIpsOf: (server) => [...(attached.get(server) ?? [])],
    formerOwner: (server) => (listed.has(server) ? null : (owners.get(server) ?? null)),
    installation: () => ours,
  };
}
