/**
 * Actions of one kind under way at one provider: bounds the memory that a large pool takes and the queue before a
 * slow cloud. What finds no room is planned again as soon as one has ended.
 */
const LANE_SIZE = 500;

/** Counts what is under way in each lane. */
export class Lanes {
  readonly #counts = new Map<string, number>();

  /** Takes a place in the lane, if there is one. */
  enter(lane: string): boolean {
    const count = this.#counts.get(lane) ?? 0;
    if (count >= LANE_SIZE) return false;
    this.#counts.set(lane, count + 1);
    return true;
  }

  leave(lane: string): void {
    this.#counts.set(lane, (this.#counts.get(lane) ?? 1) - 1);
  }
}
