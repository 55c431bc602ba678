export interface LaggedViewOptions<R, V> {
  /** What a listing shows of the resource's state at `time`; null: nothing of it. */
  readonly statusAt: (resource: R, time: number) => string | null;
  /** When that changes for the last time, as far as is known now. */
  readonly lastChangeAt: (resource: R) => number;
  /** Its entry in a listing taken as of `time`; made anew only when the status has changed. */
  readonly render: (resource: R, time: number) => V;
}

/**
 * Listings of a cloud as of some moment, not later than now. Only resources that have changes ahead of the last
 * listing are looked at, and without a change the same array is given out again.
 */
export class LaggedView<R, V> {
  readonly #options: LaggedViewOptions<R, V>;
  readonly #shown = new Map<R, { readonly status: string; readonly entry: V }>();
  readonly #changing = new Set<R>();
  #listing: readonly V[] = [];
  #time = -Infinity;

  constructor(options: LaggedViewOptions<R, V>) {
    this.#options = options;
  }

  /** Announces a resource that was made or altered. */
  touch(resource: R): void {
    this.#changing.add(resource);
  }

  /** The resources as they were at `time`, oldest first. */
  at(time: number): readonly V[] {
    // Back in time (the lag grew, or the clock was set back), all that is shown may look different.
    if (time < this.#time) for (const resource of this.#shown.keys()) this.#changing.add(resource);
    this.#time = time;
    let hasChanged = false;
    for (const resource of this.#changing) {
      if (this.#refresh(resource, time)) hasChanged = true;
      if (this.#options.lastChangeAt(resource) <= time) this.#changing.delete(resource);
    }
    if (hasChanged) this.#listing = Array.from(this.#shown.values(), ({ entry }) => entry);
    return this.#listing;
  }

  /** Answers whether the listing changes by it. */
  #refresh(resource: R, time: number): boolean {
    const status = this.#options.statusAt(resource, time);
    const old = this.#shown.get(resource);
    if (status === (old?.status ?? null)) return false;
    if (status === null) this.#shown.delete(resource);
    else this.#shown.set(resource, { status, entry: this.#options.render(resource, time) });
    return true;
  }
}
