import type { NodepoolError } from '../lib/errors.ts';

/** Begins to watch for a reason to interrupt a call; returns what ends the watch. */
export type Watch = (interrupt: (error: NodepoolError) => void) => () => void;

/**
 * Settles as `send` does, or rejects as soon as a watch interrupts it; then the signal given to `send` aborts too,
 * but nobody waits until the driver has noticed.
 */
export async function interruptible<T>(
  send: (signal: AbortSignal) => Promise<T>,
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
    return await Promise.race([send(own.signal), interruption]);
  } finally {
    for (const end of release) end();
  }
}
