import { describe, expect, it } from 'vitest';
import { createFailureLog, type FailureLog } from '../../../src/actions/failure-log.ts';
import { cloudImageId, serverId } from '../../../src/lib/ids.ts';
import type { FailureRecord } from '../../../src/lifecycle/records.ts';
import { providerPlace } from '../../../src/planning/places.ts';
import type { Store } from '../../../src/store/store.ts';
import { anActionBench } from '../../support/action-bench.ts';
import { anImage, aNode, aWorld, NOW } from '../../support/builders.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';

const PLACE = providerPlace('cloud');

interface Bench {
  readonly log: FailureLog;
  readonly clock: FakeClock;
  /** What is on record. */
  readonly records: FailureRecord[];
}

function bench(): Bench {
  const clock = createFakeClock(NOW);
  const records: FailureRecord[] = [];
  const failures: Pick<Store['failures'], 'record' | 'clear'> = {
    record: (place, lastError, retryAt) => {
      const count = (records.pop()?.count ?? 0) + 1;
      records.push({ ...place, count, lastAt: clock.now(), lastError, retryAt: retryAt(count) });
      return Promise.resolve();
    },
    clear: () => Promise.resolve(void (records.length = 0)),
  };
  return { log: createFailureLog({ store: { failures } as Store, clock }), clock, records };
}

describe('a provider that refused us as a whole', () => {
  it('rests ten seconds, in which everybody learns why, and counts once', async () => {
    const { log, clock, records } = bench();
    expect(log.errorAt(PLACE)).toBeNull();
    await log.record(PLACE, 'too many servers');
    await clock.advance(9999);
    await log.record(PLACE, 'once more');
    expect([log.errorAt(PLACE), records.map(({ count }) => count)]).toEqual(['too many servers', [1]]);
    await clock.advance(1);
    expect(log.errorAt(PLACE)).toBeNull();
  });

  it('is absolved by what was asked for after that rest, not by what it had accepted before', async () => {
    const { log, records } = bench();
    await log.record(PLACE, 'too many servers');
    await log.clear(PLACE, records, NOW + 9999);
    expect(records).toHaveLength(1);
    await log.clear(PLACE, records, NOW + 10_000);
    expect(records).toEqual([]);
  });

  it('is not absolved by that when it has refused again since: what is known of the failures may be old', async () => {
    const { log, clock, records } = bench();
    await log.record(PLACE, 'too many servers');
    const known = [...records];
    await clock.advance(20_000);
    await log.record(PLACE, 'too many servers');
    await log.clear(PLACE, known, NOW + 10_000);
    expect(records).toMatchObject([{ count: 2 }]);
  });

  it('is absolved after a restart, too, by the rest on record', async () => {
    const { log, records } = bench();
    records.push({ ...PLACE, count: 1, lastAt: NOW, lastError: 'no', retryAt: NOW + 10_000 });
    await log.clear(PLACE, records, NOW + 9999);
    expect(records).toHaveLength(1);
    await log.clear(PLACE, records, NOW + 10_000);
    expect(records).toEqual([]);
  });
});

describe('what came up', () => {
  const ATTEMPT_AT = NOW - 5000;
  const node = aNode({ id: 7, state: 'building', serverId: serverId('s'), ip: '203.0.113.1', attemptAt: ATTEMPT_AT });
  const image = anImage({ id: 2, state: 'building', cloudImageId: cloudImageId('i'), attemptAt: ATTEMPT_AT });

  it.each([
    ['a node', { kind: 'prepare-node', subject: 'node:7', nodeId: 7 }],
    ['an image', { kind: 'finish-image', subject: 'image:2', imageId: 2 }],
  ] as const)('absolves its provider by when its server was asked for (%s)', async (_, action) => {
    const cleared: unknown[] = [];
    const { context, perform } = anActionBench(aWorld({ nodes: [node], images: [image] }));
    context.failures.clear = (place, _known, triedAt) => Promise.resolve(void cleared.push([place.kind, triedAt]));
    await perform({ ...action, reason: 'next-step' });
    expect(cleared).toContainEqual(['provider', ATTEMPT_AT]);
  });
});
