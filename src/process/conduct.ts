/** Runs the engine from the moment the daemon is ready until a signal stops it. */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { ServiceManager } from './service-manager.ts';
import type { SignalHandlers, StopSignal } from './signals.ts';

/**
 * From the signal to the end of the process, in milliseconds: the engine takes up to 20 s to finish or abandon what
 * is in flight, the rest is for giving back leases and connections to a database that may not answer.
 */
export const STOP_LIMIT_MS = 25_000;

/** What of the engine matters to the process around it. */
export interface ConductedEngine {
  run(signal: AbortSignal): Promise<void>;
  wake(): void;
  inFlight(): readonly { readonly subject: string; readonly kind: string; readonly since: number }[];
  /** Epoch milliseconds. */
  lastPassAt(): number;
}

export interface ConductorDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly service: ServiceManager;
  /** Reads the configuration again; never throws. */
  readonly reloadConfig: () => Promise<unknown>;
  /** Throws when the file cannot be opened. */
  readonly reopenLog: () => void;
}

/** What signals do, from before there is an engine until after it has ended. */
export interface Conductor extends Pick<SignalHandlers, 'stop' | 'reload' | 'report'> {
  /** Aborts when the daemon is to stop. */
  readonly stopSignal: AbortSignal;
  /** Resolves when the engine has stopped, rejects when it failed. */
  conduct(engine: ConductedEngine): Promise<void>;
}

export function createConductor(deps: ConductorDeps): Conductor {
  const { clock, log, service } = deps;
  const stopping = new AbortController();
  let engine: ConductedEngine | null = null;

  async function reload(): Promise<void> {
    reopenLog(deps);
    // While stopping, a new configuration is of no use, and systemd must not be told that all is well again.
    if (stopping.signal.aborted) return;
    log.info({}, 'SIGHUP: reading the configuration again');
    void service.reloading();
    await deps.reloadConfig();
    engine?.wake();
    await service.ready();
  }

  return {
    stopSignal: stopping.signal,
    stop: (signal: StopSignal) => {
      log.info(
        { inFlight: engine?.inFlight().length ?? 0 },
        `${signal}: stopping; another one ends the daemon at once`,
      );
      void service.stopping();
      stopping.abort();
    },
    reload: () => void reload(),
    report: () => reportInFlight(engine, { clock, log }),
    conduct: async (started) => {
      engine = started;
      const ended = new AbortController();
      void service.ready();
      void service.watch(() => started.lastPassAt(), ended.signal);
      try {
        await started.run(stopping.signal);
      } finally {
        ended.abort();
      }
    },
  };
}

function reopenLog({ log, reopenLog: reopen }: ConductorDeps): void {
  try {
    reopen();
  } catch (error) {
    // The old file stays open: a daemon with a log in the wrong place is better than none.
    log.warn({ err: error }, 'the log goes on in the old file');
  }
}

function reportInFlight(engine: ConductedEngine | null, { clock, log }: { clock: Clock; log: Log }): void {
  const running = engine?.inFlight() ?? [];
  log.info(
    { inFlight: running.length, lastPassMs: engine === null ? null : clock.now() - engine.lastPassAt() },
    'SIGUSR2: in flight',
  );
  for (const { subject, kind, since } of running) {
    log.info({ subject, kind, ms: clock.now() - since }, `in flight: ${kind} ${subject}`);
  }
}
