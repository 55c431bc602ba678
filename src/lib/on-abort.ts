/**
 * Many waits on one signal share one listener. Node walks the list of a signal's listeners at each addition and
 * prints a warning from the eleventh on; thousands of calls may wait on the signal that stops the daemon.
 */
const waitsOf = new WeakMap<AbortSignal, Set<{ readonly callback: () => void }>>();

/**
 * Calls `callback` once when `signal` aborts, at once if it has already. `callback` must not throw.
 * Returns a function that takes the wait back.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback();
    return () => undefined;
  }
  const waits = waitsOf.get(signal) ?? listen(signal);
  const wait = { callback };
  waits.add(wait);
  return () => void waits.delete(wait);
}

function listen(signal: AbortSignal): Set<{ readonly callback: () => void }> {
  const waits = new Set<{ readonly callback: () => void }>();
  waitsOf.set(signal, waits);
  signal.addEventListener(
    'abort',
    () => {
      for (const { callback } of waits) callback();
    },
    { once: true },
  );
  return waits;
}
