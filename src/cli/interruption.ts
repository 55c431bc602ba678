import type { CliContext } from './context.ts';

/** The operator pressed Ctrl-C while the program waited for work that others do: exit code 130. */
export class Interruption extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Interruption';
  }
}

/**
 * Runs something that Ctrl-C may cut short: `signal` aborts then. Outside of this Ctrl-C ends the process as
 * usual.
 */
export async function untilInterrupted<T>(context: CliContext, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const ignore = context.onInterrupt(() => {
    controller.abort();
    // What hangs all the same is ended by the next Ctrl-C.
    ignore();
  });
  try {
    return await work(controller.signal);
  } finally {
    ignore();
  }
}
