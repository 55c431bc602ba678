import { NodepoolError } from '../../src/lib/errors.ts';
import type { Random } from '../../src/lib/random.ts';

/** A database that can be made to go away: then each call fails. */
export class Unreliable {
  isDown = false;
  /** Share of the failing calls that have had their effect all the same, 0 to 1. */
  lostAnswers = 0;
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** `target` with all its methods, those of objects in it too, as long as the database is there. */
  wrap<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (object, key) => {
        const value: unknown = Reflect.get(object, key, object);
        if (typeof value === 'object' && value !== null) return this.wrap(value);
        if (typeof value !== 'function') return value;
        const call = value as (...args: unknown[]) => Promise<unknown>;
        return (...args: unknown[]) => this.#attempt(() => call.apply(object, args));
      },
    });
  }

  async #attempt(run: () => Promise<unknown>): Promise<unknown> {
    if (!this.isDown || this.#random.fraction() < this.lostAnswers) {
      const answer = await run();
      // It may have gone away by now: what was under way has had its effect, but nobody learns of it.
      if (!this.isDown) return answer;
    }
    throw new NodepoolError('database-unavailable', 'the database is away');
  }
}
