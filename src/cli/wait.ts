/** Waiting for work that others do, by looking at the database again and again. */
import type { CliContext } from './context.ts';
import { Interruption, untilInterrupted } from './interruption.ts';
import { createProgress } from './progress.ts';

/** How often the database is asked. */
export const POLL_MS = 250;

/** What is done by then needs no progress shown. */
const QUIET_MS = 1000;

/** What a look at the work found: its result, or what is waited for. */
export type Look<T> = { readonly done: T } | Waiting;

export interface Waiting {
  readonly waitsFor: string;
  /** Shown on terminals instead: what changes with every look. */
  readonly live?: string;
}

export interface Wait<T> {
  readonly look: (signal: AbortSignal) => Promise<Look<T>>;
  /** Told when the operator interrupts: what becomes of the work. */
  readonly ifInterrupted: string;
  /** Ends the waiting after `ms`; without it there is no limit. */
  readonly limit?: { readonly ms: number; readonly error: () => Error };
}

/** Waits until a look finds a result. Throws {@link Interruption} at Ctrl-C and the limit's error when time is up. */
export async function waitFor<T>(context: CliContext, wait: Wait<T>): Promise<T> {
  const progress = createProgress(context.stderr);
  const startedAt = context.clock.now();
  try {
    return await untilInterrupted(context, async (signal) => {
      for (;;) {
        const found = await wait.look(signal);
        if ('done' in found) return found.done;
        if (signal.aborted) throw new Interruption(wait.ifInterrupted);
        const elapsedMs = context.clock.now() - startedAt;
        if (wait.limit !== undefined && elapsedMs >= wait.limit.ms) throw wait.limit.error();
        if (elapsedMs >= QUIET_MS) progress.show(found, elapsedMs);
        await context.clock.sleep(POLL_MS, signal);
      }
    });
  } finally {
    progress.end();
  }
}
