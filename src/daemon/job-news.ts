/**
 * Writes down what publishers tell of jobs. An event is a fact about a node: which job runs on it, and how it ended; what
 * follows from that the planner decides. So events that come late, twice or in another order do no harm: each is written
 * only where it is news, and what a node is in no state for is dropped.
 */
import type { Config } from '../config/types.ts';
import type { JobEvent } from '../job-events/job-event.ts';
import type { Clock } from '../lib/clock.ts';
import { describeError, isNodepoolError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { NodeRecord } from '../lifecycle/records.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { EventInput, NodePatch, Store } from '../store/store.ts';

export interface JobNewsDeps {
  readonly store: Store;
  /** The configuration in force. */
  readonly config: () => Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Something was written. */
  readonly onNews: () => void;
}

export interface JobNews {
  /** Takes an event; never throws. Events are written one after the other. */
  take(event: JobEvent): void;
  /** Resolves when all that was taken is written, or given up. */
  settled(): Promise<void>;
}

/** While the database is away, so many events are kept; a job whose end is lost is found by asking its Jenkins. */
const MOST_WAITING = 10_000;
const PAUSE_MS = 1000;
const TRIES = 60;

export function createJobNews(deps: JobNewsDeps): JobNews {
  const { log, clock } = deps;
  let waiting = 0;
  let hasComplained = false;
  let last: Promise<void> = Promise.resolve();

  const write = async (event: JobEvent): Promise<void> => {
    for (let tries = 1; ; tries += 1) {
      try {
        if (await record(deps, event)) deps.onNews();
        return;
      } catch (error) {
        if (!isNodepoolError(error, 'database-unavailable')) log.error({ err: error }, 'an event could not be written');
        else if (tries === TRIES) log.warn({ error: describeError(error) }, 'an event is given up');
        else {
          await clock.sleep(PAUSE_MS);
          continue;
        }
        return;
      }
    }
  };

  /** Once, not for each of thousands. */
  const complain = (): void => {
    if (!hasComplained) log.warn({ waiting }, 'job events are dropped: too many wait for the database');
    hasComplained = true;
  };

  return {
    take: (event) => {
      if (waiting >= MOST_WAITING) return complain();
      waiting += 1;
      last = last
        .then(() => write(event))
        .finally(() => {
          waiting -= 1;
          if (waiting === 0) hasComplained = false;
        });
    },
    settled: () => last,
  };
}

/** Answers whether it was news. */
async function record(deps: JobNewsDeps, event: JobEvent): Promise<boolean> {
  if (event.kind === 'completed') return false;
  const node = findNode((await deps.store.readPool()).nodes, event.nodename);
  // What runs on a node of a request is the business of whoever has the lease.
  if (node === null || node.requestId !== null) return false;
  return isTestOf(deps, node, event) ? recordTest(deps, node, event) : recordJob(deps, node, event);
}

/** Whether it is about the acceptance test of the node's target. Publishers leave out the folders that a job is in. */
function isTestOf({ config }: JobNewsDeps, { target }: NodeRecord, { job }: JobEvent): boolean {
  const testJob = config().targets.get(target)?.jenkins?.testJob ?? null;
  return testJob?.split('/').at(-1) === job;
}

async function recordJob(deps: JobNewsDeps, node: NodeRecord, event: JobEvent): Promise<boolean> {
  const used = hasPassed(node) ? await release(deps, node) : node;
  if (used === null || used.jobDoneAt !== null) return false;
  return event.kind === 'started' ? recordStart(deps, used, event) : recordEnd(deps, used, event);
}

/** The newest node of that name that is not on its way out. */
function findNode(nodes: readonly NodeRecord[], nodename: string): NodeRecord | null {
  return nodes.findLast((node) => node.nodename === nodename && node.state !== 'delete') ?? null;
}

async function recordTest(deps: JobNewsDeps, { id, state }: NodeRecord, event: JobEvent): Promise<boolean> {
  if (event.kind === 'started' || state !== 'test') return false;
  const guard = { state, jobDoneAt: null };
  const isNews = await deps.store.patch('node', id, guard, endOf(deps, event), describeEnd(event));
  if (isNews) deps.log.info({ node: id, job: event.job, status: event.status }, 'acceptance test ended');
  return isNews;
}

function hasPassed({ state, jobDoneAt, jobResult }: NodeRecord): boolean {
  return state === 'test' && jobDoneAt !== null && jobResult === 'SUCCESS';
}

/** Its Jenkins lets jobs find a node that has passed its test, before that is written down here. null: it is not there. */
async function release({ store }: JobNewsDeps, node: NodeRecord): Promise<NodeRecord | null> {
  const patch = { reason: null, jobName: null, jobResult: null, jobDoneAt: null };
  const event = { kind: 'ready', reason: 'job-seen', detail: null };
  const isReady = await store.moveNode({ id: node.id, from: 'test', to: 'ready', by: 'event', patch, event });
  return isReady ? { ...node, ...patch, state: 'ready' } : null;
}

async function recordStart(
  { store, log }: JobNewsDeps,
  { id, state, heldFrom }: NodeRecord,
  { job }: JobEvent,
): Promise<boolean> {
  const event = { kind: 'job-started', reason: null, detail: job };
  if (state === 'hold' && heldFrom === 'ready') {
    // Its Jenkins goes on giving it jobs: given back, it is not READY for another one.
    return store.patch('node', id, { state, heldFrom }, { jobName: job, heldFrom: 'used' }, event);
  }
  if (state !== 'ready') return false;
  const patch = { reason: null, jobName: job };
  const isNews = await store.moveNode({ id, from: 'ready', to: 'used', by: 'event', patch, event });
  if (isNews) log.info({ node: id, job }, 'job started');
  return isNews;
}

async function recordEnd(deps: JobNewsDeps, node: NodeRecord, event: JobEvent): Promise<boolean> {
  const { id, state, label, provider, stateAt } = node;
  const { job, status, branch } = event;
  const now = deps.clock.now();
  if (!(await writeEnd(deps, node, event))) return false;
  deps.log.info({ node: id, job, status }, 'job ended');
  // Without news of its start nobody knows how long it took.
  if (status === 'SUCCESS' && state === 'used')
    deps.metrics.jobSucceeded({ job, branch, label, provider, ms: now - stateAt });
  return true;
}

async function writeEnd(deps: JobNewsDeps, { id, state }: NodeRecord, event: JobEvent): Promise<boolean> {
  const { store } = deps;
  const patch = endOf(deps, event);
  if (state === 'used') return store.patch('node', id, { state, jobDoneAt: null }, patch, describeEnd(event));
  if (state === 'hold')
    return store.patch('node', id, { state, jobDoneAt: null }, { ...patch, heldFrom: 'used' }, describeEnd(event));
  if (state !== 'ready') return false;
  // The news of its start got lost.
  return store.moveNode({ id, from: state, to: 'used', by: 'event', patch, event: describeEnd(event) });
}

function endOf({ clock }: JobNewsDeps, { job, status }: JobEvent): NodePatch {
  return { jobName: job, jobResult: status, jobDoneAt: clock.now() };
}

function describeEnd({ job, status }: JobEvent): EventInput {
  return { kind: 'job-ended', reason: null, detail: `${job}: ${status ?? 'no result'}` };
}
