/**
 * The planner: from everything that is known to everything that is to be done, and why. Pure: no clock, no
 * chance, no input or output. Planners run in order; each adds to one draft.
 */
import type { Plan } from './actions.ts';
import { Draft } from './draft.ts';
import { planAccessories } from './plan-accessories.ts';
import { planListings } from './plan-cloud.ts';
import { planCron } from './plan-cron.ts';
import { planImages } from './plan-images.ts';
import { planIntents } from './plan-intents.ts';
import { planLeaks } from './plan-leaks.ts';
import { planNodes } from './plan-nodes.ts';
import { planSupply } from './plan-supply.ts';
import type { World } from './world.ts';

/** A world that nothing changes is planned again after this long at the latest, in milliseconds. */
const LONGEST_REST_MS = 60_000;

export function plan(world: World): Plan {
  const { cron, nextFiringAt } = planCron(world);
  const draft = new Draft({ ...world, memory: { ...world.memory, cron } });
  planIntents(draft);
  planNodes(draft);
  planImages(draft);
  const rounds = planSupply(draft);
  planLeaks(draft);
  planAccessories(draft);
  if (cron.firedAt.cleanup !== world.memory.cron.firedAt.cleanup) planHistory(draft);
  // Last: it orders the listings that the others asked for.
  planListings(draft);
  return {
    actions: draft.actions,
    notes: draft.notes,
    memory: { rounds, sightings: draft.sightings, cron },
    nextWakeAt: Math.min(draft.nextWakeAt, nextFiringAt, world.now + LONGEST_REST_MS),
  };
}

/** Old events and answered intents go when the clean-up fires. */
function planHistory(draft: Draft): void {
  if (!draft.world.leases.has('supply')) return;
  draft.order({ kind: 'purge-history', subject: 'history', reason: 'cleanup-due' });
}
