/** A daemon process and a client of its HTTP interface, which has a thread of its own there. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RequestView } from '../../src/requests/view.ts';
import type { DaemonProcess, LogLine } from '../support/daemon-process.ts';
import { aLabelEntry, aProviderEntry, dburiOf, RealPool, until } from '../support/real-pool.ts';

let pool: RealPool;
let daemon: DaemonProcess;
let token: string;

const listens = ({ logger, msg }: LogLine): boolean => logger === 'nodepool.api' && msg === 'listening';

/** A pool with room for two nodes that listens at any free port of `host`. */
function configure(host = '127.0.0.1'): void {
  const providers = [aProviderEntry({ 'max-servers': 2 })];
  const settings = { dburi: dburiOf(pool.database.config), api: { host, port: 0 } };
  const labels = [aLabelEntry({ 'ready-script': null, 'min-ready': 1 })];
  pool.writeConfig(JSON.stringify({ ...settings, providers, labels, targets: [{ name: 'zuul' }] }));
}

beforeEach(async () => {
  pool = await RealPool.open('SQLite');
  configure();
  daemon = pool.start();
  ({ token } = await pool.ask<{ token: string }>('token', 'create', 'tester'));
});
afterEach(() => pool.close());

/** Calls the place where the daemon listened `nth`. */
async function call(method: string, path: string, body?: object, nth = 1): Promise<Response> {
  const { host, port } = await daemon.logged(listens, nth);
  const headers = { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) };
  const init = { method, headers, ...(body && { body: JSON.stringify(body) }) };
  return fetch(`http://${String(host)}:${String(port)}${path}`, init);
}

async function ask(method: string, path: string, body?: object): Promise<RequestView> {
  return (await (await call(method, path, body)).json()) as RequestView;
}

const readerOf = ({ body }: Response) => body!.pipeThrough(new TextDecoderStream()).getReader();

/** Reads what a stream tells until that is there. */
async function hear(reader: ReturnType<typeof readerOf>, words: string): Promise<void> {
  let told = '';
  while (!told.includes(words)) told += (await reader.read()).value ?? expect.fail(told);
}

it('grants nodes, says why there are none, and tells who listens when there are', async () => {
  await pool.full({ small: 1 });
  await until('the daemon looks after its pool', async () => (await call('GET', '/readyz')).ok || null);
  const first = await ask('POST', '/api/v1/requests', { label: 'small' });
  expect(first).toMatchObject({ state: 'granted', nodes: [{ state: 'used', port: 22 }] });
  const second = await ask('POST', '/api/v1/requests', { label: 'small', count: 2 });
  expect(second.state).toBe('waiting');
  // Only the loop knows; it has looked at it since.
  const explained = await until('the loop has looked at the request', async () => {
    const { waiting } = await ask('GET', `/api/v1/requests/${second.id}`);
    return waiting ?? null;
  });
  expect(explained).toMatchObject({ position: 1, nodes_ahead: 0 });

  const reader = readerOf(await call('GET', `/api/v1/requests/${second.id}/events`));
  await hear(reader, '"state":"waiting"');
  expect(await ask('DELETE', `/api/v1/requests/${first.id}`)).toMatchObject({ end_reason: 'released', nodes: [] });
  await hear(reader, '"state":"granted"');
  await reader.cancel();
});

it('listens elsewhere when the configuration says so, logs for the daemon, and ends with it', async () => {
  expect((await call('GET', '/healthz')).status).toBe(200);
  configure('127.0.0.2');
  daemon.kill('SIGHUP');
  expect(await daemon.logged(listens, 2)).toMatchObject({ host: '127.0.0.2' });
  expect((await call('GET', '/healthz', undefined, 2)).status).toBe(200);
  await expect(call('GET', '/healthz')).rejects.toThrow('fetch failed');
  const waiting = await (await call('POST', '/api/v1/requests', { label: 'small', count: 2 }, 2)).json();
  expect(waiting).toMatchObject({ state: 'waiting' });
  expect(await daemon.logged(({ msg }) => msg.endsWith('waits for nodes'))).toMatchObject({ by: 'tester' });

  // Who follows requests has an answer under way, which must not keep the daemon from ending.
  const stream = await call('GET', '/api/v1/events', undefined, 2);
  const reader = readerOf(stream);
  await hear(reader, 'event: request');
  daemon.kill('SIGTERM');
  expect(await daemon.ended).toMatchObject({ code: 0, stderr: '' });
  while (!(await reader.read()).done);
  await expect(call('GET', '/healthz', undefined, 2)).rejects.toThrow('fetch failed');
});
