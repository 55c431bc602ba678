import { setImmediate as turn } from 'node:timers/promises';

/** Turns of the event loop without a call under way after which everything waits for the clock. */
const QUIET_TURNS = 3;

/** Counts the calls under way, so that a test on a clock that stands still knows when everything has come to rest. */
export class Traffic {
  #underWay = 0;

  /** `target` with all its methods counted, those of objects in it too. */
  watch<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (object, key) => {
        const value: unknown = Reflect.get(object, key, object);
        if (typeof value === 'object' && value !== null) return this.watch(value);
        if (typeof value !== 'function') return value;
        const call = value as (...args: unknown[]) => Promise<unknown>;
        return (...args: unknown[]) => this.#count(call.apply(object, args));
      },
    });
  }

  /** Resolves when no call is under way and none follows by itself. */
  async quiet(): Promise<void> {
    for (let turns = 0; turns < QUIET_TURNS; turns += 1) {
      await turn();
      if (this.#underWay > 0) turns = 0;
    }
  }

  #count(result: Promise<unknown>): Promise<unknown> {
    this.#underWay += 1;
    return result.finally(() => (this.#underWay -= 1));
  }
}
