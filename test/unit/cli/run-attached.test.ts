import { describe, expect, it } from 'vitest';
import { runAttached } from '../../../src/cli/run-attached.ts';

describe('a program on the terminal', () => {
  it.each([0, 1, 255])('ends with its own exit code, as %i', async (code) => {
    expect(await runAttached('sh', ['-c', `exit ${code}`])).toBe(code);
  });

  it('that a signal ended has 128 and the number of the signal', async () => {
    expect(await runAttached('sh', ['-c', 'kill -TERM $$'])).toBe(128 + 15);
  });

  it('gets its arguments as they are, without a shell', async () => {
    expect(await runAttached('sh', ['-c', 'test "$1" = "$2"', 'sh', 'a b;$(c)*', 'a b;$(c)*'])).toBe(0);
  });

  it('that is not installed is one sentence', async () => {
    await expect(runAttached('no-such-program-here', [])).rejects.toMatchObject({
      code: 'refused',
      message: 'the program no-such-program-here is not installed, or not on the PATH',
    });
  });
});
