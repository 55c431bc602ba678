import { describe, expect, it } from 'vitest';
import { createJobNews } from '../../../src/daemon/job-news.ts';
import type { JobEvent } from '../../../src/job-events/job-event.ts';
import { NodepoolError } from '../../../src/lib/errors.ts';
import { silentLog, type Log } from '../../../src/lib/log.ts';
import type { NodeRecord } from '../../../src/lifecycle/records.ts';
import { canMoveNode } from '../../../src/lifecycle/node-states.ts';
import type { Metrics } from '../../../src/metrics/metrics.ts';
import type { Store } from '../../../src/store/store.ts';
import { aConfig, aNode, NOW } from '../../support/builders.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { aJenkinsTarget } from '../../support/hand-over.ts';

/** Rows in memory that are changed by compare-and-set, and a database that may be away. */
class Rows {
  nodes: readonly NodeRecord[];
  isAway = false;
  readonly history: string[] = [];

  constructor(nodes: readonly NodeRecord[]) {
    this.nodes = nodes;
  }

  store(): Store {
    const methods: Pick<Store, 'readPool' | 'moveNode' | 'patch'> = {
      readPool: () => this.#answer(() => ({ nodes: this.nodes }) as Awaited<ReturnType<Store['readPool']>>),
      moveNode: ({ id, from, to, patch, event }) =>
        this.#answer(() => {
          if (!canMoveNode(from, to)) throw new Error(`no move from ${from} to ${to}`);
          return this.#change(id, { state: from }, { ...patch, state: to, stateAt: NOW }, event?.kind);
        }),
      patch: (_kind, id, guard, patch, event) => this.#answer(() => this.#change(id, guard, patch, event?.kind)),
    };
    return methods as Store;
  }

  #answer<T>(answer: () => T): Promise<T> {
    if (this.isAway) return Promise.reject(new NodepoolError('database-unavailable', 'away'));
    return Promise.resolve(answer());
  }

  #change(...[id, guard, patch, event]: [number, object, object, string | undefined]): boolean {
    const node = this.nodes.find((one) => one.id === id);
    const isSame = Object.entries(guard).every(([key, value]) => node?.[key as keyof NodeRecord] === value);
    if (node === undefined || !isSame) return false;
    this.nodes = this.nodes.map((one) => (one.id === id ? { ...one, ...patch } : one));
    this.history.push(`${id} ${event ?? ''}`);
    return true;
  }
}

const CONFIG = aConfig({ targets: [aJenkinsTarget({ name: 'zuul' }, { testJob: 'infra/node-test' })] });

function scene(...nodes: readonly NodeRecord[]) {
  const rows = new Rows(nodes);
  const clock = createFakeClock(NOW);
  const succeeded: unknown[] = [];
  const warnings: string[] = [];
  let news = 0;
  const deps = {
    config: () => CONFIG,
    clock,
    log: { ...silentLog, warn: (_facts, text) => void warnings.push(text) } satisfies Log,
    metrics: { jobSucceeded: (job) => void succeeded.push(job) } as Partial<Metrics> as Metrics,
    onNews: () => void (news += 1),
  };
  const daemon = (): ReturnType<typeof createJobNews> => createJobNews({ ...deps, store: rows.store() });
  const jobs = daemon();
  return {
    rows,
    clock,
    succeeded,
    warnings,
    jobs,
    /** Another daemon on the same database. */
    daemon,
    news: () => news,
    /** What is on record after these events. */
    after: async (...events: readonly JobEvent[]): Promise<Partial<NodeRecord>[]> => {
      for (const event of events) jobs.take(event);
      await jobs.settled();
      return rows.nodes.map(({ state, jobName, jobResult, jobDoneAt }) => ({ state, jobName, jobResult, jobDoneAt }));
    },
  };
}

const told = (kind: JobEvent['kind'], overrides: Partial<JobEvent> = {}): JobEvent => ({
  kind,
  job: 'unit',
  nodename: 'small-cloud-1',
  status: kind === 'started' ? null : 'SUCCESS',
  branch: 'master',
  ...overrides,
});
const STARTED = told('started');
const ENDED = told('finalized');
const ready = aNode({ id: 1, stateAt: NOW - 9000 });
const used = aNode({ id: 1, state: 'used', stateAt: NOW - 5000, jobName: 'unit' });
const FRESH = { state: 'ready', jobName: null, jobResult: null, jobDoneAt: null };
const RUNNING = { state: 'used', jobName: 'unit', jobResult: null, jobDoneAt: null };
const DONE = { state: 'used', jobName: 'unit', jobResult: 'SUCCESS', jobDoneAt: NOW };

describe('news of a job', () => {
  it('are that it has begun, and how it has ended', async () => {
    expect(await scene(ready).after(STARTED)).toEqual([RUNNING]);
    expect(await scene(ready).after(STARTED, ENDED)).toEqual([DONE]);
    const failed = told('finalized', { status: 'FAILURE' });
    expect(await scene(used).after(failed)).toEqual([{ ...DONE, jobResult: 'FAILURE' }]);
  });

  it('wake the daemon when they are news, and not otherwise', async () => {
    const { after, news } = scene(ready);
    await after(STARTED, STARTED, ENDED, ENDED, told('completed'));
    expect(news()).toBe(2);
  });

  it('of its end are not that its steps are complete', async () => {
    expect(await scene(used).after(told('completed'))).toEqual([RUNNING]);
  });

  it('that come twice, by two daemons too, are written once', async () => {
    const { after, rows, daemon } = scene(ready);
    const other = daemon();
    other.take(STARTED);
    other.take(ENDED);
    expect(await after(STARTED, STARTED, ENDED, ENDED)).toEqual([DONE]);
    await other.settled();
    expect(rows.history).toEqual(['1 job-started', '1 job-ended']);
  });

  it('that come in the wrong order leave the job at its end', async () => {
    expect(await scene(ready).after(ENDED, STARTED)).toEqual([DONE]);
  });

  it('of its end say enough when those of its start got lost', async () => {
    expect(await scene(ready).after(ENDED)).toEqual([DONE]);
  });

  it('that come late change nothing any more', async () => {
    const late = { ...used, jobDoneAt: NOW - 70_000, jobResult: null };
    expect(await scene(late).after(told('finalized', { status: 'FAILURE' }))).toEqual([
      { ...RUNNING, jobDoneAt: NOW - 70_000 },
    ]);
    for (const state of ['building', 'delete'] as const) {
      const node = aNode({ id: 1, state, nodename: 'small-cloud-1' });
      expect(await scene(node).after(STARTED, ENDED)).toEqual([{ ...FRESH, state }]);
    }
  });

  it('of a node that is held keep it from being READY for another job when it is given back', async () => {
    const held = aNode({ id: 1, state: 'hold', heldFrom: 'ready', nodename: 'small-cloud-1' });
    for (const [events, job] of [
      [[STARTED], { jobName: 'unit', jobDoneAt: null }],
      [[ENDED], { jobName: 'unit', jobResult: 'SUCCESS', jobDoneAt: NOW }],
      [[STARTED, ENDED, ENDED], { jobName: 'unit', jobResult: 'SUCCESS', jobDoneAt: NOW }],
    ] as const) {
      const { after, rows } = scene(held);
      await after(...events);
      expect(rows.nodes).toMatchObject([{ state: 'hold', heldFrom: 'used', ...job }]);
    }
  });

  it('of nodes that are not known here are not for us', async () => {
    const { after, news } = scene(ready);
    expect([await after(told('started', { nodename: 'master' })), news()]).toEqual([[FRESH], 0]);
  });

  it('are of the newest node of a name that was used again, and of none that is on its way out', async () => {
    const old = aNode({ id: 1, state: 'delete' });
    const young = aNode({ id: 2, nodename: 'small-cloud-1' });
    expect(await scene(old, young).after(STARTED)).toEqual([{ ...FRESH, state: 'delete' }, RUNNING]);
  });

  it('of a node that a request has say nothing about the request', async () => {
    const leased = { ...used, requestId: 7, jobName: null };
    expect(await scene(leased).after(STARTED, ENDED)).toEqual([{ ...RUNNING, jobName: null }]);
  });
});

describe('how long a job took', () => {
  it('is told of those that succeeded', async () => {
    const { after, succeeded } = scene(used);
    await after(ENDED);
    expect(succeeded).toEqual([{ job: 'unit', branch: 'master', label: 'small', provider: 'cloud', ms: 5000 }]);
  });

  it('is not told of those that failed, came twice, or of whose start nothing is known', async () => {
    for (const [node, ...events] of [
      [used, told('finalized', { status: 'FAILURE' })],
      [{ ...used, jobDoneAt: NOW }, ENDED],
      [ready, ENDED],
    ] as const) {
      const { after, succeeded } = scene(node);
      await after(...events);
      expect(succeeded).toEqual([]);
    }
  });
});

describe('the acceptance test', () => {
  const tested = aNode({ id: 1, state: 'test', nodename: 'small-cloud-1' });
  // Publishers leave out the folders of a job.
  const test = (kind: JobEvent['kind'], status: string | null = 'SUCCESS'): JobEvent =>
    told(kind, { job: 'node-test', status });
  const passed = { ...tested, jobName: 'node-test', jobResult: 'SUCCESS', jobDoneAt: NOW - 1000 };

  it('has a result, and does not take the node into use', async () => {
    const { after, succeeded } = scene(tested);
    const ended = { state: 'test', jobName: 'node-test', jobResult: 'FAILURE', jobDoneAt: NOW };
    expect(await after(test('started'), test('finalized', 'FAILURE'), test('finalized'))).toEqual([ended]);
    expect(succeeded).toEqual([]);
  });

  it('is no use of a node that has passed it', async () => {
    expect(await scene(ready).after(test('started'), test('finalized'))).toEqual([FRESH]);
  });

  it('keeps other jobs from counting while it is not passed', async () => {
    expect(await scene(tested).after(STARTED, ENDED)).toEqual([{ ...FRESH, state: 'test' }]);
    const failed = { ...passed, jobResult: 'FAILURE' };
    expect((await scene(failed).after(STARTED, ENDED))[0]).toMatchObject({ state: 'test', jobName: 'node-test' });
  });

  it('is over when the first job comes before it is on record that jobs can find the node', async () => {
    const { after, rows } = scene(passed);
    expect(await after(STARTED)).toEqual([RUNNING]);
    expect(rows.history).toEqual(['1 ready', '1 job-started']);
    expect(await scene(passed).after(ENDED)).toEqual([DONE]);
  });
});

describe('while the database is away', () => {
  it('news wait, and are written in their order when it is back', async () => {
    const { rows, jobs, clock } = scene(ready);
    rows.isAway = true;
    for (const event of [STARTED, ENDED]) jobs.take(event);
    await clock.advance(30_000);
    expect(rows.history).toEqual([]);
    rows.isAway = false;
    await clock.advance(1000);
    await jobs.settled();
    expect(rows.history).toEqual(['1 job-started', '1 job-ended']);
  });

  it('each is given up after a minute, so that the next has its turn', async () => {
    const { rows, jobs, clock, warnings } = scene(used);
    rows.isAway = true;
    for (const event of [told('started', { nodename: 'lost' }), ENDED]) jobs.take(event);
    await clock.advance(60_000);
    expect(warnings).toEqual(['an event is given up']);
    rows.isAway = false;
    await clock.advance(1000);
    await jobs.settled();
    expect(rows.history).toEqual(['1 job-ended']);
  });

  it('no more than ten thousand wait, which is told once', async () => {
    const { rows, jobs, clock, warnings } = scene(used);
    rows.isAway = true;
    const other = told('started', { nodename: 'other' });
    for (let index = 0; index < 10_000; index += 1) jobs.take(other);
    for (let index = 0; index < 5; index += 1) jobs.take(ENDED);
    rows.isAway = false;
    await clock.advance(1000);
    await jobs.settled();
    expect([rows.history, warnings]).toEqual([[], ['job events are dropped: too many wait for the database']]);
  });
});

it('a mistake of ours with one event does not keep the next from being written', async () => {
  const { rows, jobs } = scene(used);
  const broken = told('finalized');
  Object.defineProperty(broken, 'nodename', {
    get: () => {
      throw new Error('a mistake');
    },
  });
  jobs.take(broken);
  jobs.take(ENDED);
  await jobs.settled();
  expect(rows.history).toEqual(['1 job-ended']);
});
