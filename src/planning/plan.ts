/**
 * The planner: from everything that is known to everything that is to be done, and why. Pure: no clock, no
 * chance, no input or output. Planners run in order; each adds to one draft.
 */
import type { Plan } from './actions.ts';
import { Draft } from './draft.ts';
import { planAccessories } from './plan-accessories.ts';
import { planListings } from './plan-cloud.ts';
import { planCron } from './plan-cron.ts';
import { planDiskImages } from './plan-disk-images.ts';
import { planImages } from './plan-images.ts';
import { planIntents } from './plan-intents.ts';
import { planLeaks } from './plan-leaks.ts';
import { planNodes } from './plan-nodes.ts';
import { planRequests } from './plan-requests.ts';
import { planSupply } from './plan-supply.ts';
import { planTargetChecks } from './plan-targets.ts';
import { planUploads } from './plan-uploads.ts';
import type { World } from './world.ts';

/** A world that nothing changes is planned again after this long at the latest, in milliseconds. */
const LONGEST_REST_MS = 60_000;

export function plan(world: World): Plan {
  const { cron, nextFiringAt } = planCron(world);
  const isCleanupDue = cron.firedAt.cleanup !== world.memory.cron.firedAt.cleanup;
  const draft = new Draft({ ...world, memory: { ...world.memory, cron } }, isCleanupDue);
  planIntents(draft);
  planTargetChecks(draft);
  planNodes(draft);
  planRequests(draft);
  planImages(draft);
  planDiskImages(draft);
  planUploads(draft);
  const rounds = planSupply(draft);
  planLeaks(draft);
  planAccessories(draft);
  if (isCleanupDue) planHistory(draft);
  // Last: it orders the listings that the others asked for.
  planListings(draft);
  noteFailures(draft);
  return {
    actions: draft.actions,
    notes: draft.notes,
    memory: { rounds, sightings: draft.sightings, cron },
    nextWakeAt: Math.min(draft.nextWakeAt, nextFiringAt, world.now + LONGEST_REST_MS),
  };
}

/** What failed and is left alone for a while: nothing else says so of a step that is simply tried again. */
function noteFailures(draft: Draft): void {
  const { busy, now } = draft.world;
  for (const [subject, rest] of busy) {
    if (rest.until === 'done' || rest.until <= now || rest.error === undefined) continue;
    const retryAt = new Date(rest.until).toISOString();
    draft.note(subject.replace(':', ' '), `its last step failed and is tried again at ${retryAt}: ${rest.error}`);
  }
}

/** Old events, ended requests, failures and answered intents go when the clean-up fires. */
function planHistory(draft: Draft): void {
  if (!draft.world.leases.has('supply')) return;
  draft.order({ kind: 'purge-history', subject: 'history', reason: 'cleanup-due' });
}
