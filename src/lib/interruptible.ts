import type { NodepoolError } from './errors.ts';

/** Begins to watch for a reason to interrupt work; returns what ends the watch. */
export type Watch = (interrupt: (error: NodepoolError) => void) => () => void;

/**
 * Settles as `run` does, or rejects as soon as a watch interrupts it; then the signal given to `run` aborts too,
 * but nobody waits until it has noticed.
 */
export async function interruptible<T>(
  run: (signal: AbortSignal) => Promise<T>,
  watches: readonly Watch[],
): Promise<T> {
  const own = new AbortController();
  let release: readonly (() => void)[] = [];
  const interruption = new Promise<never>((_, reject) => {
    const interrupt = (error: NodepoolError): void => {
      reject(error);
      own.abort(error);
    };
    release = watches.map((watch) => watch(interrupt));
  });
  try {
    return await Promise.race([run(own.signal), interruption]);
  } finally {
    for (const end of release) end();
  }
}
