import { NodepoolError } from '../../lib/errors.ts';
import type { ServerId } from '../../lib/ids.ts';
import type { Server } from '../provider.ts';
import { ADDRESS_COUNT, ADDRESSES_PER_CLOUD, addressesOf } from './addresses.ts';
import { LaggedView } from './lagged-view.ts';
import { appearanceAt, lastServerChangeAt, renderServer, statusAt, type FakeServer, type Trouble } from './server.ts';
import { phaseAt, startDeletion } from './timeline.ts';

/** All servers of a fake cloud, by id and by address. */
export class FakeServers {
  /** Those whose deletion ended since the last look included. */
  readonly #byId = new Map<ServerId, FakeServer>();
  readonly #byAddress = new Map<string, FakeServer>();
  readonly #beingDeleted = new Set<FakeServer>();
  readonly #view = new LaggedView<FakeServer, Server>({
    statusAt: appearanceAt,
    lastChangeAt: lastServerChangeAt,
    render: renderServer,
  });
  #nextAddress: number;

  /** `block` is the number of the cloud among those of the process: its servers' addresses follow from it. */
  constructor(block: number) {
    this.#nextAddress = (block * ADDRESSES_PER_CLOUD) % ADDRESS_COUNT;
  }

  /** How many count against the quota: a server does until its deletion is over. */
  countAt(now: number): number {
    this.#forgetDeleted(now);
    return this.#byId.size;
  }

  add(server: FakeServer): void {
    this.#byId.set(server.id, server);
    this.#byAddress.set(server.ip, server);
    this.#view.touch(server);
  }

  get(id: ServerId): FakeServer | undefined {
    return this.#byId.get(id);
  }

  /** Throws `not-found` for a server that never was or is gone. */
  existing(id: ServerId, now: number): FakeServer {
    const server = this.#byId.get(id);
    if (server && phaseAt(server, now) !== null) return server;
    throw new NodepoolError('not-found', `server ${id} does not exist`);
  }

  /** Those that exist at `now`. */
  existingAt(now: number): readonly FakeServer[] {
    return [...this.#byId.values()].filter((server) => phaseAt(server, now));
  }

  /** A listing at `now` that shows what was `lagMs` before. */
  list(now: number, lagMs: number): readonly Server[] {
    this.#forgetDeleted(now);
    return this.#view.at(now - lagMs);
  }

  /** The server that answers SSH at `address`; null: nobody does. */
  reach(address: string, now: number): FakeServer | null {
    const server = this.#byAddress.get(address);
    if (!server || now < Math.max(server.sshAt, server.addressAt) || statusAt(server, now) !== 'active') return null;
    return server.trouble === 'unreachable' ? null : server;
  }

  startDeletion(id: ServerId, now: number, takesMs: number): void {
    const server = this.#byId.get(id);
    if (!server || !startDeletion(server, now, takesMs)) return;
    this.#beingDeleted.add(server);
    this.#view.touch(server);
  }

  /** Has the server reached at its address from `addressAt` on. */
  readdress(server: FakeServer, addressAt: number): void {
    server.addressAt = addressAt;
    this.#view.touch(server);
  }

  afflict(server: FakeServer, trouble: Trouble | null): void {
    server.trouble = trouble;
    this.#view.touch(server);
  }

  /** The next addresses that no server has. */
  takeAddresses(isIpv6: boolean): { ip: string; ipPrivate: string } {
    for (;;) {
      const addresses = addressesOf(this.#nextAddress);
      this.#nextAddress = (this.#nextAddress + 1) % ADDRESS_COUNT;
      const ip = isIpv6 ? addresses.ipv6 : addresses.ipv4;
      if (!this.#byAddress.has(ip)) return { ip, ipPrivate: addresses.private };
    }
  }

  #forgetDeleted(now: number): void {
    for (const server of this.#beingDeleted) {
      if (server.goneAt > now) continue;
      this.#beingDeleted.delete(server);
      this.#byId.delete(server.id);
      this.#byAddress.delete(server.ip);
    }
  }
}
