/**
 * READY nodes that were free when they were last read, beyond what was needed then. While many ask, they are granted
 * without being looked at once more: whoever writes the grant proves that they are free still (`grant-from-stock.ts`).
 */
import type { Clock } from '../lib/clock.ts';
import type { Opening } from './new-requests.ts';
import type { ShownNode } from './read-requests.ts';

/** So long what was read is offered, and so long after a request of a label the next one is expected. */
const FRESH_MS = 1000;

/** A label, and the targets whose nodes may be granted. */
export interface Shelf {
  readonly label: string;
  readonly targets: readonly string[];
}

interface Filled {
  readonly readAt: number;
  readonly targets: string;
  readonly nodes: readonly ShownNode[];
}

export class Stock {
  readonly #clock: Clock;
  readonly #spare: number;
  readonly #filled = new Map<string, Filled>();
  readonly #askedAt = new Map<string, number>();
  #contestedAt = -Infinity;

  /** @param spare nodes to read beyond need; 0: there is never anything in stock */
  constructor(clock: Clock, spare: number) {
    this.#clock = clock;
    this.#spare = spare;
  }

  /** How many nodes to read for a label beyond those that are needed now. */
  spare(label: string): number {
    const isAskedOften = this.#isRecent(this.#askedAt.get(label));
    this.#askedAt.set(label, this.#clock.now());
    return isAskedOften && !this.#isRecent(this.#contestedAt) ? this.#spare : 0;
  }

  /** Puts nodes on a shelf, in the order in which they are to be given out, instead of what was there. */
  put({ label, targets }: Shelf, nodes: readonly ShownNode[]): void {
    if (this.#spare === 0) return;
    // Those with subnodes have to be looked at all the same.
    const whole = nodes.filter(({ hasSubnodes }) => !hasSubnodes);
    this.#filled.set(label, { readAt: this.#clock.now(), targets: targets.join('\n'), nodes: whole });
  }

  /** A set of nodes for each of the openings, offered to nobody else; null: there are not enough for all of them. */
  take(openings: readonly Opening[]): ShownNode[][] | null {
    const left = new Map<string, Filled>();
    const sets: ShownNode[][] = [];
    for (const { request, targets } of openings) {
      const filled = left.get(request.label) ?? this.#filled.get(request.label);
      if (filled === undefined || filled.nodes.length < request.count) return null;
      if (!this.#isRecent(filled.readAt) || filled.targets !== targets.join('\n')) return null;
      sets.push(filled.nodes.slice(0, request.count));
      left.set(request.label, { ...filled, nodes: filled.nodes.slice(request.count) });
    }
    for (const [label, filled] of left) this.#filled.set(label, filled);
    return sets;
  }

  /** Somebody else grants the same nodes: for a while they are only given out as they are read. */
  contested(): void {
    this.#filled.clear();
    this.#contestedAt = this.#clock.now();
  }

  /** Either way: the clock may have been set back. */
  #isRecent(at: number | undefined): boolean {
    return at !== undefined && Math.abs(this.#clock.now() - at) < FRESH_MS;
  }
}
