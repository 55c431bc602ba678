import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createApi, type Api } from '../../../src/api/api.ts';
import { aConfig } from '../../support/builders.ts';
import { openScene, REQUESTS, until, type Scene } from './scene.ts';

const RETRY_MS = 10_000;

interface Running extends Scene {
  readonly api: Api;
  listenAt(port: number, host?: string): void;
}

async function start(): Promise<Running> {
  const scene = await openScene();
  const api = createApi(scene.deps);
  onTestFinished(() => api.close());
  const listenAt = (port: number, host = '127.0.0.1'): void =>
    api.configure(aConfig({ api: { host, port, rateLimit: 100 } }));
  return { ...scene, api, listenAt };
}

/** Occupies a port. */
async function occupy(): Promise<{ port: number; free(): Promise<void> }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { port, free: () => new Promise((resolve) => server.close(() => resolve())) };
}

const warnings = ({ lines }: Scene): string[] => lines.filter((line) => line.startsWith('warn'));
const isServed = async (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/healthz`).then(
    ({ ok }) => ok,
    () => false,
  );

describe('the HTTP interface', () => {
  it('listens nowhere until it is told where, then there, whenever it is told again', async () => {
    const { api, listenAt, lines } = await start();
    expect(api.address()).toBeNull();
    for (let pass = 0; pass < 3; pass++) {
      listenAt(0);
      await until(() => api.address() !== null);
    }
    const { host, port } = api.address()!;
    expect([host, await isServed(port)]).toEqual(['127.0.0.1', true]);
    expect(lines).toEqual([`info listening {"host":"127.0.0.1","port":${port}}`]);
  });

  it('serves a whole request', async () => {
    const { api, listenAt, user, ready } = await start();
    await ready(1);
    listenAt(0);
    await until(() => api.address() !== null);
    const url = `http://127.0.0.1:${api.address()!.port}${REQUESTS}`;
    const headers = { ...user.headers, 'Content-Type': 'application/json' };
    const made = await fetch(url, { method: 'POST', headers, body: '{"label":"small"}' });
    expect([made.status, ((await made.json()) as { state: string }).state]).toEqual([201, 'granted']);
    const ended = await fetch(new URL(made.headers.get('Location')!, url), { method: 'DELETE', headers });
    expect([ended.status, ((await ended.json()) as { state: string }).state]).toEqual([200, 'ended']);
  });

  it('moves when the configuration does', async () => {
    const { api, listenAt } = await start();
    listenAt(0);
    await until(() => api.address() !== null);
    const before = api.address()!.port;
    const { port, free } = await occupy();
    await free();
    listenAt(port);
    await until(() => api.address()?.port === port);
    expect([await isServed(before), await isServed(port)]).toEqual([false, true]);
  });

  it('says once that a port is taken, tries again every ten seconds, and is there when it is free', async () => {
    const scene = await start();
    const { api, clock, listenAt } = scene;
    const { port, free } = await occupy();
    listenAt(port);
    for (let round = 0; round < 3; round++) {
      await until(() => clock.nextAt() !== null);
      expect([clock.nextAt()! - clock.now(), api.address()]).toEqual([RETRY_MS, null]);
      await clock.advance(RETRY_MS);
    }
    expect(warnings(scene)).toEqual([
      `warn cannot listen at 127.0.0.1, port ${port}: address already in use; trying again every 10 s {"host":"127.0.0.1","port":${port}}`,
    ]);
    await until(() => clock.nextAt() !== null);
    await free();
    await clock.advance(RETRY_MS);
    await until(() => api.address() !== null);
    expect(api.address()!.port).toBe(port);
  });

  it('does not go on waiting for a port that is not wanted any more', async () => {
    const { api, clock, listenAt } = await start();
    const { port } = await occupy();
    listenAt(port);
    await until(() => clock.nextAt() !== null);
    listenAt(0);
    await until(() => api.address() !== null);
    expect(clock.nextAt()).toBeNull();
  });

  it('does not care about an address that does not exist', async () => {
    const scene = await start();
    scene.listenAt(0, '203.0.113.1');
    await until(() => warnings(scene).length > 0);
    expect(scene.api.address()).toBeNull();
  });

  it('ends streams when it closes, and listens no more', async () => {
    const { api, listenAt, user, clock } = await start();
    listenAt(0);
    await until(() => api.address() !== null);
    const { port } = api.address()!;
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/events`, { headers: user.headers });
    const closing = api.close();
    expect(await response.text()).toBe('');
    await closing;
    expect([api.address(), await isServed(port), clock.nextAt()]).toEqual([null, false, null]);
  });

  it('closes while it waits for a port, and when it never listened', async () => {
    const waiting = await start();
    const { port } = await occupy();
    waiting.listenAt(port);
    await until(() => waiting.clock.nextAt() !== null);
    await waiting.api.close();
    expect(waiting.clock.nextAt()).toBeNull();
    await (await start()).api.close();
  });
});
