import type { Clock } from './clock.ts';
import { NodepoolError } from './errors.ts';
import { onAbort } from './on-abort.ts';

export interface TimeLimit {
  readonly clock: Clock;
  readonly ms: number;
  /** What takes the time, for the message. */
  readonly what: string;
}

/**
 * Runs something long with a time limit. Rejects with `command-failed` when it is over and with `aborted` when
 * `signal` aborts, whether or not `run` heeds the signal that it is given.
 */
export async function withTimeLimit<T>(
  { clock, ms, what }: TimeLimit,
  signal: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const ended = new AbortController();
  let unhook = (): void => undefined;
  const interruption = new Promise<never>((_, reject) => {
    const interrupt = (error: NodepoolError): void => {
      reject(error);
      own.abort(error);
    };
    unhook = onAbort(signal, () => interrupt(new NodepoolError('aborted', `${what} was abandoned`)));
    void clock.sleep(ms, ended.signal).then(() => {
      if (!ended.signal.aborted)
        interrupt(new NodepoolError('command-failed', `${what} did not end within ${ms / 1000} s`));
    });
  });
  try {
    return await Promise.race([run(own.signal), interruption]);
  } finally {
    unhook();
    ended.abort();
  }
}
