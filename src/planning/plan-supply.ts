/** Plans new nodes: what each label is short of, divided over providers, targets and zones. */
import type { LabelConfig } from '../config/types.ts';
import { groupBy } from '../lib/group-by.ts';
import type { ImageRecord } from '../lifecycle/records.ts';
import { isServed, openTargets } from '../lifecycle/targets.ts';
import type { Launch } from './actions.ts';
import { allocate, type AllocationRequest, type Grant, type Share } from './allocate.ts';
import { chooseImages, type ImageChoice } from './choose-image.ts';
import { countDeficits, countTargetLoads, type Deficit, type TargetsInUse } from './deficit.ts';
import type { Draft } from './draft.ts';
import type { Round } from './memory.ts';
import { findObstacle, hopefulProviders, orderOf } from './offers.ts';
import { findProbation } from './places.ts';
import { countRequested } from './plan-requests.ts';
import { planRoom } from './plan-room.ts';
import { surveyTargets, type TargetSurvey } from './plan-targets.ts';
import { describeLeft, estimate, freeServers } from './quota.ts';
import { lineUp } from './turns.ts';
import { yieldPlaces, type Need } from './yield-places.ts';
import { chooseZones } from './zones.ts';

export function planSupply(draft: Draft): readonly Round[] {
  const { leases, memory, switches } = draft.world;
  if (!switches.launches || !leases.has('supply') || draft.isBusy('supply')) return memory.rounds;
  const survey = surveyTargets(draft);
  const targets = targetsInUse(draft, survey);
  const images = chooseImages(draft.world);
  const needs = findNeeds(draft, targets, images);
  if (needs.length === 0) return [];
  noteNothingToGive(draft);
  const allocation = allocate({
    providers: Array.from(draft.ledgers().values(), (ledger) => ({
      name: ledger.provider,
      available: freeServers(ledger),
    })),
    requests: needs.map((need) => openRequest(draft, need, images)),
    targets: countTargetLoads(draft.world.nodes, survey.online, targets.open),
    rounds: memory.rounds,
  });
  noteShares(draft, allocation.shares);
  const launches = openLaunches(draft, allocation.grants, { needs, images, targets });
  if (launches.length > 0) {
    draft.order({ kind: 'launch-nodes', subject: 'supply', reason: launches[0]?.reason ?? 'min-ready', launches });
  }
  noteShortages(draft, needs, launches);
  // Where nothing could be given there was no division: waits that passes alone count would all end up equal.
  return allocation.grants.length === 0 ? memory.rounds : allocation.rounds;
}

function targetsInUse({ world: { config } }: Draft, { online, counted }: TargetSurvey): TargetsInUse {
  const open = new Set(openTargets(config));
  const hasServed = [...config.targets.values()].some(isServed);
  return { counted, open, hasServed, canServe: online.some((name) => !open.has(name)) };
}

/** What is to be launched for each label, and what is not although it is missing. */
function findNeeds(draft: Draft, targets: TargetsInUse, images: ImageChoice): readonly Need[] {
  const line = lineUp(draft);
  const room = planRoom(draft, line, images);
  const needs = yieldPlaces(draft, findDeficits(draft, targets), { line, room });
  return needs.filter(({ amount, dropped, deferred }) => amount > 0 || dropped > 0 || deferred > 0);
}

function findDeficits(draft: Draft, targets: TargetsInUse): readonly Deficit[] {
  const { config, nodes, demand } = draft.world;
  const room = (label: LabelConfig, provider: string): number => estimate(draft, orderOf(label, provider)).room;
  return countDeficits({ labels: config.labels, nodes, demand, requested: countRequested(draft), targets, room });
}

function noteNothingToGive(draft: Draft): void {
  if (draft.world.config.targets.size === 0)
    draft.note('targets', 'no node is launched: the configuration has no target');
}

/** How many nodes of a label each provider gives, and how that came about. */
function noteShares(draft: Draft, shares: readonly Share[]): void {
  for (const { label, provider, waited, wanted, share, granted, keeps } of shares) {
    const turn = waited === 0 ? '' : `, first in line after ${waited} rounds with nothing`;
    const kept = keeps ? '; what is free there is kept for it until it fits' : '';
    const text = `gives ${granted}: its part of what is missing is ${round(wanted)}, and its free places allow for ${round(share)}${turn}${kept}`;
    draft.noteShare(`label ${label} at ${provider}`, text);
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function openRequest(draft: Draft, need: Need, images: ImageChoice): AllocationRequest {
  const { label: name, amount, forDemand, closed } = need;
  const label = draft.world.config.labels.get(name) as LabelConfig;
  const places = new Map<string, number>();
  let room = 0;
  for (const provider of label.providers) {
    const obstacle = findObstacle(draft, label, { provider, images });
    const offer = estimate(draft, orderOf(label, provider));
    if (obstacle !== null) draft.note(`label ${name} at ${provider}`, obstacle);
    else if (!closed.has(provider)) {
      places.set(provider, offer.places);
      room += offer.room;
    }
  }
  const forRequests = Math.min(need.forRequests, amount);
  const forQueues = Math.min(forDemand, amount) - forRequests;
  // Nothing is kept for what merely is to be READY.
  const keepAt = forDemand > 0 && room === 0 ? findKeeper(draft, label, { closed, images }) : null;
  return { label: name, amount, forRequests, forQueues, places, keepAt };
}

/** Where places are kept for a label until one of its nodes fits; null: nowhere. */
function findKeeper(
  draft: Draft,
  label: LabelConfig,
  { closed, images }: Pick<Need, 'closed'> & { readonly images: ImageChoice },
): string | null {
  return hopefulProviders(draft, label, images).find((provider) => !closed.has(provider)) ?? null;
}

interface Supplies {
  readonly needs: readonly Need[];
  readonly images: ImageChoice;
  readonly targets: TargetsInUse;
}

function openLaunches(draft: Draft, grants: readonly Grant[], { needs, images, targets }: Supplies): Launch[] {
  const reasons = new Map(needs.map((need) => [need.label, createReasons(need, targets)]));
  const launches: Launch[] = [];
  for (const grant of grants) {
    const { label: name, provider, target } = grant;
    const { image, subnodes } = draft.world.config.labels.get(name) as LabelConfig;
    for (const az of chooseZones(draft, grant, { image, ordered: launches })) {
      // There is one, or the provider would not have been asked.
      const { id: imageId } = images.take(provider, image) as ImageRecord;
      const reason = reasons.get(name)?.(target) ?? 'min-ready';
      launches.push({ label: name, provider, target, az, imageId, subnodes, reason });
    }
  }
  return launches;
}

/** Tells for whom each node of a label is launched at a target: first for those who wait, what is left for min-ready. */
function createReasons(
  { forRequests, forDemand }: Deficit,
  targets: TargetsInUse,
): (target: string) => Launch['reason'] {
  let [requested, queued] = [forRequests, forDemand - forRequests];
  return (target) => {
    const isOpen = targets.open.has(target);
    if (isOpen && requested > 0) {
      requested -= 1;
      return 'request';
    }
    if (queued === 0 || (isOpen && targets.hasServed)) return 'min-ready';
    queued -= 1;
    return 'demand';
  };
}

function noteShortages(draft: Draft, needs: readonly Need[], launches: readonly Launch[]): void {
  const launched = groupBy(launches, ({ label }) => label);
  for (const { label: name, amount, dropped, deferred, room } of needs) {
    const label = draft.world.config.labels.get(name) as LabelConfig;
    if (label.providers.length === 0) {
      draft.note(`label ${name}`, 'no provider may supply it');
      continue;
    }
    const left = label.providers.map((provider) => describeProvider(draft, label, provider)).join('; ');
    const count = amount - (launched.get(name)?.length ?? 0);
    const why =
      amount + dropped + deferred > room
        ? `do not fit: there is room for ${room}`
        : 'give way to requests that have waited for long';
    if (dropped > 0) draft.noteSpare(`label ${name}`, `${dropped} more for min-ready ${why} (${left})`);
    if (deferred > 0)
      draft.note(`label ${name}`, `${deferred} more give way to requests whose turn is before (${left})`);
    if (count > 0) draft.note(`label ${name}`, `${count} of ${amount} missing nodes are not launched now (${left})`);
  }
}

function describeProvider(draft: Draft, label: LabelConfig, provider: string): string {
  const probation = findProbation(draft, provider);
  if (probation !== null) {
    const { count, lastError } = probation;
    return `${provider} is tried by one launch at a time after ${count} failures: ${lastError}`;
  }
  const order = estimate(draft, orderOf(label, provider));
  return `${provider} has ${order.misfit === null ? describeLeft(order) : 'nothing that fits'}`;
}
