/** Whole daemons that hand nodes over to Jenkins: real HTTP to a strict double, the fake cloud, the fake clock. */
import { describe, expect, it } from 'vitest';
import type { JenkinsConfig } from '../../src/config/types.ts';
import type { JobRecord, NodeRecord } from '../../src/lifecycle/records.ts';
import type { JenkinsDouble } from '../../tools/jenkins-double/index.ts';
import { aConfig, aLabel, aTarget } from '../support/builders.ts';
import { aJenkinsTarget, countRequests, JenkinsSite, removeByHand, startJenkins } from '../support/jenkins-site.ts';
import { serversOf } from '../support/site.ts';
import { DATABASES, type DatabaseKind } from '../support/with-database.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const REGISTERED = /^POST computer\/doCreateItem 302$/;

interface Scene {
  readonly pool: JenkinsSite;
  readonly jenkins: JenkinsDouble;
}

interface SceneOptions {
  readonly database?: DatabaseKind;
  readonly minReady?: number;
  readonly settings?: Partial<JenkinsConfig>;
}

/** A daemon that fills the pool of the Jenkins `j1`. */
async function openScene({ database = 'SQLite', minReady = 1, settings }: SceneOptions = {}): Promise<Scene> {
  const jenkins = await startJenkins({ jobs: [{ name: 'accept', parameters: ['NODE'] }] });
  const targets = [aJenkinsTarget('j1', jenkins, settings)];
  const pool = await JenkinsSite.open(database, aConfig({ labels: [aLabel({ minReady })], targets }));
  pool.start();
  return { pool, jenkins };
}

/** A full pool: its nodes are READY and registered. */
async function fill(options: SceneOptions = {}): Promise<Scene & { nodes: readonly NodeRecord[]; node: NodeRecord }> {
  const scene = await openScene(options);
  const nodes = await scene.pool.full({ j1: options.minReady ?? 1 });
  return { ...scene, nodes, node: nodes[0]! };
}

const nameOf = ({ nodename }: NodeRecord): string => nodename ?? '';
const namesOf = ({ agents }: Pick<JenkinsDouble, 'agents'>): string[] => agents().map(({ name }) => name);

/** What happened to a node, as its history has it: `used job-ended`. */
async function historyOf({ store }: JenkinsSite, { id }: Pick<NodeRecord, 'id'>): Promise<string[]> {
  const events = await store.events.of('node', id);
  return events.map(({ kind, reason }) => `${kind}${reason === null ? '' : ` ${reason}`}`);
}

/** When that last happened to a node. */
async function timeOf({ store }: JenkinsSite, { id }: Pick<NodeRecord, 'id'>, kind: string): Promise<number> {
  const event = (await store.events.of('node', id)).findLast((one) => one.kind === kind);
  if (event === undefined) throw new Error(`node ${id} has no ${kind} in its history`);
  return event.at;
}

const isGone =
  ({ id }: NodeRecord) =>
  (nodes: readonly NodeRecord[]): boolean =>
    nodes.every((node) => node.id !== id);

/** Whether there is nothing but this many READY nodes, each an agent. */
const isCalm =
  (count: number, jenkins: JenkinsDouble) =>
  (nodes: readonly NodeRecord[]): boolean =>
    nodes.length === count &&
    nodes.every(({ state }) => state === 'ready') &&
    namesOf(jenkins).sort().join() === nodes.map(nameOf).sort().join();

describe('a node that is READY', () => {
  it('is an agent of its Jenkins: for jobs of its label alone, at its address, with the host key that it has shown', async () => {
    const { pool, jenkins, nodes } = await fill({ minReady: 2 });
    expect(namesOf(jenkins).sort()).toEqual(nodes.map(nameOf).sort());
    for (const node of nodes) {
      const { json } = jenkins.agents().find(({ name }) => name === node.nodename)!;
      expect(json).toMatchObject({
        mode: 'EXCLUSIVE',
        numExecutors: 1,
        remoteFS: '/home/jenkins',
        labelString: 'small',
        launcher: {
          host: node.ip,
          port: 22,
          credentialsId: 'nodepool-key',
          sshHostKeyVerificationStrategy: { key: node.hostKey },
        },
      });
      expect(await historyOf(pool, node)).toEqual([
        'launch min-ready',
        'server-created next-step',
        'ready next-step',
        'registered handover',
      ]);
    }
    await pool.pass(2 * MINUTE);
    expect(countRequests(jenkins, REGISTERED)).toBe(2);
  });

  it('is registered when its Jenkins answers again, which was away meanwhile', async () => {
    const { pool, jenkins } = await openScene();
    await pool.until((nodes) => nodes.some(({ state }) => state === 'building'));
    await jenkins.close();
    await pool.pass(MINUTE);
    expect((await pool.nodes()).map(({ registeredAt }) => registeredAt)).toEqual([null]);
    await jenkins.start();
    await pool.full({ j1: 1 });
    expect(namesOf(jenkins)).toEqual((await pool.nodes()).map(nameOf));
  });

  it('is registered again when its Jenkins has lost it for half a minute, and not when it is there again', async () => {
    const { pool, jenkins, node } = await fill();
    await removeByHand(jenkins, nameOf(node));
    await pool.pass(25 * SECOND);
    expect(namesOf(jenkins)).toEqual([]);
    const lostAt = pool.now;
    await pool.until(() => namesOf(jenkins).length > 0);
    expect(pool.now - lostAt).toBeLessThan(30 * SECOND);
    expect(jenkins.labelOf(nameOf(node))).toBe('small');
    await pool.pass(2 * MINUTE);
    expect(countRequests(jenkins, REGISTERED)).toBe(2);
    expect((await pool.nodes()).map(({ id, state }) => [id, state])).toEqual([[node.id, 'ready']]);
  });
});

describe('an acceptance test', () => {
  const settings = { testJob: 'accept' };
  const isOnTest = (nodes: readonly NodeRecord[]): boolean =>
    nodes.some(({ state, testAt }) => state === 'test' && testAt !== null);

  /** A node whose test has been started. */
  async function openTest(): Promise<Scene & { node: NodeRecord; name: string }> {
    const scene = await openScene({ settings });
    await scene.pool.until(isOnTest);
    const [node] = (await scene.pool.nodes()) as [NodeRecord];
    return { ...scene, node, name: nameOf(node) };
  }

  it('is started once, on an agent that no job finds, and a node that passes it is READY for jobs', async () => {
    const { pool, jenkins, node, name } = await openTest();
    expect(jenkins.queue()).toEqual([{ id: 1, job: 'accept', parameters: { NODE: name } }]);
    expect(jenkins.labelOf(name)).toBe('');
    await pool.pass(MINUTE);
    jenkins.runBuild(name, 'accept');
    await pool.publish({ kind: 'started', nodename: name, job: 'accept' });
    await pool.pass(MINUTE);
    expect([(await pool.node(node.id)).state, jenkins.labelOf(name)]).toEqual(['test', '']);
    jenkins.endBuild(name);
    const end = { kind: 'finalized', nodename: name, job: 'accept', status: 'SUCCESS' } as const;
    await pool.publish(end, end);
    await pool.until(isCalm(1, jenkins));
    expect(jenkins.labelOf(name)).toBe('small');
    // The second time it was told, and any later, means nothing.
    await pool.publish(end);
    await pool.pass(6 * MINUTE);
    expect(await pool.node(node.id)).toMatchObject({ state: 'ready', jobName: null, jobResult: null, jobDoneAt: null });
    expect(countRequests(jenkins, /buildWithParameters/)).toBe(1);
    expect(await historyOf(pool, node)).toEqual([
      'launch min-ready',
      'server-created next-step',
      'test next-step',
      'registered handover',
      'test-started next-step',
      'job-ended',
      'ready next-step',
    ]);
  });

  it.each(['FAILURE', 'UNSTABLE', 'ABORTED', null])(
    'that ends with %s costs the node, which is replaced',
    async (status) => {
      const { pool, jenkins, node, name } = await openTest();
      await pool.publish({ kind: 'finalized', nodename: name, job: 'accept', status });
      await pool.until((nodes) => isGone(node)(nodes) && isOnTest(nodes));
      expect(await historyOf(pool, node)).toContain('retired test-failed');
      expect(namesOf(jenkins)).toEqual((await pool.nodes()).map(nameOf));
    },
  );

  it('has five minutes, and no less', async () => {
    const { pool, jenkins, node } = await openTest();
    await pool.pass(5 * MINUTE - 2 * SECOND);
    expect((await pool.node(node.id)).state).toBe('test');
    await pool.until((nodes) => isGone(node)(nodes) && isOnTest(nodes), { withinMs: 10 * SECOND });
    expect(await historyOf(pool, node)).toContain('retired state-timeout');
    expect(namesOf(jenkins)).toEqual((await pool.nodes()).map(nameOf));
  });

  it('may be in a folder, whose name events leave out', async () => {
    const jenkins = await startJenkins({ jobs: [{ name: 'infra/accept', parameters: ['NODE'] }] });
    const targets = [aJenkinsTarget('j1', jenkins, { testJob: 'infra/accept' })];
    const pool = await JenkinsSite.open('SQLite', aConfig({ labels: [aLabel({ minReady: 1 })], targets }));
    pool.start();
    await pool.until(isOnTest);
    const [node] = (await pool.nodes()) as [NodeRecord];
    await pool.publish({ kind: 'finalized', nodename: nameOf(node), job: 'accept', status: 'SUCCESS' });
    await pool.until(isCalm(1, jenkins));
  });
});

describe.each(DATABASES)('a job on a node (%s)', (database) => {
  it('makes it used, and so replaced; a minute after its end, and not before, it is deleted, restart or not', async () => {
    const { pool, jenkins, node } = await fill({ database });
    const name = nameOf(node);
    pool.demand = new Map([['small', 1]]);
    jenkins.runBuild(name, 'unit');
    await pool.publish({ kind: 'started', nodename: name });
    expect(await pool.node(node.id)).toMatchObject({ state: 'used', jobName: 'unit', jobDoneAt: null });
    await pool.until((nodes) =>
      nodes.some(({ id, state, registeredAt }) => id !== node.id && state === 'ready' && registeredAt !== null),
    );
    await pool.pass(10 * MINUTE);
    pool.demand = new Map();
    jenkins.endBuild(name);
    await pool.publish({ kind: 'completed', nodename: name }, { kind: 'finalized', nodename: name, status: 'SUCCESS' });
    const endedAt = pool.now;
    expect(await pool.node(node.id)).toMatchObject({ state: 'used', jobResult: 'SUCCESS', jobDoneAt: endedAt });
    await pool.pass(30 * SECOND);
    pool.start();
    await pool.pass(29 * SECOND);
    expect([(await pool.node(node.id)).state, namesOf(jenkins).includes(name)]).toEqual(['used', true]);
    await pool.until(isCalm(1, jenkins), { withinMs: 5 * SECOND });
    expect((await timeOf(pool, node, 'retired')) - endedAt).toBeGreaterThanOrEqual(MINUTE);
    expect(await historyOf(pool, node)).toEqual([
      'launch min-ready',
      'server-created next-step',
      'ready next-step',
      'registered handover',
      'job-started',
      'job-ended',
      'retired job-ended',
      'removed gone',
    ]);
    expect(serversOf(pool.site)).toHaveLength(1);
  });

  it('whose events come doubled, in another order or too late counts once', async () => {
    const { pool, jenkins, node } = await fill({ database });
    const nodename = nameOf(node);
    const started = { kind: 'started', nodename } as const;
    const failed = { kind: 'finalized', nodename, status: 'FAILURE' } as const;
    await pool.publish({ kind: 'started', nodename: 'somebody-else' }, failed);
    const endedAt = pool.now;
    await pool.pass(30 * SECOND);
    await pool.publish(started, { ...failed, status: 'SUCCESS' }, started, failed);
    expect(await pool.node(node.id)).toMatchObject({ state: 'used', jobResult: 'FAILURE', jobDoneAt: endedAt });
    await pool.until((nodes) => nodes.some(({ id, state }) => id === node.id && state === 'delete'), {
      withinMs: 35 * SECOND,
    });
    await pool.publish(started, failed);
    await pool.until(isCalm(1, jenkins));
    await pool.publish(started, failed);
    await pool.pass(MINUTE);
    expect(isCalm(1, jenkins)(await pool.nodes())).toBe(true);
    expect((await historyOf(pool, node)).slice(4)).toEqual(['job-ended', 'retired job-failed', 'removed gone']);
  });
});

describe('a job that no event tells of', () => {
  it('is seen to run by asking Jenkins', async () => {
    const { pool, jenkins, node } = await fill();
    jenkins.runBuild(nameOf(node), 'unit');
    await pool.until((nodes) => nodes.some(({ id, state }) => id === node.id && state === 'used'), {
      withinMs: 15 * SECOND,
    });
    await pool.pass(5 * MINUTE);
    // The end is told, and with it which job it was.
    jenkins.endBuild(nameOf(node));
    await pool.publish({ kind: 'finalized', nodename: nameOf(node), status: 'SUCCESS' });
    expect(await pool.node(node.id)).toMatchObject({ state: 'used', jobName: 'unit', jobResult: 'SUCCESS' });
    await pool.until(isCalm(1, jenkins), { withinMs: 70 * SECOND });
  });

  it('is seen to have ended when its agent has been idle for half a minute, and not before', async () => {
    const { pool, jenkins, node } = await fill();
    // Jenkins is a while about what it has said that it starts.
    await pool.publish({ kind: 'started', nodename: nameOf(node) });
    await pool.pass(25 * SECOND);
    jenkins.runBuild(nameOf(node), 'unit');
    await pool.pass(20 * MINUTE);
    expect(await pool.node(node.id)).toMatchObject({ state: 'used', jobDoneAt: null });
    jenkins.endBuild(nameOf(node));
    const endedAt = pool.now;
    await pool.until(isCalm(1, jenkins), { withinMs: 3 * MINUTE });
    expect((await historyOf(pool, node)).slice(4)).toEqual([
      'job-started',
      'job-ended job-seen',
      'retired job-ended',
      'removed gone',
    ]);
    const seenAt = await timeOf(pool, node, 'job-ended');
    expect(seenAt - endedAt).toBeGreaterThanOrEqual(30 * SECOND);
    expect(seenAt - endedAt).toBeLessThan(55 * SECOND);
    expect((await timeOf(pool, node, 'retired')) - seenAt).toBeGreaterThanOrEqual(MINUTE);
  });

  it('is seen to have ended also when the daemon died before it had taken down that the node was registered', async () => {
    const { pool, jenkins, node } = await fill();
    await pool.publish({ kind: 'started', nodename: nameOf(node) });
    await pool.store.patch('node', node.id, {}, { registeredAt: null });
    pool.start();
    await pool.until(isCalm(1, jenkins), { withinMs: 3 * MINUTE });
    expect((await historyOf(pool, node)).slice(4)).toContain('job-ended job-seen');
  });

  it('goes on while its Jenkins says nothing, however long', async () => {
    const { pool, jenkins, node } = await fill();
    jenkins.runBuild(nameOf(node), 'unit');
    await pool.publish({ kind: 'started', nodename: nameOf(node) });
    await pool.pass(MINUTE);
    await jenkins.close();
    await pool.pass(20 * MINUTE);
    expect(await pool.node(node.id)).toMatchObject({ state: 'used', jobDoneAt: null });
  });
});

describe('a rule that holds nodes on which a job fails', () => {
  const aRule: Omit<JobRecord, 'id'> = {
    name: 'unit',
    label: null,
    holdOnFailure: 1,
    reason: 'bug 1234',
    holdMs: null,
    expiresAt: null,
  };

  it('holds the first, and leaves the second and those of other jobs to be deleted', async () => {
    const { pool, jenkins, nodes } = await fill({ minReady: 4 });
    const rule = await pool.store.jobs.add(aRule);
    const [first, second, other, good] = nodes as [NodeRecord, NodeRecord, NodeRecord, NodeRecord];
    const failed = { kind: 'finalized', status: 'FAILURE' } as const;
    await pool.publish({ ...failed, nodename: nameOf(other), job: 'docs' });
    await pool.publish({ ...failed, nodename: nameOf(good), status: 'SUCCESS' });
    await pool.publish({ ...failed, nodename: nameOf(first) }, { ...failed, nodename: nameOf(second) });
    await pool.until((now) => now.length === 5 && now.every(({ state }) => ['ready', 'hold'].includes(state)));
    const held = (await pool.nodes()).filter(({ state }) => state === 'hold');
    expect(held).toMatchObject([
      { id: first.id, heldBy: rule.id, heldFrom: 'used', comment: 'bug 1234: unit failed', holdUntil: null },
    ]);
    expect((await pool.nodes()).map(({ id }) => id)).not.toContain(second.id);
    // It is held for as long as nobody says otherwise, and its agent stays.
    await pool.pass(10 * MINUTE);
    expect([(await pool.node(first.id)).state, namesOf(jenkins).includes(nameOf(first))]).toEqual(['hold', true]);
  });

  it('may hold them for some time only, and then they go; restarts change nothing', async () => {
    const { pool, jenkins, node } = await fill();
    await pool.store.jobs.add({ ...aRule, name: '*', holdMs: 5 * MINUTE });
    await pool.publish({ kind: 'finalized', nodename: nameOf(node), status: 'FAILURE' });
    await pool.until((nodes) => nodes.some(({ state }) => state === 'hold'));
    const heldAt = pool.now;
    expect((await pool.node(node.id)).holdUntil).toBe(heldAt + 5 * MINUTE);
    pool.start();
    await pool.pass(5 * MINUTE - 2 * SECOND);
    expect((await pool.node(node.id)).state).toBe('hold');
    await pool.until(isCalm(1, jenkins), { withinMs: 10 * SECOND });
    expect((await historyOf(pool, node)).slice(4)).toEqual([
      'job-ended',
      'held auto-hold',
      'retired hold-expired',
      'removed gone',
    ]);
  });

  it('is not asked for one whose job ended well', async () => {
    const { pool, jenkins, node } = await fill();
    await pool.store.jobs.add(aRule);
    await pool.publish({ kind: 'finalized', nodename: nameOf(node), status: 'SUCCESS' });
    await pool.until(isCalm(1, jenkins));
    expect((await historyOf(pool, node)).slice(4)).toEqual(['job-ended', 'retired job-ended', 'removed gone']);
  });
});

describe('an agent whose node is to go', () => {
  /** Marks a node as `nodepool delete` does. */
  const remove = ({ store }: JenkinsSite, { id }: NodeRecord): Promise<boolean> =>
    store.moveNode({ id, from: 'ready', to: 'delete', by: 'operator' });

  it('is removed before the row is', async () => {
    const { pool, jenkins, node } = await fill();
    await remove(pool, node);
    const agentGoesFirst = async (): Promise<void> => {
      const rows = (await pool.nodes()).map(nameOf);
      expect(rows).toEqual(expect.arrayContaining(namesOf(jenkins)));
    };
    await pool.until(isGone(node), { invariant: agentGoesFirst });
    await pool.until(isCalm(1, jenkins), { invariant: agentGoesFirst });
  });

  it('that Jenkins does not remove keeps its row, and neither its server nor its replacement', async () => {
    const { pool, jenkins, node } = await fill();
    jenkins.fault({ kind: 'status', status: 500, match: { path: /doDelete$/ }, times: Infinity });
    await remove(pool, node);
    await pool.until((nodes) =>
      nodes.some(({ id, state, registeredAt }) => id !== node.id && state === 'ready' && registeredAt !== null),
    );
    await pool.pass(10 * MINUTE);
    const [old, replacement] = await pool.nodes();
    expect([old, replacement]).toMatchObject([{ id: node.id, state: 'delete' }, { state: 'ready' }]);
    expect(serversOf(pool.site).map(({ id }) => id)).toEqual([replacement!.serverId]);
    // It is asked again and again, and ever more rarely.
    expect(countRequests(jenkins, /doDelete 500$/)).toBeGreaterThan(8);
    expect(countRequests(jenkins, /doDelete 500$/)).toBeLessThan(40);
    jenkins.clearFaults();
    await pool.until(isCalm(1, jenkins), { withinMs: 70 * SECOND });
  });

  it('is removed when its Jenkins is back, which is not asked for it while it is away', async () => {
    const { pool, jenkins, nodes } = await fill({ minReady: 3 });
    await jenkins.close();
    await pool.pass(MINUTE);
    for (const node of nodes) await remove(pool, node);
    await pool.pass(20 * MINUTE);
    expect((await pool.nodes()).map(({ state }) => state)).toEqual(['delete', 'delete', 'delete']);
    expect(serversOf(pool.site)).toEqual([]);
    await jenkins.start();
    await pool.until(isCalm(3, jenkins), { withinMs: 30 * SECOND });
  });

  it('is removed also when its provider left the configuration while no daemon ran', async () => {
    const { pool, jenkins } = await fill();
    const { config } = pool.site;
    const elsewhere = aConfig({ labels: [aLabel({ minReady: 1, providers: ['other'] })] });
    pool.site.config = { ...elsewhere, targets: config.targets };
    pool.site.clouds.clear();
    pool.start();
    // For five minutes another daemon might come back that still has the provider.
    const isOther = (nodes: readonly NodeRecord[]): boolean => nodes.every(({ provider }) => provider === 'other');
    await pool.until((nodes) => isOther(nodes) && isCalm(1, jenkins)(nodes), { withinMs: 6 * MINUTE });
  });

  it('is left there when its target leaves the configuration, whose nodes go', async () => {
    const { pool, jenkins, node } = await fill();
    const { config } = pool.site;
    pool.site.config = { ...config, targets: new Map([['zuul', aTarget()]]) };
    await pool.until((nodes) => nodes.length === 1 && nodes[0]!.target === 'zuul' && nodes[0]!.state === 'ready');
    expect(await historyOf(pool, node)).toContain('retired target-removed');
    expect(namesOf(jenkins)).toEqual([nameOf(node)]);
    expect(serversOf(pool.site)).toHaveLength(1);
  });
});

describe('a target whose Jenkins', () => {
  /** A full pool, half of it at each of two. */
  async function fillTwo(): Promise<Record<'j1' | 'j2', JenkinsDouble> & { pool: JenkinsSite }> {
    const [j1, j2] = [await startJenkins(), await startJenkins()];
    const targets = [aJenkinsTarget('j1', j1), aJenkinsTarget('j2', j2)];
    const pool = await JenkinsSite.open('SQLite', aConfig({ labels: [aLabel({ minReady: 4 })], targets }));
    pool.start();
    await pool.full({ j1: 2, j2: 2 });
    return { pool, j1, j2 };
  }

  const count = (nodes: readonly NodeRecord[], target: string): number =>
    nodes.filter((node) => node.target === target).length;

  it.each([
    [
      'is quieting down',
      async (jenkins: JenkinsDouble) => jenkins.setQuietingDown(true),
      async (jenkins: JenkinsDouble) => jenkins.setQuietingDown(false),
    ],
    ['is dead', (jenkins: JenkinsDouble) => jenkins.close(), (jenkins: JenkinsDouble) => jenkins.start()],
    [
      'answers nonsense',
      async (jenkins: JenkinsDouble) => jenkins.fault({ kind: 'status', status: 200, body: '<html>', times: Infinity }),
      async (jenkins: JenkinsDouble) => jenkins.clearFaults(),
    ],
  ])(
    '%s gets no nodes, and its own do not count, until it is well again; then nothing more is launched',
    async (_, fall, rise) => {
      const { pool, j1, j2 } = await fillTwo();
      await fall(j1);
      await pool.until(
        (nodes) =>
          count(nodes, 'j2') === 4 &&
          nodes.every(({ state, registeredAt }) => state === 'ready' && registeredAt !== null),
        { withinMs: 2 * MINUTE },
      );
      const before = await pool.nodes();
      expect(count(before, 'j1')).toBe(2);
      await pool.pass(5 * MINUTE);
      expect(await pool.nodes()).toHaveLength(6);
      await rise(j1);
      await pool.pass(5 * MINUTE);
      expect((await pool.nodes()).map(({ id, state }) => [id, state])).toEqual(before.map(({ id }) => [id, 'ready']));
      expect([namesOf(j1).length, namesOf(j2).length]).toEqual([2, 4]);
      // From then on it gets its part again, which is the larger one because it has fewer.
      for (const { id } of before) await pool.store.moveNode({ id, from: 'ready', to: 'delete', by: 'operator' });
      await pool.full({ j1: 3, j2: 1 });
    },
  );

  it.each([['while the daemon runs'], ['while it starts']])(
    'fails to answer twice %s is online all the same',
    async (when) => {
      const { pool, j1 } = await fillTwo();
      j1.fault({ kind: 'status', status: 502, match: { path: /^api/ }, times: 2 });
      if (when === 'while it starts') pool.start();
      await pool.pass(2 * MINUTE);
      expect(await pool.nodes()).toHaveLength(4);
      expect(countRequests(j1, /502$/)).toBe(2);
    },
  );

  it('has not answered yet, because the daemon has just started, has its nodes counted, until it fails to answer', async () => {
    const { pool, j1 } = await fillTwo();
    j1.fault({ kind: 'hang', times: Infinity });
    pool.start();
    await pool.passUnanswered(MINUTE);
    expect(await pool.nodes()).toHaveLength(4);
    await pool.passUnanswered(10 * SECOND);
    expect(count(await pool.nodes(), 'j2')).toBe(4);
    expect(namesOf(j1)).toHaveLength(2);
  });
});
