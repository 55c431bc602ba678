/** Demand from the real Gearman job server, and jobs of ours for its real workers. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createGearmanDemand, type GearmanDemand } from '../../src/demand/gearman-demand.ts';
import { GearmanConnection } from '../../src/demand/gearman/connection.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { createDeadlines } from '../../src/lib/deadlines.ts';
import type { Log } from '../../src/lib/log.ts';
import { systemRandom as random } from '../../src/lib/random.ts';
import { aLabel } from '../support/builders.ts';
import { Gearmand } from '../support/gearmand.ts';
import { run } from '../support/mariadb.ts';

/** Installing the server may come first. */
const SETUP_LIMIT_MS = 300_000;
const never = new AbortController().signal;

/** What is logged and what is reported wakes those who wait for something. */
function createBell() {
  let ring = (): void => undefined;
  const line = (): void => ring();
  const log: Log = { debug: line, info: line, warn: line, error: line, child: () => log };
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise<void>((resolve) => (ring = resolve));
  };
  return { log, onChange: () => ring(), until };
}

interface Scene {
  readonly demand: GearmanDemand;
  readonly servers: readonly Gearmand[];
  readonly until: (holds: () => boolean) => Promise<void>;
  readonly nodes: () => Record<string, number>;
  readonly isConnected: () => boolean;
}

/** Servers without jobs, and the demand that is read from them. */
async function openScene(count = 1): Promise<Scene> {
  const servers: Gearmand[] = [];
  for (let server = 0; server < count; server += 1) servers.push(await startServer());
  const { log, onChange, until } = createBell();
  const demand = createGearmanDemand({ clock, random, log, onChange });
  onTestFinished(() => demand.close());
  const labels = new Map(['small', 'large'].map((name) => [name, aLabel({ name })]));
  demand.configure({ gearmanServers: servers.map(({ config }) => config), labels });
  const isConnected = (): boolean => demand.describe().every(({ connected }) => connected);
  await until(isConnected);
  return { demand, servers, until, nodes: () => Object.fromEntries(demand.current()), isConnected };
}

async function startServer(): Promise<Gearmand> {
  const server = await Gearmand.create();
  onTestFinished(() => server.remove());
  return server;
}

beforeAll(async () => (await Gearmand.create()).remove(), SETUP_LIMIT_MS);

/** Two named pipes: a job writes to `begun` when it begins, and reads `gate` before it goes on. */
async function makePipes(): Promise<{ begun: string; gate: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'nodepool-gearman-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const pipes = { begun: join(directory, 'begun'), gate: join(directory, 'gate') };
  await run('mkfifo', [pipes.begun, pipes.gate]);
  return pipes;
}

describe('the demand', () => {
  it('is the jobs that wait, and those being worked on, and not those that are done', async () => {
    const { servers, until, nodes } = await openScene();
    const [server] = servers as [Gearmand];
    await server.queue('build:unit:small', 3);
    await until(() => nodes()['small'] === 3);
    const { begun, gate } = await makePipes();
    server.work('build:unit:small', ['sh', '-c', `echo > ${begun}; cat ${gate}`]);
    await readFile(begun);
    await server.queue('build:docs:large', 1);
    await until(() => nodes()['large'] === 1);
    expect(nodes()).toEqual({ small: 3, large: 1 });
    await writeFile(gate, '');
    await until(() => nodes()['small'] === 2);
    for (let job = 0; job < 2; job += 1) {
      await readFile(begun);
      await writeFile(gate, '');
    }
    await until(() => nodes()['small'] === undefined);
    expect(nodes()).toEqual({ large: 1 });
  });

  it('counts jobs without a label, whose name may hold blanks, for the label that a worker offers', async () => {
    const { servers, until, nodes } = await openScene();
    const [server] = servers as [Gearmand];
    await server.queue('build:my job', 2);
    await server.queue('build:unit:small');
    await until(() => nodes()['small'] === 1);
    expect(nodes()).toEqual({ small: 1 });
    server.work('build:my job:large', ['true']);
    await until(() => nodes()['large'] === 2);
  });

  it('stays when the server is killed, and is what it says after its restart', async () => {
    const { servers, until, nodes, isConnected, demand } = await openScene();
    const [server] = servers as [Gearmand];
    await server.queue('build:unit:small', 2);
    await until(() => nodes()['small'] === 2);
    await server.kill();
    await until(() => !isConnected());
    expect([nodes(), demand.describe()[0]!.functions]).toEqual([{ small: 2 }, 1]);
    await server.start();
    await until(isConnected);
    // A restarted server has lost what was queued.
    await until(() => nodes()['small'] === undefined);
    await server.queue('build:unit:large');
    await until(() => nodes()['large'] === 1);
  });

  it('adds up over two servers, and follows one while the other hangs', async () => {
    const { servers, until, nodes } = await openScene(2);
    const [first, second] = servers as [Gearmand, Gearmand];
    await first.queue('build:unit:small', 1);
    await second.queue('build:unit:small', 2);
    await until(() => nodes()['small'] === 3);
    first.freeze();
    await second.queue('build:unit:small', 1);
    await until(() => nodes()['small'] === 4);
    await second.queue('build:docs:large', 1);
    await until(() => nodes()['large'] === 1);
    expect(nodes()).toEqual({ small: 4, large: 1 });
  });
});

describe('a job of ours', () => {
  async function connect(): Promise<{ server: Gearmand; connection: GearmanConnection }> {
    const server = await startServer();
    const { log, until } = createBell();
    const deadlines = createDeadlines(clock, 20_000);
    const connection = new GearmanConnection(server.config, { clock, random, log, deadlines });
    onTestFinished(() => connection.close());
    await until(() => connection.describe().connected);
    return { server, connection };
  }

  it('is done by a worker, whose answer comes back byte for byte', async () => {
    const { server, connection } = await connect();
    server.work('node_assign:zuul', ['cat']);
    const payload = Buffer.from('{"name": "größe"}\n\0\0RES\n.\n');
    expect(await connection.submit('node_assign:zuul', payload, never)).toEqual(payload);
  });

  it('is one of many, whose answers come back to their submitters, with the queues told in between', async () => {
    const { server, connection } = await connect();
    for (let worker = 0; worker < 2; worker += 1) server.work('f', ['cat']);
    const numbers = Array.from({ length: 50 }, (_, index) => `${index}`);
    const results = numbers.map((number) => connection.submit('f', number, never));
    const status = await connection.status(never);
    expect(status.map(({ name }) => name)).toEqual(['f']);
    expect((await Promise.all(results)).map(String)).toEqual(numbers);
  });

  it('fails when its worker does', async () => {
    const { server, connection } = await connect();
    server.work('f', ['false']);
    const { host, port } = server.config;
    await expect(connection.submit('f', '', never)).rejects.toMatchObject({
      code: 'command-failed',
      message: `job f at Gearman server ${host}:${port} failed`,
    });
  });

  it('outlives its worker: the next one does it', async () => {
    const { server, connection } = await connect();
    const { begun, gate } = await makePipes();
    const worker = server.work('f', ['sh', '-c', `echo > ${begun}; cat ${gate}`]);
    const result = connection.submit('f', 'payload', never);
    await readFile(begun);
    await worker.stop();
    await writeFile(gate, '');
    server.work('f', ['cat']);
    expect((await result).toString()).toBe('payload');
  });

  it('is lost with the server', async () => {
    const { server, connection } = await connect();
    const result = connection.submit('f', '', never);
    await Promise.all([server.kill(), expect(result).rejects.toMatchObject({ code: 'unavailable' })]);
  });
});
