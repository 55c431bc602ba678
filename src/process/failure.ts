/** What a program says when it ends because of an error. */
import { describeError, isNodepoolError } from '../lib/errors.ts';
import { withoutPasswords } from './log-fields.ts';

export interface Failure {
  /** One sentence, or one per line. */
  readonly message: string;
  /** 2: the command line makes no sense. 1: anything else. */
  readonly exitCode: number;
}

/** An expected error is told in its own words; of a mistake of ours the stack is wanted too. */
export function describeFailure(error: unknown): Failure {
  if (isNodepoolError(error))
    return { message: withoutPasswords(error.message), exitCode: isNodepoolError(error, 'usage') ? 2 : 1 };
  const trace = error instanceof Error ? error.stack : undefined;
  return { message: withoutPasswords(`unexpected error: ${trace ?? describeError(error)}`), exitCode: 1 };
}
