import { describe, expect, it } from 'vitest';
import { silentLog, type Log } from '../../../src/lib/log.ts';
import { createConductor, type ConductedEngine } from '../../../src/process/conduct.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

function aStage() {
  const clock = createFakeClock();
  const heard: string[] = [];
  const note = (what: string) => () => void heard.push(what);
  const told = (what: string) => () => Promise.resolve(heard.push(what)).then(() => undefined);
  const log: Log = {
    ...silentLog,
    info: (fields, message) => void heard.push(`${message} ${JSON.stringify(fields)}`),
    warn: (_fields, message) => void heard.push(message),
  };
  const service = {
    ready: told('systemd: ready'),
    reloading: told('systemd: reloading'),
    stopping: told('systemd: stopping'),
    watch: (lastPassAt: () => number, signal: AbortSignal) => {
      heard.push(`watchdog at ${lastPassAt()}`);
      signal.addEventListener('abort', note('watchdog off'));
      return Promise.resolve();
    },
  };
  const conductor = createConductor({
    clock,
    log,
    service,
    reloadConfig: told('config read'),
    reopenLog: note('log reopened'),
  });
  return { clock, heard, conductor, note };
}

/** Runs until its signal aborts. */
function anEngine(parts: Partial<ConductedEngine> = {}): ConductedEngine {
  return {
    run: (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
    wake: () => undefined,
    inFlight: () => [],
    lastPassAt: () => 7,
    ...parts,
  };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the daemon', () => {
  it('is ready when its engine runs, and ends when the engine has stopped', async () => {
    const { conductor, heard } = aStage();
    const running = conductor.conduct(anEngine());
    expect(heard).toEqual(['systemd: ready', 'watchdog at 7']);
    conductor.stop('SIGTERM');
    await running;
    expect(heard.slice(2)).toEqual([
      'SIGTERM: stopping; another one ends the daemon at once {"inFlight":0}',
      'systemd: stopping',
      'watchdog off',
    ]);
  });

  it('does not start its engine for long when it was stopped before', async () => {
    const { conductor } = aStage();
    conductor.stop('SIGINT');
    await expect(
      conductor.conduct(anEngine({ run: (signal) => Promise.resolve(expect(signal.aborted).toBe(true)) })),
    ).resolves.toBeUndefined();
  });

  it('fails when its engine fails', async () => {
    const { conductor, heard } = aStage();
    await expect(conductor.conduct(anEngine({ run: () => Promise.reject(new Error('broken')) }))).rejects.toThrow(
      'broken',
    );
    expect(heard).toContain('watchdog off');
  });

  it('reopens its log, reads its configuration and looks at it when it is told to reload', async () => {
    const { conductor, heard, note } = aStage();
    void conductor.conduct(anEngine({ wake: note('woken') }));
    heard.length = 0;
    conductor.reload();
    await settle();
    expect(heard).toEqual([
      'log reopened',
      'SIGHUP: reading the configuration again {}',
      'systemd: reloading',
      'config read',
      'woken',
      'systemd: ready',
    ]);
  });

  it('only reopens its log then while it stops', async () => {
    const { conductor, heard } = aStage();
    conductor.stop('SIGTERM');
    heard.length = 0;
    conductor.reload();
    await settle();
    expect(heard).toEqual(['log reopened']);
  });

  it('logs what is in flight, and for how long', () => {
    const { conductor, heard, clock } = aStage();
    const now = clock.now();
    const running = [
      { subject: 'node:1', kind: 'create-server', since: now - 1500 },
      { subject: 'servers:east', kind: 'list-servers', since: now - 20 },
    ];
    void conductor.conduct(anEngine({ inFlight: () => running, lastPassAt: () => now - 5 }));
    heard.length = 0;
    conductor.report();
    expect(heard).toEqual([
      'SIGUSR2: in flight {"inFlight":2,"lastPassMs":5}',
      'in flight: create-server node:1 {"subject":"node:1","kind":"create-server","ms":1500}',
      'in flight: list-servers servers:east {"subject":"servers:east","kind":"list-servers","ms":20}',
    ]);
  });

  it('has nothing in flight before its engine runs', () => {
    const { conductor, heard } = aStage();
    conductor.report();
    expect(heard).toEqual(['SIGUSR2: in flight {"inFlight":0,"lastPassMs":null}']);
  });
});
