/** The jobs that were submitted over one connection, and what the server says about them. */
import type { Deadlines } from '../lib/deadlines.ts';
import { NodepoolError, type ErrorCode } from '../lib/errors.ts';
import { encodeRequest, PACKET_TYPES, splitFirst, type Packet } from './packets.ts';
import { defer, type Deferred } from './waiting.ts';
import { sayText } from '../lib/say-text.ts';

/** An answer says which machine took a node, in a line of text. */
export const MAX_RESULT_BYTES = 1024 * 1024;

/** What a worker is to do. */
export interface Submission {
  /** Of the function; without NUL. */
  readonly name: string;
  /**
   * Jobs of the same function and id are one job while it waits or is worked on: on one connection always, on several
   * where the server is gearmand. Of a job that is over it knows nothing. Up to 64 bytes without NUL; gearmand refuses
   * more.
   */
  readonly unique: string;
  readonly payload: string | Buffer;
}

/** What jobs need of their connection. */
export interface Wire {
  readonly write: (packet: Buffer) => void;
  readonly deadlines: Deadlines;
  /** The server did not answer in time. */
  readonly onSilence: () => void;
}

/** A job from its submission to its end, whether anybody still waits for it or not. */
interface Job {
  readonly key: string;
  readonly name: string;
  readonly result: Deferred<Buffer>;
  /** What the server calls it, once it has taken it. */
  handle: string | null;
  /** Ends the wait for news of it. */
  endWait: () => void;
  readonly parts: Buffer[];
  bytes: number;
}

export class Jobs {
  readonly #server: string;
  readonly #wire: Wire;
  readonly #jobs = new Map<string, Job>();
  /** In the order in which they were submitted, which is the order in which the server answers. */
  readonly #submitted: Job[] = [];
  readonly #taken = new Map<string, Job>();

  /** @param server for messages */
  constructor(server: string, wire: Wire) {
    this.#server = server;
    this.#wire = wire;
  }

  /** Submits a job, unless the same one is not over yet, and resolves with its result. */
  submit({ name, unique, payload }: Submission): Promise<Buffer> {
    const key = `${name}\0${unique}`;
    const same = this.#jobs.get(key);
    if (same !== undefined) return same.result.promise;
    const { write, deadlines, onSilence } = this.#wire;
    const endWait = deadlines.start(onSilence);
    const job: Job = { key, name, result: defer<Buffer>(), handle: null, endWait, parts: [], bytes: 0 };
    this.#jobs.set(key, job);
    this.#submitted.push(job);
    write(encodeRequest(PACKET_TYPES.submitJob, [name, unique, payload]));
    return job.result.promise;
  }

  /** The connection has ended: nobody will learn what became of them. */
  end(reason: NodepoolError): void {
    this.#submitted.length = 0;
    for (const job of [...this.#jobs.values()]) {
      this.#remove(job);
      job.result.reject(reason);
    }
  }

  /** Does what `packet` says. Returns what is wrong with it, as the end of a sentence, or null. */
  take({ type, data }: Packet): string | null {
    if (type === PACKET_TYPES.jobCreated) return this.#created(data.toString());
    if (type === PACKET_TYPES.error) this.#refused(data);
    const [handle, rest] = splitFirst(data);
    const job = this.#taken.get(handle);
    if (job !== undefined) this.#progress(job, { type, data: rest });
    return null;
  }

  #created(handle: string): string | null {
    const job = this.#submitted.shift();
    if (job === undefined) return 'takes a job that nobody submitted';
    job.endWait();
    job.handle = handle;
    this.#taken.set(handle, job);
    this.#watch(job, handle);
    return null;
  }

  /**
   * A job may wait for a worker for days, but the server must know it. Gearmand forgets a job that waits when the
   * client goes away that submitted it first, and until then lets others join it who would hear of it no more.
   */
  #watch(job: Job, handle: string): void {
    job.endWait = this.#wire.deadlines.start(() => {
      this.#wire.write(encodeRequest(PACKET_TYPES.getStatus, [handle]));
      this.#watch(job, handle);
    });
  }

  /** While no job waits to be taken, an error is about the option `exceptions`, which not every server knows. */
  #refused(data: Buffer): void {
    const job = this.#submitted.shift();
    if (job === undefined) return;
    this.#remove(job);
    const why = sayText(data.toString());
    const message = `Gearman server ${this.#server} did not take job ${job.name}: ${why}`;
    job.result.reject(new NodepoolError('unavailable', message));
  }

  #progress(job: Job, { type, data }: Packet): void {
    switch (type) {
      case PACKET_TYPES.workData:
        return this.#collect(job, data);
      case PACKET_TYPES.workComplete:
        this.#collect(job, data);
        this.#remove(job);
        // Of a result that was too large this is no news: it has been rejected.
        return job.result.resolve(Buffer.concat(job.parts));
      case PACKET_TYPES.workFail:
        return this.#fail(job, 'command-failed', 'failed');
      case PACKET_TYPES.workException:
        return this.#fail(job, 'command-failed', `failed: ${sayText(data.toString())}`);
      case PACKET_TYPES.statusAnswer:
        if (splitFirst(data)[0] === '0') this.#fail(job, 'unavailable', 'was forgotten there');
        return;
      default:
        // A warning, progress, or what a later version may send.
        return;
    }
  }

  #collect(job: Job, data: Buffer): void {
    job.bytes += data.length;
    if (job.bytes <= MAX_RESULT_BYTES) job.parts.push(data);
    else this.#fail(job, 'command-failed', `answered with more than ${MAX_RESULT_BYTES} bytes`);
  }

  #fail(job: Job, code: ErrorCode, what: string): void {
    this.#remove(job);
    job.result.reject(new NodepoolError(code, `job ${job.name} at Gearman server ${this.#server} ${what}`));
  }

  #remove(job: Job): void {
    job.endWait();
    this.#jobs.delete(job.key);
    if (job.handle !== null) this.#taken.delete(job.handle);
  }
}
