/** How fast something goes on, judged by what was seen lately. */
const WINDOW_MS = 30_000;

export interface RateMeter {
  /** Takes note of how much is done, and answers the bytes per second; null: not known yet. */
  note(now: number, bytes: number): number | null;
}

export function createRateMeter(): RateMeter {
  let seen: { readonly at: number; readonly bytes: number }[] = [];
  return {
    note: (now, bytes) => {
      // Less than before: an upload began anew.
      if (bytes < (seen.at(-1)?.bytes ?? 0)) seen = [];
      seen.push({ at: now, bytes });
      while ((seen[1]?.at ?? Infinity) <= now - WINDOW_MS) seen.shift();
      const [first] = seen;
      if (first === undefined || now === first.at || bytes === first.bytes) return null;
      return ((bytes - first.bytes) * 1000) / (now - first.at);
    },
  };
}
