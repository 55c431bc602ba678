import type { Socket } from 'node:net';
import type { Client } from 'ssh2';
import { describeError, NodepoolError } from '../../lib/errors.ts';
import { onAbort } from '../../lib/on-abort.ts';
import { abandoned } from './patience.ts';

interface Parts {
  readonly client: Client;
  readonly socket: Socket;
  readonly address: string;
  readonly username: string;
  readonly hostKey: string;
}

/** A user who is logged in to a server. It ends once, and then never works again. */
export class Connection {
  readonly address: string;
  readonly username: string;
  /** What the server showed, as `ssh-ed25519 AAAA...`. */
  readonly hostKey: string;
  readonly #client: Client;
  readonly #socket: Socket;
  readonly #onEnd = new Set<(reason: NodepoolError) => void>();
  #end: NodepoolError | null = null;

  constructor({ client, socket, address, username, hostKey }: Parts) {
    this.address = address;
    this.username = username;
    this.hostKey = hostKey;
    this.#client = client;
    this.#socket = socket;
    client.on('error', (error) => this.#lose(describeError(error)));
    client.on('end', () => this.#lose('the server ended it'));
    client.on('close', () => this.#lose('the server closed it'));
    // It may be over before anybody could listen.
    if (!socket.writable) this.#lose('the server closed it');
  }

  get isOpen(): boolean {
    return this.#end === null;
  }

  /** Calls `callback` when the connection ends. Returns a function that takes that back. */
  onEnd(callback: (reason: NodepoolError) => void): () => void {
    this.#onEnd.add(callback);
    return () => void this.#onEnd.delete(callback);
  }

  /**
   * Settles as `act` does. Rejects with `unreachable` when the connection is lost before, and with `aborted` when
   * `signal` aborts, which ends the connection.
   */
  async use<T>(signal: AbortSignal, act: (client: Client) => Promise<T>): Promise<T> {
    if (this.#end) throw this.#end;
    const ends: (() => void)[] = [];
    const ended = new Promise<never>((_, reject) => {
      ends.push(this.onEnd(reject));
      ends.push(onAbort(signal, () => this.close(abandoned(this.address))));
    });
    try {
      return await Promise.race([ended, act(this.#client)]);
    } finally {
      for (const end of ends) end();
    }
  }

  /** Takes leave of the server without waiting for its answer. Whoever still uses the connection gets `reason`. */
  close(reason = new NodepoolError('aborted', `the connection to ${this.address} was closed`)): void {
    if (this.#end) return;
    this.#end = reason;
    this.#client.end();
    this.#socket.destroy();
    for (const callback of this.#onEnd) callback(reason);
    this.#onEnd.clear();
  }

  #lose(why: string): void {
    this.close(new NodepoolError('unreachable', `the connection to ${this.address} was lost: ${why}`));
  }
}

/** Why somebody who could speak to the server was not let in, or not usefully. */
export interface Refusal {
  readonly why: string;
}

export function isConnection(entry: Connection | Refusal): entry is Connection {
  return entry instanceof Connection;
}
