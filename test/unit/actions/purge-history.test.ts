import { expect, it } from 'vitest';
import type { Store } from '../../../src/store/store.ts';
import { anActionBench } from '../../support/action-bench.ts';
import { aWorld, NOW } from '../../support/builders.ts';

it('a clean-up deletes until nothing old is left, however much there is', async () => {
  const world = aWorld({});
  const left = { events: 12_000, requests: 5001 };
  const asked = new Set<number>();
  const forgotten: number[] = [];
  const purge = (table: keyof typeof left) => (before: number) => {
    asked.add(before);
    const deleted = Math.min(5000, left[table]);
    left[table] -= deleted;
    return Promise.resolve(deleted);
  };
  const store = {
    events: { purge: purge('events') },
    requests: { purge: purge('requests') },
    failures: {
      purge: (before: number) => {
        forgotten.push(before);
        return Promise.resolve();
      },
    },
    intents: { purge: () => Promise.resolve() },
  } as unknown as Store;
  const { context, perform } = anActionBench(world);
  Object.assign(context, { store });
  await perform({ kind: 'purge-history', subject: 'history', reason: 'cleanup-due' });
  const before = NOW - world.config.eventRetentionMs;
  expect([left, [...asked], forgotten]).toEqual([{ events: 0, requests: 0 }, [before], [before]]);
});
