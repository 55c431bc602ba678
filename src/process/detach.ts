/**
 * Detaching: the program starts itself once more in a session of its own and waits until that daemon says over
 * its IPC channel how its start went, so that `nodepoold && ...` means what it says.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { NodepoolError } from '../lib/errors.ts';
import type { SignalSource } from './signals.ts';
import { systemErrorReason } from '../lib/system-error.ts';

const PASSED_ON = ['SIGINT', 'SIGTERM'] as const;

/** How a detached daemon's start went: its only message. */
export type StartReport =
  { readonly started: true } | { readonly started: false; readonly exitCode: number; readonly message: string };

export interface DetachDeps {
  /** The Node.js program, its own options, the script and its arguments. */
  readonly command: readonly string[];
  /** Where anything goes that the daemon writes past its log: the log file, or nowhere. */
  readonly outputFile: string | null;
  /** Signals that reach the waiting process are passed on, so that Ctrl-C stops a start that hangs. */
  readonly signals: SignalSource;
}

/** Starts the daemon and answers its pid and how its start went. */
export async function startDetached({
  command,
  outputFile,
  signals,
}: DetachDeps): Promise<{ pid: number; report: StartReport }> {
  const [program = '', ...args] = command;
  const output = openOutput(outputFile ?? devNull);
  const daemon = spawn(program, args, { detached: true, stdio: ['ignore', output, output, 'ipc'] });
  closeSync(output);
  const passOn = (signal: NodeJS.Signals): void => void daemon.kill(signal);
  for (const signal of PASSED_ON) signals.on(signal, passOn);
  try {
    const report = await reportOf(daemon, outputFile);
    return { pid: daemon.pid ?? 0, report };
  } finally {
    for (const signal of PASSED_ON) signals.removeListener(signal, passOn);
    daemon.unref();
  }
}

function openOutput(path: string): number {
  try {
    return openSync(path, 'a');
  } catch (error) {
    throw new NodepoolError('refused', `cannot write the log file ${path}: ${systemErrorReason(error)}`, {
      cause: error,
    });
  }
}

function reportOf(daemon: ChildProcess, outputFile: string | null): Promise<StartReport> {
  return new Promise((resolve) => {
    const fail = (message: string): void => resolve({ started: false, exitCode: 1, message });
    daemon.once('message', (report) => resolve(report as StartReport));
    daemon.once('error', (error) => fail(`cannot start the daemon: ${systemErrorReason(error)}`));
    daemon.once('exit', (code, signal) => {
      const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
      fail(`the daemon ended ${how} before it was ready${outputFile === null ? '' : `; ${outputFile} says more`}`);
    });
  });
}

/** The daemon's side of the channel: tells the waiting process, then lets go of it. Does nothing without one. */
export function reportStart(report: StartReport, channel: NodeJS.Process): Promise<void> {
  return new Promise((resolve) => {
    if (channel.send === undefined || !channel.connected) {
      resolve();
      return;
    }
    channel.send(report, undefined, undefined, () => {
      // Whoever waited may be gone already; the daemon goes on alone either way.
      if (channel.connected) channel.disconnect();
      resolve();
    });
  });
}
