/**
 * Work on the database that comes in one turn of the event loop, or while earlier work is on its way, done together:
 * fifty clients at once cost one transaction, and one write to the disk.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../lib/clock.ts';
import { isNodepoolError } from '../lib/errors.ts';

/** Does a group of work; answers one result per item, in their order. An error is that of its item alone. */
export type GroupWork<Item, Result> = (items: readonly Item[]) => Promise<readonly (Result | Error)[]>;

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupOptions<Item> {
  /** Items in one group: bounds how long its locks are held. */
  readonly largestGroup: number;
  /** Items with the same key never are in one group, and keep their order; null: it goes with any. */
  readonly keyOf?: (item: Item) => string | null;
  /** For work that nobody is in a hurry for: when many come, a group begins so long (ms) after the one before it. */
  readonly pace?: { readonly clock: Clock; readonly ms: number };
}

export class Grouped<Item, Result> {
  readonly #work: GroupWork<Item, Result>;
  readonly #largestGroup: number;
  readonly #keyOf: (item: Item) => string | null;
  readonly #pace: GroupOptions<Item>['pace'];
  /** When the next group may begin. */
  #pause: Promise<void> = Promise.resolve();
  #queue: Waiting<Item, Result>[] = [];
  #draining: Promise<void> | null = null;

  constructor(work: GroupWork<Item, Result>, { largestGroup, keyOf = () => null, pace }: GroupOptions<Item>) {
    this.#work = work;
    this.#largestGroup = largestGroup;
    this.#keyOf = keyOf;
    this.#pace = pace;
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
      await this.#pause;
      await nextTurn();
      const group = this.#take();
      // What comes alone is done at once.
      if (this.#pace && group.length > 1) this.#pause = this.#pace.clock.sleep(this.#pace.ms);
      await this.#flush(group);
    }
    this.#draining = null;
  }

  /** Of the waiting items, in order, the first with each key. */
  #take(): Waiting<Item, Result>[] {
    const keys = new Set<string>();
    const taken: Waiting<Item, Result>[] = [];
    const left: Waiting<Item, Result>[] = [];
    for (const waiting of this.#queue) {
      const key = this.#keyOf(waiting.item);
      const isTaken = taken.length < this.#largestGroup && (key === null || !keys.has(key));
      (isTaken ? taken : left).push(waiting);
      if (key !== null) keys.add(key);
    }
    this.#queue = left;
    return taken;
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
      // One item is at fault, such as a text that an old table's character set cannot hold: halving finds it.
      const middle = Math.ceil(group.length / 2);
      await this.#flush(group.slice(0, middle));
      await this.#flush(group.slice(middle));
    }
  }
}
