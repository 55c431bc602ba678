/** The clock was set back by an hour: what was recorded before lies ahead, and must not stop the pool until then. */
import { describe, expect, it } from 'vitest';
import { Draft } from '../../../src/planning/draft.ts';
import { EMPTY_MEMORY } from '../../../src/planning/memory.ts';
import type { FailureRecord } from '../../../src/lifecycle/records.ts';
import { aNode, aWorld, NOW, readyImagesOf, aConfig } from '../../support/builders.ts';
import { minutes, orders, ordersIn } from '../../support/planned.ts';

const AHEAD = NOW + minutes(60);
const isLaunch = (order: string): boolean => order.startsWith('launch-nodes');

describe('after the clock was set back', () => {
  it('a second sighting counts, once there was a first by the new time', () => {
    const world = aWorld({ memory: { ...EMPTY_MEMORY, sightings: new Map([['missing/x', AHEAD]]) } });
    const draft = new Draft(world);
    expect(draft.seenTwice('missing/x', NOW)).toBe(false);
    const next = new Draft({ ...world, memory: { ...EMPTY_MEMORY, sightings: draft.sightings } });
    expect(next.seenTwice('missing/x', NOW + 1000)).toBe(true);
  });

  it('a deletion is asked for again', () => {
    const asked = (deleteAt: number): string[] => ordersIn({ nodes: [aNode({ id: 1, state: 'delete', deleteAt })] });
    expect(asked(AHEAD)).toContain('delete-server node:1: deleted (node-server-1)');
    expect(asked(NOW - 1000)).not.toContain('delete-server node:1: deleted (node-server-1)');
  });

  it('a place does not rest until the old time has come', () => {
    const config = aConfig();
    const images = readyImagesOf(config);
    const failed = (lastAt: number): FailureRecord[] => [
      {
        kind: 'launch',
        provider: 'cloud',
        image: 'ubuntu',
        az: null,
        count: 3,
        lastAt,
        lastError: 'no',
        retryAt: lastAt + 5000,
      },
    ];
    const launches = (failures: FailureRecord[]): boolean =>
      orders(aWorld({ config, images, failures })).some(isLaunch);
    expect([launches(failed(AHEAD)), launches(failed(NOW - 1000))]).toEqual([true, false]);
  });
});
