/**
 * What signals mean to the daemon.
 *
 * | signal | first | again |
 * | --- | --- | --- |
 * | SIGTERM, SIGINT, SIGUSR1 | stop: take on no work, finish what is in flight | exit at once, code 128 + number |
 * | SIGHUP | read the configuration again, reopen the log file | the same |
 * | SIGUSR2 | log what is in flight | the same |
 *
 * SIGHUP also comes when the terminal of a foreground daemon is closed; then it means stop, because nobody
 * would see such a daemon again.
 */
import { constants } from 'node:os';

const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const;
export type StopSignal = (typeof STOP_SIGNALS)[number] | 'SIGHUP';

/** The part of Node's `process` that hands out signals. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  removeListener(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
}

export interface SignalHandlers {
  stop(signal: StopSignal): void;
  /** Ends the process with this exit code, now. */
  exit(code: number): void;
  reload(): void;
  report(): void;
  /** Whether the terminal that this process was started on is gone; false when it had none. */
  lostTerminal(): boolean;
}

/** Listens from now on, for as long as the process lives. */
export function listenForSignals(source: SignalSource, handlers: SignalHandlers): void {
  let stopping = false;
  const stop = (signal: StopSignal): void => {
    if (stopping) {
      handlers.exit(128 + constants.signals[signal]);
      return;
    }
    stopping = true;
    handlers.stop(signal);
  };
  for (const signal of STOP_SIGNALS) source.on(signal, () => stop(signal));
  source.on('SIGHUP', () => {
    if (handlers.lostTerminal()) stop('SIGHUP');
    else handlers.reload();
  });
  source.on('SIGUSR2', () => handlers.report());
}
