/**
 * Nodes on their way to jobs and back, with the real programs: the daemon and the commands, the Gearman server and its
 * workers, ZeroMQ's library as the publisher. Only the Jenkins is a double, and the clouds are the daemon's own.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Publisher } from 'zeromq';
import type { NodeRecord } from '../../src/lifecycle/records.ts';
import { CREDENTIALS } from '../../tools/jenkins-double/index.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { Gearmand, type Worker } from '../support/gearmand.ts';
import { startJenkins } from '../support/jenkins-site.ts';
import { run } from '../support/mariadb.ts';
import { aLabelEntry, aProviderEntry, dburiOf, RealPool, until, type Entry } from '../support/real-pool.ts';

// It may have to be installed first.
beforeAll(async () => (await Gearmand.create()).remove());

interface Scene {
  readonly pool: RealPool;
  readonly gearmand: Gearmand;
}

/** A pool whose daemon is not started yet, with a Gearman server. */
async function openScene(settings: { target: Entry; minReady: number } & Entry): Promise<Scene> {
  const gearmand = await Gearmand.create();
  onTestFinished(() => gearmand.remove());
  const pool = await RealPool.open('MariaDB');
  onTestFinished(() => pool.close());
  const { target, minReady, ...others } = settings;
  const file = {
    dburi: dburiOf(pool.database.config),
    'script-dir': new URL('../../tools/fake-scripts', import.meta.url).pathname,
    'gearman-servers': [gearmand.config],
    providers: [aProviderEntry()],
    labels: [aLabelEntry({ 'min-ready': minReady })],
    targets: [{ rate: 0, ...target }],
    ...others,
  };
  pool.writeConfig(JSON.stringify(file));
  return { pool, gearmand };
}

async function kill(daemon: DaemonProcess): Promise<void> {
  daemon.kill('SIGKILL');
  await daemon.ended;
}

/** The node of which this holds, as soon as there is one. */
const nodeThat = ({ pool }: Scene, what: string, isMeant: (node: NodeRecord) => boolean): Promise<NodeRecord> =>
  until(what, async () => (await pool.nodes()).find(isMeant) ?? null);

/** What `nodepool list` shows of a node. */
async function listed({ pool }: Scene, { id }: NodeRecord): Promise<Entry | undefined> {
  return (await pool.ask<Entry[]>('list')).find((row) => row['id'] === id);
}

/** What happened to a node, as its history has it. */
async function historyOf({ pool }: Scene, { id }: NodeRecord): Promise<string[]> {
  const events = await pool.database.store.events.of('node', id);
  return events.map(({ kind, reason }) => `${kind}${reason === null ? '' : ` ${reason}`}`);
}

async function bindPublisher(): Promise<Publisher> {
  const publisher = new Publisher({ linger: 0 });
  onTestFinished(() => publisher.close());
  await publisher.bind('tcp://127.0.0.1:*');
  return publisher;
}

describe('a job in a queue', () => {
  /** As Jenkins' plugin words it. */
  const message = (event: string, build: object): string =>
    `${event} ${JSON.stringify({ name: 'unit', url: 'job/unit/', build: { number: 1, url: 'job/unit/1/', ...build } })}`;

  it('gets its node, which becomes an agent, is used, and is held because the job failed, whoever dies meanwhile', async () => {
    const [jenkins, publisher] = [await startJenkins(), await bindPublisher()];
    const target = { name: 'jenkins01' };
    const scene = await openScene({ target, minReady: 0, 'zmq-publishers': [publisher.lastEndpoint!] });
    const { pool, gearmand } = scene;
    const secure = join(pool.directory, 'secure.conf');
    const { user, token } = CREDENTIALS;
    await writeFile(
      secure,
      `[jenkins "jenkins01"]\nurl = ${jenkins.url}\nuser = ${user}\napikey = ${token}\ncredentials = key\n`,
    );
    /** Publishers do not say who listens: tells it again and again until it has had its effect. */
    const tell = (what: string, event: string, isMeant: (node: NodeRecord) => boolean): Promise<NodeRecord> =>
      until(what, async () => {
        await publisher.send(event);
        return (await pool.nodes()).find(isMeant) ?? null;
      });

    const first = pool.start('daemon', '-s', secure);
    await pool.ask('job-create', 'unit', '--hold-on-failure', '1', '--reason', 'bug 1234');
    await gearmand.queue('build:unit:small');
    const node = await nodeThat(scene, 'a node that is registered', ({ registeredAt }) => registeredAt !== null);
    const name = node.nodename ?? '';
    expect(jenkins.agents()).toMatchObject([{ name, json: { labelString: 'small', launcher: { host: node.ip } } }]);
    expect(jenkins.labelOf(name)).toBe('small');

    jenkins.runBuild(name, 'unit');
    await tell(
      'a node in use',
      message('onStarted', { phase: 'STARTED', node_name: name }),
      ({ state }) => state === 'used',
    );
    expect(await listed(scene, node)).toMatchObject({ id: node.id, state: 'used', job: 'unit', target: 'jenkins01' });
    await kill(first);

    pool.start('daemon', '-s', secure);
    jenkins.endBuild(name);
    const end = message('onFinalized', { phase: 'FINISHED', status: 'FAILURE', node_name: name });
    await tell('a held node', end, ({ state }) => state === 'hold');
    expect(await listed(scene, node)).toMatchObject({ id: node.id, state: 'hold', comment: 'bug 1234: unit failed' });
    expect(await pool.ask('job-list')).toMatchObject([{ name: 'unit', hold_on_failure: 1, held: 1 }]);
    expect((await historyOf(scene, node)).slice(-4)).toEqual([
      'registered handover',
      'job-started',
      'job-ended',
      'held auto-hold',
    ]);
    // The job is still in the queue, as far as Gearman knows: another node has come for it.
    const next = await nodeThat(
      scene,
      'the next node',
      ({ id, registeredAt }) => id !== node.id && registeredAt !== null,
    );
    expect(jenkins.agents().map((agent) => agent.name)).toEqual([name, next.nodename]);

    await pool.ask('delete', String(node.id));
    await until('the held node is gone', async () =>
      (await pool.nodes()).some(({ id }) => id === node.id) ? null : true,
    );
    expect(jenkins.agents().map((agent) => agent.name)).toEqual([next.nodename]);
  });
});

/** Launchers of Zuul: workers at the Gearman server that write down what they are told. */
class Launchers {
  readonly #server: Gearmand;
  readonly #directory: string;

  private constructor(server: Gearmand, directory: string) {
    this.#server = server;
    this.#directory = directory;
  }

  static async create(server: Gearmand): Promise<Launchers> {
    const directory = await mkdtemp(join(tmpdir(), 'nodepool-launchers-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    await writeFile(join(directory, 'book'), '');
    return new Launchers(server, directory);
  }

  /** Starts one that does `name` at once, and answers as its manager. */
  start(name: string, manager: string): Worker {
    return this.#work(name, `echo '{"manager": "${manager}"}'`);
  }

  /** Starts one that takes a job and does not get done with it. `begun` resolves when it has one. */
  async startSlow(name: string): Promise<Worker & { readonly begun: Promise<unknown> }> {
    const pipe = join(this.#directory, 'begun');
    await run('mkfifo', [pipe]);
    const worker = this.#work(name, `echo > ${pipe}; read forever < ${pipe}`);
    return { ...worker, begun: readFile(pipe) };
  }

  /** Names of nodes that were told, with what was told of them. */
  async told(): Promise<readonly Entry[]> {
    const lines = (await readFile(join(this.#directory, 'book'), 'utf8')).trim().split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Entry);
  }

  #work(name: string, script: string): Worker {
    const book = join(this.#directory, 'book');
    // In one piece: others write there at the same time.
    return this.#server.work(name, ['sh', '-c', `printf '%s\\n' "$(cat)" >> ${book}; ${script}`], 'before');
  }
}

describe('a node that a launcher of Zuul takes', () => {
  const target = { name: 'zuul', 'assign-via-gearman': true };

  /** A daemon that fills a pool, of one node if nothing else is said. */
  async function openLaunch(minReady = 1): Promise<Scene & { launchers: Launchers; daemon: DaemonProcess }> {
    const scene = await openScene({ target, minReady });
    const launchers = await Launchers.create(scene.gearmand);
    return { ...scene, launchers, daemon: scene.pool.start() };
  }

  const isManagedBy =
    (launcher: string) =>
    ({ manager }: NodeRecord): boolean =>
      manager === launcher;

  const areOffered = ({ gearmand }: Scene, count: number): Promise<true> =>
    until('the nodes are in the queue', async () =>
      (await gearmand.jobs('node_assign:zuul')) === count ? true : null,
    );

  /** What the plan says of the hand-over of a node. */
  const noteOn = ({ pool }: Scene, { id }: NodeRecord): Promise<string> =>
    until('the plan says why it waits', async () => {
      const { notes } = await pool.ask<{ notes: readonly { about: string; text: string }[] }>('plan');
      return notes.find(({ about }) => about === `handover ${id}`)?.text ?? null;
    });

  it('is told to it once, waits for it before, has its name, and is revoked there when it goes', async () => {
    const scene = await openLaunch();
    const { pool, launchers } = scene;
    const ready = await nodeThat(scene, 'a READY node', ({ state }) => state === 'ready');
    expect(await noteOn(scene, ready)).toContain('no launcher has registered the function node_assign:zuul');
    expect(await listed(scene, ready)).toMatchObject({ state: 'ready', manager: null });
    launchers.start('node_assign:zuul', 'launcher01');
    launchers.start('node_revoke:launcher01', 'launcher01');
    const node = await nodeThat(scene, 'a node with a manager', isManagedBy('launcher01'));
    expect(node.id).toBe(ready.id);
    const { nodename, ip } = node;
    expect(await listed(scene, node)).toMatchObject({ state: 'ready', manager: 'launcher01' });
    const assignment = {
      name: nodename,
      host: ip,
      labels: 'small',
      description: 'Dynamic single use small node',
      root: '/home/jenkins',
    };
    expect(await launchers.told()).toEqual([assignment]);

    await pool.ask('delete', String(node.id));
    const next = await nodeThat(
      scene,
      'its replacement',
      ({ id, manager }) => id !== node.id && manager === 'launcher01',
    );
    await until('the revocation is told', async () => ((await launchers.told()).length >= 3 ? true : null));
    const told = await launchers.told();
    expect(told.filter(({ root }) => root === undefined)).toEqual([{ name: nodename }]);
    expect(told.filter(({ root }) => root !== undefined).map(({ name }) => name)).toEqual([nodename, next.nodename]);
  });

  it('is given to the next one when the first dies with it', async () => {
    const scene = await openLaunch();
    const { launchers } = scene;
    const slow = await launchers.startSlow('node_assign:zuul');
    await slow.begun;
    await slow.stop();
    launchers.start('node_assign:zuul', 'launcher02');
    const node = await nodeThat(scene, 'a node with a manager', isManagedBy('launcher02'));
    expect((await launchers.told()).map(({ name }) => name)).toEqual([node.nodename, node.nodename]);
    expect((await historyOf(scene, node)).slice(-2)).toEqual(['ready next-step', 'registered handover']);
  });

  it('is replaced when it fails to take it', async () => {
    const scene = await openLaunch();
    const { launchers, gearmand } = scene;
    const broken = gearmand.work('node_assign:zuul', ['false']);
    const lost = await nodeThat(scene, 'a node', () => true);
    await nodeThat(scene, 'a replacement', ({ id }) => id > lost.id);
    expect(await historyOf(scene, lost)).toContain('retired handover-lost');
    await broken.stop();
    launchers.start('node_assign:zuul', 'launcher01');
    const node = await nodeThat(scene, 'a node with a manager', isManagedBy('launcher01'));
    expect((await launchers.told()).map(({ name }) => name)).toEqual([node.nodename]);
  });

  it('is replaced when the Gearman server dies while it is offered; the next one waits until there is one', async () => {
    const scene = await openLaunch();
    const { pool, launchers, gearmand } = scene;
    const slow = await launchers.startSlow('node_assign:zuul');
    await slow.begun;
    const [lost] = (await pool.nodes()) as [NodeRecord];
    await gearmand.kill();
    await slow.stop();
    const next = await nodeThat(scene, 'a replacement', ({ id, state }) => id > lost.id && state === 'ready');
    expect(await historyOf(scene, lost)).toContain('retired handover-lost');
    expect(await noteOn(scene, next)).toContain('there is no connection at the Gearman servers');
    await gearmand.start();
    launchers.start('node_assign:zuul', 'launcher01');
    const node = await nodeThat(scene, 'a node with a manager', isManagedBy('launcher01'));
    expect(node.id).toBe(next.id);
    expect((await launchers.told()).map(({ name }) => name).slice(1)).toEqual([node.nodename]);
  });

  it('is revoked at once when the launcher takes it too late', async () => {
    const scene = await openLaunch(2);
    const { pool, launchers } = scene;
    const slow = await launchers.startSlow('node_assign:zuul');
    await slow.begun;
    await areOffered(scene, 2);
    const [{ name: taken }] = (await launchers.told()) as [Entry];
    const late = (await pool.nodes()).find(({ nodename }) => nodename !== taken)!;
    await pool.ask('delete', String(late.id));
    await until('the node is gone', async () => ((await pool.nodes()).some(({ id }) => id === late.id) ? null : true));
    await slow.stop();
    launchers.start('node_revoke:launcher01', 'launcher01');
    launchers.start('node_assign:zuul', 'launcher01');
    await until('the revocation is told', async () =>
      (await launchers.told()).some(({ root }) => root === undefined) ? true : null,
    );
    expect((await launchers.told()).filter(({ root }) => root === undefined)).toEqual([{ name: late.nodename }]);
  });

  it('is given up when the daemon dies while the launcher is about it, because nobody knows who has it', async () => {
    const scene = await openLaunch();
    const { pool, launchers, daemon } = scene;
    const slow = await launchers.startSlow('node_assign:zuul');
    await slow.begun;
    const [lost] = (await pool.nodes()) as [NodeRecord];
    await kill(daemon);
    // Else the server may hear of the launcher's end first, and offer the node to the next one.
    await until('the server knows that', async () => ((await scene.gearmand.clients('nodepool')) === 0 ? true : null));
    await slow.stop();
    pool.start();
    launchers.start('node_assign:zuul', 'launcher01');
    const node = await nodeThat(scene, 'a node with a manager', isManagedBy('launcher01'));
    expect(node.id).not.toBe(lost.id);
    expect(await historyOf(scene, lost)).toContain('retired handover-lost');
    expect((await launchers.told()).map(({ name }) => name)).toEqual([lost.nodename, node.nodename]);
  });

  it('is revoked by the daemon that comes after the one that handed it over', async () => {
    const scene = await openLaunch();
    const { pool, launchers, daemon } = scene;
    launchers.start('node_assign:zuul', 'launcher01');
    const node = await nodeThat(scene, 'a node with a manager', isManagedBy('launcher01'));
    await kill(daemon);
    launchers.start('node_revoke:launcher01', 'launcher01');
    // Its cloud, and so its server, went with the daemon.
    pool.start();
    await until('the node is gone', async () => ((await pool.nodes()).some(({ id }) => id === node.id) ? null : true));
    await until('the revocation is told', async () =>
      (await launchers.told()).some(({ root }) => root === undefined) ? true : null,
    );
    expect((await launchers.told()).filter(({ root }) => root === undefined)).toEqual([{ name: node.nodename }]);
    expect(await historyOf(scene, node)).toEqual(expect.arrayContaining(['retired server-gone', 'removed gone']));
  });
});

describe('a rehearsal', () => {
  it('hands nodes to nobody, and asks nobody for jobs', async () => {
    const [jenkins, publisher] = [await startJenkins(), await bindPublisher()];
    const { user, token: apikey } = CREDENTIALS;
    const target = { name: 'zuul', 'assign-via-gearman': true, jenkins: { url: jenkins.url, user, apikey } };
    const { pool, gearmand } = await openScene({ target, minReady: 2, 'zmq-publishers': [publisher.lastEndpoint!] });
    await gearmand.queue('build:unit:small', 5);
    const daemon = pool.start('daemon', '--fake');
    await daemon.logged(({ msg }) => msg === 'node ready', 2);
    expect(await gearmand.clients('nodepool')).toBe(0);
    daemon.kill('SIGTERM');
    await daemon.ended;
    expect(jenkins.requests).toEqual([]);
    expect(daemon.lines.filter(({ msg }) => msg === 'node ready')).toHaveLength(2);
    expect(daemon.lines.filter(({ logger }) => ['events', 'gearman', 'targets'].includes(logger))).toEqual([]);
  });
});
