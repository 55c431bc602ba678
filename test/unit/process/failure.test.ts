import { describe, expect, it } from 'vitest';
import { NodepoolError } from '../../../src/lib/errors.ts';
import { describeFailure } from '../../../src/process/failure.ts';

describe('what a failed start says', () => {
  it('is the message of an expected error, without password, and exit code 1', () => {
    const error = new NodepoolError('database-unavailable', 'mysql://u:secret@db does not answer');
    expect(describeFailure(error)).toEqual({ message: 'mysql://u:[hidden]@db does not answer', exitCode: 1 });
  });

  it('has exit code 2 after misuse', () => {
    expect(describeFailure(new NodepoolError('usage', 'no'))).toEqual({ message: 'no', exitCode: 2 });
  });

  it('comes with the stack of a mistake of ours', () => {
    const { message, exitCode } = describeFailure(new TypeError('not a function'));
    expect(message).toMatch(/^unexpected error: TypeError: not a function\n {4}at .*failure\.test\.ts/);
    expect(exitCode).toBe(1);
  });
});
