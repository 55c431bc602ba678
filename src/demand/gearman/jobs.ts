/** The jobs that were submitted over one connection, and what the server says about them. */
import { NodepoolError } from '../../lib/errors.ts';
import { PACKET_TYPES, splitFirst, type Packet } from './packets.ts';
import { defer, type Deferred } from './waiting.ts';
import { sayText } from './words.ts';

/** An answer says which machine took a node, in a line of text. */
export const MAX_RESULT_BYTES = 1024 * 1024;

/** A job from its submission to its end. */
export interface Job {
  readonly name: string;
  /** Called when the server has taken or refused the job, or the connection has ended. */
  readonly onTaken: () => void;
  readonly result: Deferred<Buffer>;
  /** What the server calls it, once it has taken it. */
  handle: string | null;
  /** False: nobody waits for it any more. */
  isWanted: boolean;
  readonly parts: Buffer[];
  bytes: number;
}

export class Jobs {
  readonly #server: string;
  /** In the order in which they were submitted, which is the order in which the server answers. */
  readonly #submitted: Job[] = [];
  readonly #taken = new Map<string, Job>();

  /** @param server for messages */
  constructor(server: string) {
    this.#server = server;
  }

  add(name: string, onTaken: () => void): Job {
    const job = { name, onTaken, result: defer<Buffer>(), handle: null, isWanted: true, parts: [], bytes: 0 };
    this.#submitted.push(job);
    return job;
  }

  /** Nobody waits for it any more: what the server says about it is ignored. */
  forget(job: Job): void {
    job.isWanted = false;
    if (job.handle !== null) this.#taken.delete(job.handle);
  }

  /** The connection has ended: nobody will learn what became of them. */
  end(reason: NodepoolError): void {
    for (const job of this.#submitted) job.onTaken();
    for (const job of [...this.#submitted, ...this.#taken.values()]) job.result.reject(reason);
    this.#submitted.length = 0;
    this.#taken.clear();
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
    job.onTaken();
    job.handle = handle;
    if (job.isWanted) this.#taken.set(handle, job);
    return null;
  }

  /** While no job waits to be taken, an error is about the option `exceptions`, which not every server knows. */
  #refused(data: Buffer): void {
    const job = this.#submitted.shift();
    if (job === undefined) return;
    job.onTaken();
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
        this.forget(job);
        // Of a result that was too large this is no news: it has been rejected.
        return job.result.resolve(Buffer.concat(job.parts));
      case PACKET_TYPES.workFail:
        return this.#fail(job, 'failed');
      case PACKET_TYPES.workException:
        return this.#fail(job, `failed: ${sayText(data.toString())}`);
      default:
        // A warning, progress, or what a later version may send.
        return;
    }
  }

  #collect(job: Job, data: Buffer): void {
    job.bytes += data.length;
    if (job.bytes > MAX_RESULT_BYTES) this.#fail(job, `answered with more than ${MAX_RESULT_BYTES} bytes`);
    else job.parts.push(data);
  }

  #fail(job: Job, what: string): void {
    this.forget(job);
    job.result.reject(new NodepoolError('command-failed', `job ${job.name} at Gearman server ${this.#server} ${what}`));
  }
}
