/** Asks one Gearman server for its queues, again and again, and keeps its last answer for a while when it is gone. */
import type { GearmanServerConfig } from '../config/types.ts';
import type { Deadlines } from '../lib/deadlines.ts';
import { GearmanConnection, type ConnectionDeps, type ConnectionState } from './gearman/connection.ts';
import type { FunctionStatus } from './gearman/status.ts';
import { sayText } from './gearman/words.ts';
import { findUncounted } from './queue-demand.ts';

/** Between an answer and the next question: a slow server is not asked all the time. */
const POLL_MS = 1000;

export interface QueueWatchDeps extends ConnectionDeps {
  /** How long an answer counts while no new one comes. */
  readonly holds: Deadlines;
  /** The table may have changed. */
  readonly onAnswer: () => void;
}

export interface QueueWatchState extends ConnectionState {
  /** Functions in the answer that counts; null: none counts. */
  readonly functions: number | null;
}

export class QueueWatch {
  readonly #deps: QueueWatchDeps;
  readonly #connection: GearmanConnection;
  readonly #closing = new AbortController();
  #table: readonly FunctionStatus[] | null = null;
  #endHold = (): void => undefined;
  #hasWarned = false;

  constructor(server: GearmanServerConfig, deps: QueueWatchDeps) {
    this.#deps = deps;
    this.#connection = new GearmanConnection(server, deps);
    void this.#watch();
  }

  /** The answer that counts; empty: none does. */
  table(): readonly FunctionStatus[] {
    return this.#table ?? [];
  }

  describe(): QueueWatchState {
    return { ...this.#connection.describe(), functions: this.#table?.length ?? null };
  }

  close(): void {
    this.#closing.abort();
    this.#endHold();
    this.#connection.close();
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
    this.#table = null;
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
