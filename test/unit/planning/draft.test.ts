import { describe, expect, it } from 'vitest';
import type { Action } from '../../../src/planning/actions.ts';
import { BARE_SERVER } from '../../../src/planning/amounts.ts';
import { Draft } from '../../../src/planning/draft.ts';
import { EMPTY_MEMORY } from '../../../src/planning/memory.ts';
import type { Busy, CloudView, World } from '../../../src/planning/world.ts';
import { aCloudView, aConfig, aNode, aProvider, aTraits, aWorld, NOW } from '../../support/builders.ts';

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
    draft.needServers('cloud', NOW + 5000);
    draft.needServers('cloud', NOW + 2000);
    draft.needServers('cloud', NOW + 9000);
    expect([...draft.serverNeeds]).toEqual([['cloud', NOW + 2001]]);
  });

  describe('that needs a listing', () => {
    const traits = aTraits({ listIntervalMs: 1000, pollIntervalMs: 5000 });
    const needing = (view: Partial<CloudView>): Draft =>
      draftWith({ clouds: new Map([['cloud', aCloudView({ traits, ...view })]]) });

    it('for news waits for the next poll', () => {
      const draft = needing({});
      draft.needServers('cloud', NOW);
      draft.needImages('cloud', NOW);
      expect([draft.serverNeeds.get('cloud'), draft.imageNeeds.get('cloud')]).toEqual([NOW + 5000, NOW + 5000]);
    });

    it('for a decision has it as soon as the cloud may be listed, and not before it can decide', () => {
      const draft = needing({});
      draft.needServers('cloud', NOW - 1, 'decision');
      draft.needImages('cloud', NOW + 3000, 'decision');
      expect([draft.serverNeeds.get('cloud'), draft.imageNeeds.get('cloud')]).toEqual([NOW + 1000, NOW + 3001]);
    });

    it('has one of servers as soon as the cloud may be listed when something hints at news since the last', () => {
      const dueAfter = (hintedAt: number): number | undefined => {
        const draft = needing({ hintedAt });
        draft.needServers('cloud', NOW);
        return draft.serverNeeds.get('cloud');
      };
      expect([dueAfter(NOW), dueAfter(NOW + 1)]).toEqual([NOW + 5000, NOW + 1000]);
    });
  });

  it('has seen something twice from the second listing on, and remembers only what it saw', () => {
    const earlier = draftWith();
    expect([earlier.seenTwice('odd', NOW), earlier.seenTwice('odd', NOW)]).toEqual([false, false]);
    const now = draftWith({ memory: { ...EMPTY_MEMORY, sightings: new Map([...earlier.sightings, ['past', NOW]]) } });
    expect([now.seenTwice('odd', NOW), now.seenTwice('odd', NOW + 1)]).toEqual([false, true]);
    expect([...now.sightings]).toEqual([['odd', NOW]]);
  });

  it('gives what there is once', () => {
    const draft = draftWith({ nodes: [aNode()], config: aConfig({ providers: [aProvider({ maxServers: 3 })] }) });
    const left = (): number | undefined => draft.ledgers().get('cloud')?.left.servers;
    expect(left()).toBe(2);
    draft.charge('cloud', BARE_SERVER);
    draft.charge('cloud', BARE_SERVER);
    expect([left(), draft.world.nodes.length]).toEqual([0, 1]);
  });
});
