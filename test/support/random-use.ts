/** Random requests, leases, jobs, holds and targets for random worlds. */
import fc from 'fast-check';
import type { TargetConfig } from '../../src/config/types.ts';
import type { JobRecord, NodeRecord, RequestRecord } from '../../src/lifecycle/records.ts';
import type { Agent, TargetView } from '../../src/planning/world.ts';
import { aRequest, aTarget, NOW } from './builders.ts';
import { aJenkinsTarget, aJobRule, aTargetView } from './hand-over.ts';
import { HOUR, maybe, recently } from './random-times.ts';

/** Mostly those that requests get nodes of, and that get nodes themselves. */
const TARGET_KINDS = ['open', 'open', 'open', 'open', 'open', 'open', 'jenkins', 'tested', 'gearman', 'both'] as const;

export const aTargetKind = fc.constantFrom(...TARGET_KINDS);

export function targetOf(name: string, kind: (typeof TARGET_KINDS)[number]): TargetConfig {
  if (kind === 'open' || kind === 'gearman') return aTarget({ name, assignViaGearman: kind === 'gearman' });
  return aJenkinsTarget({ name, assignViaGearman: kind === 'both' }, { testJob: kind === 'tested' ? 'accept' : null });
}

/** What its Jenkins says of nodes `small-cloud-0` and so on. */
export const aRandomTargetView: fc.Arbitrary<TargetView> = fc
  .record({
    isQuietingDown: fc.constantFrom(false, false, false, true),
    agents: fc.array(fc.constantFrom<('busy' | 'idle' | 'gone')[]>('busy', 'idle', 'gone'), {
      minLength: 12,
      maxLength: 12,
    }),
    takenAt: recently,
    problem: fc.constantFrom(null, null, null, 'HTTP 503'),
    isKnown: fc.constantFrom(true, true, true, false),
    dueAt: fc.constantFrom(NOW - 1, NOW, NOW + 1, NOW + 5000),
  })
  .map(({ agents, isKnown, problem, dueAt, ...answer }) => {
    const there = agents.flatMap((agent, index): [string, Agent][] =>
      agent === 'gone' ? [] : [[`small-cloud-${index}`, { isBusy: agent === 'busy' }]],
    );
    return { ...aTargetView(isKnown ? { ...answer, agents: new Map(there) } : null, problem), dueAt };
  });

/** Facts about the use of a node, as far as its state allows for them. */
const aUseDraft = fc.record({
  requestId: maybe(fc.nat(7)),
  registerAt: maybe(recently),
  isRegistered: fc.boolean(),
  testAt: maybe(recently),
  jobName: fc.constantFrom(null, 'unit', 'docs'),
  jobResult: fc.constantFrom(null, 'SUCCESS', 'FAILURE', 'FAILURE'),
  jobDoneAt: maybe(recently),
  holdUntil: fc.constantFrom(null, null, NOW - 1, NOW, NOW + 1, NOW + HOUR),
  heldBy: maybe(fc.nat(2)),
  /** An operator has written into the row. */
  isStrange: fc.constantFrom(...Array.from({ length: 9 }, () => false), true),
});

export const aUse = aUseDraft.map((draft) => (state: NodeRecord['state']): Partial<NodeRecord> => {
  const { requestId, registerAt, isRegistered, testAt, jobName, jobResult, jobDoneAt } = draft;
  const wasUsed = state === 'used' || state === 'hold' || state === 'delete';
  const hasJob = jobDoneAt !== null && (wasUsed || state === 'test');
  return {
    requestId: wasUsed || draft.isStrange ? requestId : null,
    registerAt: state === 'building' ? null : registerAt,
    registeredAt: state !== 'building' && isRegistered ? registerAt : null,
    testAt: state === 'test' ? testAt : null,
    ...(hasJob ? { jobName, jobResult, jobDoneAt } : {}),
    holdUntil: state === 'hold' ? draft.holdUntil : null,
    heldBy: state === 'hold' ? draft.heldBy : null,
  };
});

/** Requests with ids from 0 on, for labels of the given names. */
export function someRequests(labels: readonly string[]): fc.Arbitrary<RequestRecord[]> {
  const draft = fc.record({
    label: fc.constantFrom(...labels),
    count: fc.integer({ min: 1, max: 3 }),
    priority: fc.integer({ min: -1, max: 1 }),
    state: fc.constantFrom<RequestRecord['state'][]>('waiting', 'waiting', 'granted'),
    createdAt: recently,
    expiresAt: fc.constantFrom(NOW - 1, NOW, NOW + 1, NOW + HOUR, NOW + HOUR),
  });
  return fc
    .array(draft, { maxLength: 8, size: 'max' })
    .map((drafts) =>
      drafts.map(({ expiresAt, ...wish }, id) =>
        aRequest({ id, ...wish, expiresAt: wish.state === 'granted' ? expiresAt : null }),
      ),
    );
}

export const someRules: fc.Arbitrary<JobRecord[]> = fc
  .array(
    fc.record({
      name: fc.constantFrom('*', 'unit'),
      holdOnFailure: fc.nat(2),
      expiresAt: fc.constantFrom(null, null, NOW, NOW + 1),
    }),
    { maxLength: 3 },
  )
  .map((rules) => rules.map((rule, id) => aJobRule({ id, ...rule })));
