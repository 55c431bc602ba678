/** What has to be given back at the end, last taken first. */
import type { Log } from '../lib/log.ts';

export interface Releasers {
  /** `name` tells in the log what could not be released. */
  push(name: string, release: () => Promise<void> | void): void;
  /** Releases everything; one that fails is logged and does not keep the others from their turn. */
  releaseAll(log: Log): Promise<void>;
}

export function createReleasers(): Releasers {
  const stack: { name: string; release: () => Promise<void> | void }[] = [];
  return {
    push: (name, release) => {
      stack.push({ name, release });
    },
    releaseAll: async (log) => {
      for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
        try {
          await next.release();
        } catch (error) {
          // The process ends: what it could not give back ends with it.
          log.warn({ err: error }, `could not release the ${next.name}`);
        }
      }
    },
  };
}
