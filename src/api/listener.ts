/** Keeps a server open where the configuration wants it, however long that takes. */
import { getSystemErrorMap } from 'node:util';
import type { Clock } from '../lib/clock.ts';
import { describeError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { openHttpServer, SERVER_LIMITS, type Fetch, type HttpServer, type Place } from './http-server.ts';

const RETRY_MS = 10_000;

interface ListenerDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly log: Log;
}

export class Listener {
  readonly #deps: ListenerDeps;
  #wanted: Place | null = null;
  /** The place that the server was opened for, which may have been any port. */
  #opened: Place | null = null;
  #server: HttpServer | null = null;
  /** Aborts when another place is wanted. */
  #change = new AbortController();
  #moving: Promise<void> | null = null;

  constructor(deps: ListenerDeps) {
    this.#deps = deps;
  }

  /** Cheap while the place stays the same. */
  configure({ host, port }: Place): void {
    if (this.#wanted?.host !== host || this.#wanted.port !== port) this.#want({ host, port });
  }

  /** Where it listens now. */
  address(): Place | null {
    return this.#server?.place ?? null;
  }

  async close(): Promise<void> {
    this.#want(null);
    await this.#moving;
  }

  #want(place: Place | null): void {
    this.#wanted = place;
    this.#change.abort();
    this.#change = new AbortController();
    this.#moving ??= this.#move();
  }

  async #move(): Promise<void> {
    let tried: Place | null = null;
    while (this.#wanted !== this.#opened) {
      const { signal } = this.#change;
      const place = this.#wanted;
      await this.#leave();
      if (place !== null && !signal.aborted) await this.#open(place, { isFirstTry: place !== tried, signal });
      tried = place;
    }
    this.#moving = null;
  }

  async #leave(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    this.#opened = null;
    await server?.close();
  }

  async #open(place: Place, { isFirstTry, signal }: { isFirstTry: boolean; signal: AbortSignal }): Promise<void> {
    const { fetch, clock, log } = this.#deps;
    try {
      this.#server = await openHttpServer(place, { fetch, clock, limits: SERVER_LIMITS, log });
      this.#opened = place;
      log.info({ ...this.#server.place }, 'listening');
    } catch (error) {
      // Somebody else has the port, or the address is not there yet: it is tried again, and said once.
      const why = `cannot listen at ${place.host}, port ${place.port}: ${reasonOf(error)}`;
      if (isFirstTry) log.warn({ ...place }, `${why}; trying again every ${RETRY_MS / 1000} s`);
      await clock.sleep(RETRY_MS, signal);
    }
  }
}

/** The operating system's own words; the message has the address in it once more. */
function reasonOf(error: unknown): string {
  const { errno = 0 } = error as NodeJS.ErrnoException;
  return getSystemErrorMap().get(errno)?.[1] ?? describeError(error);
}
