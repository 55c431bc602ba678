/** Demand from the real Gearman job server, and jobs of ours for its real workers. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createGearmanDemand } from '../../src/demand/gearman-demand.ts';
import { GearmanConnection } from '../../src/gearman/connection.ts';
import { createGearmanServers, type GearmanServers } from '../../src/gearman/gearman-servers.ts';
import type { Submission } from '../../src/gearman/jobs.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { createDeadlines } from '../../src/lib/deadlines.ts';
import type { Log } from '../../src/lib/log.ts';
import { systemRandom as random } from '../../src/lib/random.ts';
import { assignJob, parseAssignAnswer, revokeJob } from '../../src/targets/gearman-handover.ts';
import { aLabel } from '../support/builders.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { Gearmand } from '../support/gearmand.ts';
import { run } from '../support/mariadb.ts';

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
  const connections = createGearmanServers({ clock, random, log });
  onTestFinished(() => connections.close());
  const demand = createGearmanDemand({ servers: connections, clock, log, onChange });
  onTestFinished(() => demand.close());
  const labels = new Map(['small', 'large'].map((name) => [name, aLabel({ name })]));
  demand.configure({ gearmanServers: servers.map(({ config }) => config), labels });
  const isConnected = (): boolean => connections.connections().every((one) => one.describe().connected);
  await until(isConnected);
  return { servers, until, nodes: () => Object.fromEntries(demand.current()), isConnected };
}

async function startServer(): Promise<Gearmand> {
  const server = await Gearmand.create();
  onTestFinished(() => server.remove());
  return server;
}

// It may have to be installed first.
beforeAll(async () => (await Gearmand.create()).remove());

async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'nodepool-gearman-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

/** Two named pipes: a job writes to `begun` when it begins, and reads `gate` before it goes on. */
async function makePipes(): Promise<{ begun: string; gate: string }> {
  const directory = await makeDirectory();
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
    const { servers, until, nodes, isConnected } = await openScene();
    const [server] = servers as [Gearmand];
    await server.queue('build:unit:small', 2);
    await until(() => nodes()['small'] === 2);
    await server.kill();
    await until(() => !isConnected());
    expect(nodes()).toEqual({ small: 2 });
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

/** A connection that holds. Its time limits go by `limits`. */
async function connect(server: Gearmand, limits = clock): Promise<GearmanConnection> {
  const { log, until } = createBell();
  const deadlines = createDeadlines(limits, 20_000);
  const connection = new GearmanConnection(server.config, { clock, random, log, deadlines });
  onTestFinished(() => connection.close());
  await until(() => connection.describe().connected);
  return connection;
}

describe('a job of ours', () => {
  const aJob = (payload: string | Buffer = ''): Submission => ({ name: 'f', unique: String(payload), payload });

  it('is done by a worker, whose answer comes back byte for byte', async () => {
    const server = await startServer();
    const connection = await connect(server);
    server.work('f', ['cat']);
    const payload = Buffer.from('{"name": "größe"}\n\0\0RES\n.\n');
    expect(await connection.submit({ name: 'f', unique: '1', payload })).toEqual(payload);
  });

  it('is one of many, whose answers come back to their submitters, with the queues told in between', async () => {
    const server = await startServer();
    const connection = await connect(server);
    for (let worker = 0; worker < 2; worker += 1) server.work('f', ['cat']);
    const numbers = Array.from({ length: 50 }, (_, index) => `${index}`);
    const results = numbers.map((number) => connection.submit(aJob(number)));
    const status = await connection.status(never);
    expect(status.map(({ name }) => name)).toEqual(['f']);
    expect((await Promise.all(results)).map(String)).toEqual(numbers);
  });

  it('outlives its worker: the next one does it', async () => {
    const server = await startServer();
    const connection = await connect(server);
    const { begun, gate } = await makePipes();
    const worker = server.work('f', ['sh', '-c', `echo > ${begun}; cat ${gate}`]);
    const result = connection.submit(aJob('payload'));
    await readFile(begun);
    await worker.stop();
    await writeFile(gate, '');
    server.work('f', ['cat']);
    expect((await result).toString()).toBe('payload');
  });
});

describe('a node that is handed over', () => {
  const NODE = { nodename: 'small-cloud-17', host: '203.0.113.5', label: 'small', root: '/home/zuul' };
  const ASSIGNMENT = assignJob('zuul', NODE);

  /** A launcher that writes down what it is told, and answers in the style of Zuul's. */
  async function createLauncher(server: Gearmand) {
    const book = join(await makeDirectory(), 'book');
    await writeFile(book, '');
    const script = `cat >> ${book}; echo >> ${book}; echo '{"manager": "launcher01"}'`;
    const work = (name: string) => server.work(name, ['sh', '-c', script], 'before');
    return { work, told: async () => (await readFile(book, 'utf8')).trim().split('\n') };
  }

  /** A daemon's connections, of which one holds. */
  async function openServers(server: Gearmand): Promise<{ servers: GearmanServers; connected: () => Promise<void> }> {
    const { log, until } = createBell();
    const servers = createGearmanServers({ clock, random, log });
    onTestFinished(() => servers.close());
    servers.configure({ gearmanServers: [server.config] });
    const connected = () => until(() => servers.connections()[0]!.describe().connected);
    await connected();
    return { servers, connected };
  }

  it('is told to a launcher, which says who manages it, and is taken back from there', async () => {
    const server = await startServer();
    const { servers } = await openServers(server);
    const launcher = await createLauncher(server);
    launcher.work('node_assign:zuul');
    launcher.work('node_revoke:launcher01');
    const { manager } = parseAssignAnswer(await servers.submit(ASSIGNMENT));
    expect(manager).toBe('launcher01');
    await servers.submit(revokeJob(manager, NODE.nodename));
    expect(await launcher.told()).toEqual([ASSIGNMENT.payload, '{"name":"small-cloud-17"}']);
  });

  it('waits until there is a launcher', async () => {
    const server = await startServer();
    const { servers } = await openServers(server);
    const answer = servers.submit(ASSIGNMENT);
    const status = await servers.connections()[0]!.status(never);
    expect(status).toEqual([{ name: 'node_assign:zuul', jobs: 1, hasWorkers: false }]);
    (await createLauncher(server)).work('node_assign:zuul');
    expect(parseAssignAnswer(await answer)).toEqual({ manager: 'launcher01' });
  });

  it('is handed over once, when it is tried again after the server was killed while it waited', async () => {
    const server = await startServer();
    const { servers, connected } = await openServers(server);
    const lost = servers.submit(ASSIGNMENT);
    await Promise.all([server.kill(), expect(lost).rejects.toMatchObject({ code: 'unavailable' })]);
    await expect(servers.submit(ASSIGNMENT)).rejects.toMatchObject({ code: 'unavailable' });
    await server.start();
    await connected();
    const answer = servers.submit(ASSIGNMENT);
    const launcher = await createLauncher(server);
    launcher.work('node_assign:zuul');
    await answer;
    expect(await launcher.told()).toEqual([ASSIGNMENT.payload]);
  });

  it('can be handed over to another launcher when one fails', async () => {
    const server = await startServer();
    const { servers } = await openServers(server);
    const broken = server.work('node_assign:zuul', ['false']);
    const { host, port } = server.config;
    await expect(servers.submit(ASSIGNMENT)).rejects.toMatchObject({
      code: 'command-failed',
      message: `job node_assign:zuul at Gearman server ${host}:${port} failed`,
    });
    await broken.stop();
    (await createLauncher(server)).work('node_assign:zuul');
    expect(parseAssignAnswer(await servers.submit(ASSIGNMENT))).toEqual({ manager: 'launcher01' });
  });

  it('is handed over once when two daemons try to, and both get the answer', async () => {
    const server = await startServer();
    const daemons = [await openServers(server), await openServers(server)].map(({ servers }) => servers);
    const answers = Promise.all(daemons.map((servers) => servers.submit(ASSIGNMENT)));
    // A server takes what comes over a connection in its order: when it answers this, it has taken the jobs.
    for (const servers of daemons) await servers.connections()[0]!.status(never);
    const launcher = await createLauncher(server);
    launcher.work('node_assign:zuul');
    expect((await answers).map(parseAssignAnswer)).toEqual([{ manager: 'launcher01' }, { manager: 'launcher01' }]);
    expect(await launcher.told()).toEqual([ASSIGNMENT.payload]);
  });

  it('is handed over once when the daemon dies while a launcher works on it, and the next one gets the answer', async () => {
    const server = await startServer();
    const { begun, gate } = await makePipes();
    const script = `echo > ${begun}; cat ${gate}; echo '{"manager": "launcher01"}'`;
    for (let launcher = 0; launcher < 2; launcher += 1) server.work('node_assign:zuul', ['sh', '-c', script]);
    const dying = (await openServers(server)).servers;
    const lost = dying.submit(ASSIGNMENT);
    await readFile(begun);
    dying.close();
    await expect(lost).rejects.toMatchObject({ code: 'aborted' });
    const { servers } = await openServers(server);
    const answer = servers.submit(ASSIGNMENT);
    expect(await servers.connections()[0]!.status(never)).toEqual([
      { name: 'node_assign:zuul', jobs: 1, hasWorkers: true },
    ]);
    await writeFile(gate, '');
    expect(parseAssignAnswer(await answer)).toEqual({ manager: 'launcher01' });
  });

  it('is handed over once when the daemon dies while it waits, and the next one tries for as long as it must', async () => {
    const server = await startServer();
    const dying = await connect(server);
    const lost = dying.submit(ASSIGNMENT);
    expect(await dying.status(never)).toHaveLength(1);
    dying.close();
    await expect(lost).rejects.toMatchObject({ code: 'aborted' });
    while ((await server.clients('nodepool')) > 0);
    const time = createFakeClock();
    const connection = await connect(server, time);
    const vain = connection.submit(ASSIGNMENT);
    const launcher = await createLauncher(server);
    launcher.work('node_assign:zuul');
    // The server lets it join the job of one that is gone, and throws that away as soon as a launcher asks for work.
    while ((await connection.status(never))[0]!.jobs !== 0);
    await Promise.all([time.advance(20_000), expect(vain).rejects.toMatchObject({ code: 'unavailable' })]);
    expect(parseAssignAnswer(await connection.submit(ASSIGNMENT))).toEqual({ manager: 'launcher01' });
    expect(await launcher.told()).toEqual([ASSIGNMENT.payload]);
  });
});
