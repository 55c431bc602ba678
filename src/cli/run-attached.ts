import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { NodepoolError } from '../lib/errors.ts';

/**
 * Runs a program on the streams of this process, without a shell in between, and resolves with its exit code; 128 plus
 * the number of the signal that ended it. Throws `refused` when it is not installed.
 */
export function runAttached(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit' });
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') reject(error);
      else reject(new NodepoolError('refused', `the program ${command} is not installed, or not on the PATH`));
    });
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
