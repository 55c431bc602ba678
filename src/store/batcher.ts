/**
 * Group commit. Writes that arrive in one turn of the event loop, or while earlier ones are on their way, are
 * sent together: one transaction, one statement per shape (`write-group.ts`). So a thousand nodes that become
 * ready at once cost some ten queries instead of thousands, and one write to the disk. Each write stays a
 * compare-and-set of its own, and its caller learns whether it won.
 *
 * A row takes part in a group once; further writes to it wait for the next one, so that they keep their order.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../lib/clock.ts';
import { isNodepoolError } from '../lib/errors.ts';
import type { Database } from './database.ts';
import { writeGroup } from './write-group.ts';
import type { Write } from './writes.ts';

/** Writes per transaction: bounds how long its locks are held. */
const LARGEST_GROUP = 2000;

interface Waiting {
  readonly write: Write;
  readonly resolve: (won: boolean) => void;
  readonly reject: (error: unknown) => void;
}

export class Batcher {
  readonly #database: Database;
  readonly #clock: Clock;
  #queue: Waiting[] = [];
  #draining: Promise<void> | null = null;

  constructor({ database, clock }: { database: Database; clock: Clock }) {
    this.#database = database;
    this.#clock = clock;
  }

  /** Answers whether the write won. Rejects when the database fails: then it may or may not have taken effect. */
  submit(write: Write): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ write, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Resolves when nothing is waiting or on its way. */
  async idle(): Promise<void> {
    while (this.#draining) await this.#draining;
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      await nextTurn();
      await this.#flush(this.#take());
    }
    this.#draining = null;
  }

  /** Of the waiting writes, in order, the first of each row. */
  #take(): Waiting[] {
    const rows = new Set<string>();
    const taken: Waiting[] = [];
    const left: Waiting[] = [];
    for (const waiting of this.#queue) {
      const { write } = waiting;
      const row = write.kind === 'entry' ? null : `${write.table} ${write.id}`;
      const isTaken = taken.length < LARGEST_GROUP && (row === null || !rows.has(row));
      (isTaken ? taken : left).push(waiting);
      if (row !== null) rows.add(row);
    }
    this.#queue = left;
    return taken;
  }

  async #flush(group: readonly Waiting[]): Promise<void> {
    try {
      const lost = await writeGroup(
        this.#database,
        group.map(({ write }) => write),
        this.#clock.now(),
      );
      for (const { write, resolve } of group) resolve(!lost.has(write));
    } catch (error) {
      if (isNodepoolError(error) || group.length === 1) {
        for (const { reject } of group) reject(error);
        return;
      }
      // One write is at fault, such as a text that an old table's character set cannot hold: halving finds it.
      const middle = Math.ceil(group.length / 2);
      await this.#flush(group.slice(0, middle));
      await this.#flush(group.slice(middle));
    }
  }
}
