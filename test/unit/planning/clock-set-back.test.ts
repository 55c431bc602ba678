/** The clock was set back by an hour: what was recorded before lies ahead, and must not stop the pool until then. */
import { describe, expect, it } from 'vitest';
import { Draft } from '../../../src/planning/draft.ts';
import { EMPTY_MEMORY } from '../../../src/planning/memory.ts';
import { serverId } from '../../../src/lib/ids.ts';
import type { FailureRecord, NodeRecord } from '../../../src/lifecycle/records.ts';
import type { Server } from '../../../src/providers/provider.ts';
import { aConfig, aListing, anImage, aNode, aServer, aWorld, NOW, readyImagesOf } from '../../support/builders.ts';
import { later, minutes, orders, ordersIn, situation, type Situation } from '../../support/planned.ts';

const AHEAD = NOW + minutes(60);
const FAR = NOW + minutes(60 * 24);
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

  describe('what was begun before', () => {
    /** After how many minutes something of that kind is ordered, with a listing every minute that shows nothing. */
    const minutesUntil = (kind: string, records: Situation): number => {
      let world = situation({ ...records, cloud: { servers: aListing([]), images: aListing([]) } });
      let count = 0;
      for (; count < 60 && !orders(world).some((order) => order.startsWith(kind)); count += 1)
        world = later(world, { ms: minutes(1) });
      return count;
    };
    const ahead = { stateAt: AHEAD, createdAt: AHEAD, attempt: 1, attemptAt: AHEAD };
    const unanswered = { ...ahead, serverId: null };

    it('a server that a create call may have made is asked for again, or known not to be there', () => {
      expect(minutesUntil('create-server', { nodes: [aNode({ state: 'building', ...unanswered })] })).toBe(2);
      expect(minutesUntil('remove-node', { nodes: [aNode({ state: 'delete', ...unanswered })] })).toBe(2);
    });

    it('a server that was made and is gone is missed', () => {
      expect(minutesUntil('retire-node', { nodes: [aNode({ state: 'ready', ...ahead })] })).toBe(2);
    });

    it('a launch and a boot have their time, and no more', () => {
      const shown = (node: NodeRecord, status: Server['status']): string[] => {
        const servers = [aServer({ id: serverId('s'), status, ip: status === 'active' ? '192.0.2.1' : null })];
        let world = situation({ nodes: [node], cloud: { servers: aListing(servers) } });
        for (let count = 0; count < 90; count += 1) world = later(world, { ms: minutes(1) });
        return orders({ ...world, now: world.now + 1 }).filter((order) => order.startsWith('retire-node'));
      };
      const far = aNode({ state: 'building', ...ahead, attemptAt: FAR, serverId: serverId('s') });
      expect(shown(far, 'building')).toEqual([expect.stringContaining('launch-timeout')]);
      expect(shown({ ...far, activeAt: FAR }, 'active')).toEqual([expect.stringContaining('boot-timeout')]);
    });

    it('an image that was being saved is saved again, or known not to be there', () => {
      const image = { ...anImage({ state: 'building' }), saveAttempt: 1, saveAt: AHEAD, setupDoneAt: AHEAD };
      const template = { serverId: serverId('t'), attempt: 1, attemptAt: AHEAD, reachableAt: AHEAD };
      const servers = aListing([aServer({ id: serverId('t') })]);
      let world = situation({ images: [{ ...image, ...template }], cloud: { servers, images: aListing([]) } });
      for (let count = 0; count < 3; count += 1) world = later(world, { ms: minutes(1) });
      expect(orders(world)).toContainEqual(expect.stringMatching(/^save-image/));
      const doomed = { ...image, state: 'delete' as const };
      expect(minutesUntil('remove-image', { images: [doomed] })).toBe(2);
    });
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
