/** Asks one Gearman server for its queues, again and again, and keeps its last answer for a while when it is gone. */
import type { GearmanConnection } from '../gearman/connection.ts';
import type { FunctionStatus } from '../gearman/status.ts';
import { sayText } from '../lib/say-text.ts';
import type { Clock } from '../lib/clock.ts';
import type { Deadlines } from '../lib/deadlines.ts';
import type { Log } from '../lib/log.ts';
import { findUncounted } from './queue-demand.ts';

/** Between an answer and the next question: a slow server is not asked all the time. */
const POLL_MS = 1000;

export interface QueueWatchDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** How long an answer counts while no new one comes. */
  readonly holds: Deadlines;
  /** The table may have changed. */
  readonly onAnswer: () => void;
}

export class QueueWatch {
  readonly #connection: GearmanConnection;
  readonly #deps: QueueWatchDeps;
  readonly #closing = new AbortController();
  /** The answer that counts; empty: none does. */
  #table: readonly FunctionStatus[] = [];
  #endHold = (): void => undefined;
  #hasWarned = false;

  constructor(connection: GearmanConnection, deps: QueueWatchDeps) {
    this.#connection = connection;
    this.#deps = deps;
    void this.#watch();
  }

  /** The answer that counts; empty: none does. */
  table(): readonly FunctionStatus[] {
    return this.#table;
  }

  /** Asks no more. The connection stays. */
  close(): void {
    this.#closing.abort();
    this.#endHold();
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      // Why there is no answer the connection has logged; it is being made again.
      const table = await this.#connection.status(signal).catch(() => null);
      if (table !== null && !signal.aborted) this.#take(table);
      await this.#deps.clock.sleep(POLL_MS, signal);
    }
  }

  #take(table: readonly FunctionStatus[]): void {
    this.#table = table;
    this.#endHold();
    this.#endHold = this.#deps.holds.start(() => this.#forget());
    this.#warnOfUncounted(table);
    this.#deps.onAnswer();
  }

  #forget(): void {
    const { server } = this.#connection.describe();
    this.#deps.log.warn({ server }, `the queues of Gearman server ${server} do not count until it answers again`);
    this.#table = [];
    this.#deps.onAnswer();
  }

  /** Once, because the same line comes each second. */
  #warnOfUncounted(table: readonly FunctionStatus[]): void {
    const name = this.#hasWarned ? null : findUncounted(table);
    if (name === null) return;
    this.#hasWarned = true;
    const { server } = this.#connection.describe();
    const problem = `Gearman server ${server} gives no number of jobs for ${sayText(name)}; it counts as none`;
    this.#deps.log.warn({ server }, problem);
  }
}
