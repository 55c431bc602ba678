import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { NodepoolError } from '../lib/errors.ts';

const PASSED_ON = ['SIGTERM', 'SIGHUP'] as const;

/**
 * Runs a program on the streams of this process, without a shell in between, and resolves with its exit code; 128 plus
 * the number of the signal that ended it. What is to end this process ends the program; Ctrl-C reaches both anyway. Throws
 * `refused` when it is not installed.
 */
export function runAttached(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit' });
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
    for (const signal of PASSED_ON) process.on(signal, pass);
    const release = (): void => PASSED_ON.forEach((signal) => process.off(signal, pass));
    child.once('error', (error: NodeJS.ErrnoException) => {
      release();
      if (error.code !== 'ENOENT') reject(error);
      else reject(new NodepoolError('refused', `the program ${command} is not installed, or not on the PATH`));
    });
    child.once('close', (code, signal) => {
      release();
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
