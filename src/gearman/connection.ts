/** The connection to one Gearman server: makes it again whenever it is lost, with ever longer pauses. */
import type { GearmanServerConfig } from '../config/types.ts';
import type { Clock } from '../lib/clock.ts';
import { describeError, NodepoolError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { onAbort } from '../lib/on-abort.ts';
import type { Random } from '../lib/random.ts';
import type { Submission } from './jobs.ts';
import { GearmanSession, serverName, type SessionDeps } from './session.ts';
import type { FunctionStatus } from './status.ts';

const FIRST_PAUSE_MS = 1000;
/** Shorter than a lost server's queues count, so that one that came back is asked in time. */
const LONGEST_PAUSE_MS = 10_000;
/** A connection that lasted as long as this was a good one: after it, the pauses are short again. */
const GOOD_MS = 60_000;

export interface ConnectionDeps extends SessionDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** How the connection stands, for operators. */
export interface ConnectionState {
  /** `HOST:PORT` */
  readonly server: string;
  readonly connected: boolean;
  /** Why there is no connection; null: there is one, or it is the first one that is being made. */
  readonly problem: string | null;
}

export class GearmanConnection {
  readonly #server: GearmanServerConfig;
  readonly #deps: ConnectionDeps;
  readonly #closing = new AbortController();
  #session: GearmanSession | null = null;
  /** What the server last told. */
  #functions: readonly FunctionStatus[] = [];
  #state: ConnectionState;

  constructor(server: GearmanServerConfig, deps: ConnectionDeps) {
    this.#server = server;
    this.#deps = deps;
    this.#state = { server: serverName(server), connected: false, problem: null };
    void this.#keep();
  }

  describe(): ConnectionState {
    return this.#state;
  }

  /** Asks the server for its queues. Rejects with `unavailable` while there is no connection. */
  async status(signal: AbortSignal): Promise<readonly FunctionStatus[]> {
    this.#functions = await this.#connected().status(signal);
    return this.#functions;
  }

  /** Whether somebody could do such jobs when the server was last asked for its queues. */
  hasWorkers(name: string): boolean {
    return this.#session !== null && this.#functions.some((one) => one.name === name && one.hasWorkers);
  }

  /**
   * Has a worker do a job, and returns its result. Rejects with `unavailable` when there is no connection, or when it is
   * lost or the server forgets the job before the result is there: the job may be done all the same. Rejects with
   * `command-failed` when the worker failed. While there is no worker it waits. It cannot be called back: whoever does not
   * wait any more should still hear what became of it.
   */
  async submit(job: Submission): Promise<Buffer> {
    return this.#connected().submit(job);
  }

  /** Gives up the connection for good. What waits for the server is rejected with `aborted`. */
  close(): void {
    this.#closing.abort();
  }

  #connected(): GearmanSession {
    if (this.#session !== null) return this.#session;
    const { server, problem } = this.#state;
    throw new NodepoolError('unavailable', problem ?? `Gearman server ${server} has not answered yet`);
  }

  async #keep(): Promise<void> {
    const { clock } = this.#deps;
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted; failures += 1) {
      const goodFrom = clock.now() + GOOD_MS;
      const reason = await this.#connectOnce(signal);
      if (signal.aborted) return;
      this.#lose(reason);
      if (clock.now() >= goodFrom) failures = 0;
      await clock.sleep(this.#pause(failures), signal);
    }
  }

  /** Resolves with the reason when the connection has ended. */
  async #connectOnce(signal: AbortSignal): Promise<NodepoolError> {
    const session = new GearmanSession(this.#server, this.#deps);
    const release = onAbort(signal, () =>
      session.end(new NodepoolError('aborted', `the connection to Gearman server ${this.#state.server} was given up`)),
    );
    try {
      // Whatever takes connections at that port: only an answer shows that it is a Gearman server.
      this.#functions = await session.status(signal);
      this.#gain(session);
    } catch {
      // The session has ended, and says itself why.
    }
    const reason = await session.ended;
    release();
    this.#session = null;
    return reason;
  }

  #gain(session: GearmanSession): void {
    const { log } = this.#deps;
    const { server } = this.#state;
    this.#session = session;
    this.#state = { server, connected: true, problem: null };
    log.info({ server }, `Gearman server ${server} answers`);
  }

  /** One line when it went away, not one for each attempt to reach it again. */
  #lose(reason: NodepoolError): void {
    const { log } = this.#deps;
    const { server, connected, problem } = this.#state;
    const why = describeError(reason);
    if (connected || problem === null) log.warn({ server }, `${why}; trying again`);
    this.#state = { server, connected: false, problem: why };
  }

  /** Half of it is random, so that all daemons do not come back to a restarted server at once. */
  #pause(failures: number): number {
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);
    return longest * (0.5 + this.#deps.random.fraction() / 2);
  }
}
