import { describe, expect, it } from 'vitest';
import type { Action } from '../../../src/planning/actions.ts';
import { silentLog, type Log } from '../../../src/lib/log.ts';
import type { Store } from '../../../src/store/store.ts';
import { anActionBench, type ActionBench } from '../../support/action-bench.ts';
import { aRequest, aWorld, NOW } from '../../support/builders.ts';

const requests = [7, 8].map((id) => aRequest({ id, createdAt: NOW - 5000 }));

/** A bench whose store answers so, and what it logs. */
function bench(methods: Partial<Store['requests']>): ActionBench & { readonly logged: unknown[] } {
  const logged: unknown[] = [];
  const made = anActionBench(aWorld({ requests }), { store: { requests: methods as Store['requests'] } });
  const log: Log = { ...silentLog, info: (facts, text) => void logged.push([text, facts]) };
  Object.assign(made.context, { log });
  return { ...made, logged };
}

describe('granting nodes', () => {
  const grants = [
    { requestId: 7, nodeIds: [1, 2] },
    { requestId: 8, nodeIds: [3] },
  ];
  const GRANT: Action = { kind: 'grant-requests', subject: 'requests', reason: 'request', grants };

  it('is asked for at once, and those that got theirs are told of', async () => {
    const asked: unknown[] = [];
    const { perform, logged } = bench({ grant: (all) => Promise.resolve([7 + asked.push(all)]) });
    expect(await perform(GRANT)).toBeUndefined();
    expect([asked, logged]).toEqual([
      [grants],
      [['request granted', { request: 8, label: 'small', requestor: 'tester', ms: 5000 }]],
    ]);
  });

  it('rests for a moment when nobody got anything: what is in the way may stay', async () => {
    const { perform } = bench({ grant: () => Promise.resolve([]) });
    expect(await perform(GRANT)).toEqual({ restMs: 1000 });
  });
});

it('ends each request on its own, and tells of those that it has ended', async () => {
  const endings = [
    { id: 7, reason: 'expired' as const, expiredBy: NOW },
    { id: 8, reason: 'lost' as const },
  ];
  const asked: unknown[] = [];
  const { perform, logged } = bench({ end: (ending) => Promise.resolve(asked.push(ending) > 1) });
  await perform({ kind: 'end-requests', subject: 'request-ends', reason: 'lease-expired', endings });
  expect([asked, logged]).toEqual([endings, [['request ended', { request: 8, reason: 'lost' }]]]);
});
