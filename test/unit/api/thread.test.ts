import { setImmediate as turn } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startApiThread, type ApiThread } from '../../../src/api/api-thread.ts';
import { linkDaemon, linkThread } from '../../../src/api/thread-link.ts';
import type { Config } from '../../../src/config/types.ts';
import { silentLog, type LogLine } from '../../../src/lib/log.ts';
import { aConfig } from '../../support/builders.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { until } from './scene.ts';

const WAIT = { position: 2, nodesAhead: 3, ready: 0, building: 1, why: ['the cloud is full'], expectedAt: 1000 };

/** Both ends, as if two threads had them. */
function link() {
  const { port1, port2 } = new MessageChannel();
  onTestFinished(() => port1.close());
  const changes: string[] = [];
  const lines: LogLine[] = [];
  const configs: Config[] = [];
  let problem: string | null = 'the daemon has not looked at its pool yet';
  let isClosed = false;
  const thread = linkThread(port1, {
    explain: (requestId) => (requestId === 7 ? WAIT : null),
    unready: () => problem,
    onChange: () => void changes.push('changed'),
    onLog: (line) => void lines.push(line),
  });
  const clock = createFakeClock();
  const told = { configure: (config: Config) => void configs.push(config), close: () => void (isClosed = true) };
  const daemon = linkDaemon(port2, told, clock);
  const setProblem = (text: string | null): void => void (problem = text);
  return { thread, daemon, clock, port1, changes, lines, configs, setProblem, isClosed: () => isClosed };
}

describe('the thread of the HTTP interface', () => {
  it('asks the daemon what only that knows, and each answer gets to its question', async () => {
    const { daemon, setProblem } = link();
    const answers = [daemon.explain(6), daemon.explain(7), daemon.unready()];
    expect(await Promise.all(answers)).toEqual([null, WAIT, 'the daemon has not looked at its pool yet']);
    setProblem(null);
    expect(await daemon.unready()).toBeNull();
  });

  it('does not wait for a loop that stands still: it cannot say why, and the pool is not looked after', async () => {
    const { daemon, clock, port1 } = link();
    port1.removeAllListeners('message');
    const answers = Promise.all([daemon.explain(7), daemon.unready()]);
    await clock.advance(2000);
    expect(await answers).toEqual([null, 'the loop of the daemon does not answer']);
  });

  it('tells of many changes in one turn once', async () => {
    const { daemon, changes } = link();
    for (let count = 0; count < 50; count += 1) daemon.onChange();
    await until(() => changes.length > 0);
    daemon.onChange();
    await until(() => changes.length > 1);
    await daemon.unready();
    expect(changes).toEqual(['changed', 'changed']);
  });

  it('passes lines of its log on, and learns of a new configuration and of the end', async () => {
    const { daemon, thread, lines, configs, isClosed } = link();
    const line = { level: 'warn', fields: { port: 8005 }, message: 'cannot listen' } as const;
    daemon.log(line);
    const config = aConfig({ api: { host: '::1', port: 1, rateLimit: 5 } });
    thread.configure(config);
    thread.close();
    await until(() => lines.length > 0 && isClosed());
    expect(lines).toEqual([line]);
    // Whatever becomes a part of a configuration has to survive the way.
    expect(configs).toEqual([config]);
  });
});

/** A thread that runs `code`, which has its port as `port`. */
function start(code: string) {
  const clock = createFakeClock();
  const errors: string[] = [];
  const seen: unknown[] = [];
  const entry = new URL(
    `data:text/javascript,${encodeURIComponent(`import { parentPort as port } from 'node:worker_threads'; ${code}`)}`,
  );
  const first = aConfig();
  const thread: ApiThread = startApiThread({
    ...{ entry, clock, start: { config: first } },
    log: { ...silentLog, info: (fields) => void seen.push(fields) },
    explain: () => null,
    unready: () => null,
    onChange: () => void seen.push('changed'),
    onError: (error) => void errors.push(error.message),
  });
  return { thread, clock, first, errors, seen };
}

/** Answers each message with a line of the log. */
const ECHO = `port.on('message', ({ kind, config }) => {
  if (kind === 'close') port.close();
  else port.postMessage({ kind: 'log', line: { level: 'info', fields: { kind, port: config.api.port }, message: '' } });
});`;

describe('the daemon', () => {
  it('tells its thread of each configuration once', async () => {
    const { thread, first, seen } = start(ECHO);
    const second = aConfig({ api: { host: '::1', port: 2, rateLimit: 5 } });
    for (const config of [first, first, second, second, first]) thread.configure(config);
    await until(() => seen.length === 2);
    expect(seen).toEqual([
      { kind: 'configure', port: 2 },
      { kind: 'configure', port: first.api.port },
    ]);
    await thread.close();
    expect(seen).toHaveLength(2);
  });

  it('ends a thread that does not end by itself', async () => {
    const { thread, clock, seen } = start(`port.on('message', () => port.postMessage({ kind: 'changed' }));`);
    const closed = thread.close();
    await until(() => seen.length > 0);
    await clock.advance(4999);
    let isClosed = false;
    void closed.then(() => (isClosed = true));
    await turn();
    expect(isClosed).toBe(false);
    await clock.advance(1);
    await closed;
  });

  it('learns what nobody has caught in its thread', async () => {
    const { thread, errors } = start(`port.once('message', () => { throw new Error('a mistake'); });`);
    thread.configure(aConfig());
    await until(() => errors.length > 0);
    expect(errors).toEqual(['a mistake']);
    await thread.close();
  });
});
