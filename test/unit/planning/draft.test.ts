import { describe, expect, it } from 'vitest';
import type { Action } from '../../../src/planning/actions.ts';
import { Draft } from '../../../src/planning/draft.ts';
import { EMPTY_MEMORY } from '../../../src/planning/memory.ts';
import type { Busy, World } from '../../../src/planning/world.ts';
import { aConfig, aNode, aProvider, aWorld, NOW } from '../../support/builders.ts';

const check: Action = { kind: 'check-node', subject: 'node:1', reason: 'check-due', nodeId: 1 };
const prepare: Action = { kind: 'prepare-node', subject: 'node:1', reason: 'next-step', nodeId: 1 };
const draftWith = (overrides: Partial<World> = {}): Draft => new Draft(aWorld(overrides));
const busy = (state: Busy): Partial<World> => ({ busy: new Map([['node:1', state]]) });

describe('a draft', () => {
  it('keeps the first action for a subject', () => {
    const draft = draftWith();
    draft.order(check);
    draft.order(prepare);
    draft.order({ ...prepare, subject: 'node:2', nodeId: 2 });
    expect(draft.actions).toEqual([check, { ...prepare, subject: 'node:2', nodeId: 2 }]);
  });

  it('orders nothing for a subject that has an action under way', () => {
    const draft = draftWith(busy({ until: 'done' }));
    draft.order(check);
    expect([draft.actions, draft.nextWakeAt]).toEqual([[], Infinity]);
  });

  it('orders nothing for a subject that rests, and wakes when it has rested', () => {
    const draft = draftWith(busy({ until: NOW + 5 }));
    draft.order(check);
    expect([draft.actions, draft.nextWakeAt]).toEqual([[], NOW + 5]);
  });

  it('goes on with a subject that has rested', () => {
    const draft = draftWith(busy({ until: NOW }));
    draft.order(check);
    expect([draft.actions, draft.nextWakeAt]).toEqual([[check], Infinity]);
  });

  it('wakes at the earliest time that anything waits for', () => {
    const draft = draftWith();
    for (const ms of [50, 20, 70]) draft.wakeAt(NOW + ms);
    expect(draft.nextWakeAt).toBe(NOW + 20);
  });

  it('never wakes in the past', () => {
    const draft = draftWith();
    draft.wakeAt(NOW - 20);
    expect(draft.nextWakeAt).toBe(NOW);
  });

  it('wants the listing that the first decision needs', () => {
    const draft = draftWith();
    draft.needServers('cloud', NOW + 5);
    draft.needServers('cloud', NOW + 2, 'cleanup-due');
    draft.needServers('cloud', NOW + 9);
    expect([...draft.serverNeeds]).toEqual([['cloud', { after: NOW + 2, reason: 'cleanup-due' }]]);
  });

  it('has seen something twice from the second listing on, and remembers only what it saw', () => {
    const earlier = draftWith();
    expect([earlier.seenTwice('odd', NOW), earlier.seenTwice('odd', NOW)]).toEqual([false, false]);
    const now = draftWith({ memory: { ...EMPTY_MEMORY, sightings: new Map([...earlier.sightings, ['past', NOW]]) } });
    expect([now.seenTwice('odd', NOW), now.seenTwice('odd', NOW + 1)]).toEqual([false, true]);
    expect([...now.sightings]).toEqual([['odd', NOW]]);
  });

  it('gives each free place once', () => {
    const draft = draftWith({ nodes: [aNode()], config: aConfig({ providers: [aProvider({ maxServers: 3 })] }) });
    expect(draft.freePlaces('cloud')).toBe(2);
    for (const left of [1, 0, 0]) {
      draft.takePlace('cloud');
      expect(draft.freePlaces('cloud')).toBe(left);
    }
  });
});
