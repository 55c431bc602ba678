/**
 * Counts how launches from images ended. Hundreds may end in one turn of the event loop, all from one image: they are
 * added up, as are those that end while earlier ones are being written, so that its row is written once.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Database } from './database.ts';

interface Count {
  ok: number;
  failed: number;
}

export class LaunchCounts {
  readonly #database: Database;
  /** What is not on its way yet, by image. */
  #counts = new Map<number, Count>();
  /** Writes these; null: there are none. */
  #next: Promise<void> | null = null;
  #last: Promise<void> = Promise.resolve();

  constructor(database: Database) {
    this.#database = database;
  }

  /** Resolves when it is written. Rejects when the database fails: then it may or may not be counted. */
  add(imageId: number, hasWorked: boolean): Promise<void> {
    const count = this.#counts.get(imageId) ?? { ok: 0, failed: 0 };
    count[hasWorked ? 'ok' : 'failed'] += 1;
    this.#counts.set(imageId, count);
    this.#next ??= this.#last = this.#write(this.#last);
    return this.#next;
  }

  /** Resolves when nothing is waiting or on its way. */
  async idle(): Promise<void> {
    // Its callers see the error.
    await this.#last.catch(() => undefined);
  }

  async #write(earlier: Promise<void>): Promise<void> {
    // Its callers see the error.
    await earlier.catch(() => undefined);
    await nextTurn();
    // In the order of their ids, so that two processes lock rows in the same order.
    const counts = [...this.#counts].sort(([a], [b]) => a - b);
    this.#counts = new Map();
    this.#next = null;
    await this.#database.transaction(async (statements) => {
      for (const [id, { ok, failed }] of counts) await statements.run(UPDATE, [ok, failed, id]);
    });
  }
}

const UPDATE =
  'UPDATE snapshot_image SET launches_ok = launches_ok + ?, launches_failed = launches_failed + ?, revision = revision + 1 WHERE id = ?';
