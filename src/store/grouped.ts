/**
 * Work on the database that comes in one turn of the event loop, or while earlier work is on its way, done together:
 * fifty clients at once cost one transaction, and one write to the disk.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isNodepoolError } from '../lib/errors.ts';

/** Does a group of work; answers one result per item, in their order. An error is that of its item alone. */
export type GroupWork<Item, Result> = (items: readonly Item[]) => Promise<readonly (Result | Error)[]>;

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Items in one group: bounds how long its locks are held. */
const LARGEST_GROUP = 200;

export class Grouped<Item, Result> {
  readonly #work: GroupWork<Item, Result>;
  #queue: Waiting<Item, Result>[] = [];
  #draining: Promise<void> | null = null;

  constructor(work: GroupWork<Item, Result>) {
    this.#work = work;
  }

  /** Resolves when it is done. Rejects when the database fails: then it may or may not have taken effect. */
  submit(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, resolve, reject });
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
      await this.#flush(this.#queue.splice(0, LARGEST_GROUP));
    }
    this.#draining = null;
  }

  async #flush(group: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#work(group.map(({ item }) => item));
      group.forEach(({ resolve, reject }, index) => {
        const result = results[index]!;
        if (result instanceof Error) reject(result);
        else resolve(result);
      });
    } catch (error) {
      if (isNodepoolError(error) || group.length === 1) {
        for (const { reject } of group) reject(error);
        return;
      }
      // One item is at fault, such as a number that a column cannot hold: halving finds it.
      const middle = Math.ceil(group.length / 2);
      await this.#flush(group.slice(0, middle));
      await this.#flush(group.slice(middle));
    }
  }
}
