/** Gearman servers over real sockets that do what a test says, and nothing else. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { GearmanServerConfig } from '../../../src/config/types.ts';
import { PACKET_TYPES } from '../../../src/gearman/packets.ts';
import { MessageReader, type Message } from '../../../src/gearman/reader.ts';
import { createDeadlines } from '../../../src/lib/deadlines.ts';
import type { Log, LogFields } from '../../../src/lib/log.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

export const ANSWER_LIMIT_MS = 20_000;

/** Lets the event loop turn until it holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}

/** All that is not connections, with what it recorded. */
export function createSurroundings() {
  const clock = createFakeClock();
  const lines: string[] = [];
  const deadlines = createDeadlines(clock, ANSWER_LIMIT_MS);
  return { clock, lines, log: recordingLog(lines), random: createSeededRandom(1), deadlines };
}

function recordingLog(lines: string[]): Log {
  const write = (_fields: LogFields, message: string): void => void lines.push(message);
  return { debug: write, info: write, warn: write, error: write, child: () => recordingLog(lines) };
}

/** The error with which `promise` rejects. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error,
  );
}

/** A packet as a server sends it. */
export function response(type: number, ...args: readonly string[]): Buffer {
  const data = Buffer.from(args.join('\0'));
  const header = Buffer.from('\0RES........', 'latin1');
  header.writeUInt32BE(type, 4);
  header.writeUInt32BE(data.length, 8);
  return Buffer.concat([header, data]);
}

export class FakeGearman {
  readonly config: GearmanServerConfig;
  readonly #server: Server;
  readonly #peers: Peer[] = [];
  #taken = 0;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.config = { host: '127.0.0.1', port };
    server.on('connection', (socket) => this.#peers.push(new Peer(socket)));
  }

  /** Listens until the test has finished. */
  static async start(port = 0): Promise<FakeGearman> {
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    const gearman = new FakeGearman(server, (server.address() as AddressInfo).port);
    onTestFinished(() => gearman.stop());
    return gearman;
  }

  get connections(): number {
    return this.#peers.length;
  }

  /** Waits for the next connection. */
  async accept(): Promise<Peer> {
    const index = this.#taken++;
    await until(() => this.#peers.length > index);
    return this.#peers[index]!;
  }

  /** Waits for the next connection, and answers what it begins with. @param functions those that have workers */
  async welcome(functions: readonly string[] = []): Promise<Peer> {
    const peer = await this.accept();
    await peer.asked();
    peer.send(`${functions.map((name) => `${name}\t0\t0\t1\n`).join('')}.\n`);
    return peer;
  }

  /** Ends all connections and takes no more. */
  async stop(): Promise<void> {
    for (const peer of this.#peers) peer.drop();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** The server's end of one connection. */
export class Peer {
  readonly #socket: Socket;
  readonly #reader = new MessageReader();
  readonly #inbox: Message[] = [];
  isOpen = true;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#inbox.push(...this.#reader.read(chunk).messages));
    socket.on('error', () => undefined);
    socket.on('close', () => (this.isOpen = false));
  }

  /** What came that no test has looked at yet. */
  get unread(): number {
    return this.#inbox.length;
  }

  async next(): Promise<Message> {
    await until(() => this.#inbox.length > 0);
    return this.#inbox.shift()!;
  }

  /** Waits for the next line, which must ask for the queues, and passes over what comes before it. */
  async asked(): Promise<void> {
    for (;;) {
      const message = await this.next();
      if (message.kind === 'packet') continue;
      if (message.text !== 'status') throw new Error(`asked for ${message.text}`);
      return;
    }
  }

  /** Waits for the next job, and returns its function, id and payload. */
  async submitted(): Promise<readonly string[]> {
    return this.requested(PACKET_TYPES.submitJob);
  }

  /** Waits for the next packet of a type, passing over others, and returns its arguments. */
  async requested(type: number): Promise<readonly string[]> {
    for (;;) {
      const message = await this.next();
      if (message.kind === 'packet' && message.type === type) return message.data.toString().split('\0');
    }
  }

  send(bytes: string | Buffer): void {
    this.#socket.write(bytes);
  }

  drop(): void {
    this.#socket.destroy();
  }
}
