/**
 * Places where launches and builds fail: provider, image and zone, an image's build, or a provider as a whole.
 * A place that failed too often rests; after the rest one launch tries it before the others follow.
 */
import { CLOCK_DIFFERENCE_MS } from '../lifecycle/limits.ts';
import type { FailurePlace, FailureRecord, ImageRecord, NodeRecord } from '../lifecycle/records.ts';
import type { Launch } from './actions.ts';
import type { Draft } from './draft.ts';

export function launchPlace(node: { provider: string; az: string | null }, image: string | null): FailurePlace {
  return { kind: 'launch', provider: node.provider, image, az: node.az };
}

export function buildPlace(provider: string, image: string): FailurePlace {
  return { kind: 'build', provider, image, az: null };
}

export function diskImagePlace(image: string): FailurePlace {
  return { kind: 'disk-image', provider: '', image, az: null };
}

export function providerPlace(provider: string): FailurePlace {
  return { kind: 'provider', provider, image: null, az: null };
}

/** The same for the same place. */
export function placeKey({ kind, provider, image, az }: FailurePlace): string {
  return JSON.stringify([kind, provider, image, az]);
}

/** Compares the parts: it is asked for each label, provider and zone, and making keys would take longer. */
function findFailure(draft: Draft, place: FailurePlace): FailureRecord | null {
  const isSame = (other: FailurePlace): boolean =>
    other.kind === place.kind &&
    other.provider === place.provider &&
    other.image === place.image &&
    other.az === place.az;
  return draft.world.failures.find(isSame) ?? null;
}

/** Whether the place rests now; then the plan wakes when it may be tried again. */
export function isResting(draft: Draft, place: FailurePlace): FailureRecord | null {
  const failure = findFailure(draft, place);
  if (failure === null || failure.retryAt <= draft.world.now) return null;
  // Recorded before the clock was set back: its rest of minutes must not become one of hours.
  if (failure.lastAt > draft.world.now + CLOCK_DIFFERENCE_MS) return null;
  draft.wakeAt(failure.retryAt);
  return failure;
}

/** Until when a place rests, in words; `what` is not done there before. */
export function describeRest(what: string, { retryAt, count, lastError }: FailureRecord): string {
  return `not ${what} before ${new Date(retryAt).toISOString()} after ${count} failures: ${lastError}`;
}

/**
 * Whether a failure found now counts against its place: one per place and plan, and none while it rests, since
 * launches that were under way together fail together and say the same thing once.
 */
export function planFailure(draft: Draft, place: FailurePlace): boolean {
  const key = placeKey(place);
  if (draft.countedFailures.has(key) || isResting(draft, place) !== null) return false;
  draft.countedFailures.add(key);
  return true;
}

/** Failed launches at a place that bring it on probation: one launch tries it before others follow. */
const PROBATION_FAILURES = 3;

interface Place {
  readonly provider: string;
  readonly az: string | null;
  readonly image: string;
}

/** For so long after a failure it is better not to count on a place. */
const LATELY_MS = 1_800_000;

/** Whether launches at a place have failed lately, or the provider has refused them as a whole. */
export function isFailing(draft: Draft, { provider, az, image }: Place): boolean {
  const launch = findFailure(draft, launchPlace({ provider, az }, image));
  const failures = [
    findFailure(draft, providerPlace(provider)),
    (launch?.count ?? 0) < PROBATION_FAILURES ? null : launch,
  ];
  const { now } = draft.world;
  return failures.some((failure) => {
    if (failure === null || failure.lastAt > now + CLOCK_DIFFERENCE_MS || now >= failure.lastAt + LATELY_MS)
      return false;
    draft.wakeAt(failure.lastAt + LATELY_MS);
    return true;
  });
}

/** Launches that a place may have now, beside those `ordered` already: on probation one at a time, otherwise any number. */
export function countAllowedLaunches(draft: Draft, place: Place, ordered: readonly Launch[]): number {
  const failure = findFailure(draft, launchPlace(place, place.image));
  if (failure === null || failure.count < PROBATION_FAILURES) return Infinity;
  const isThere = ({ provider, az, label }: NodeRecord | Launch): boolean =>
    provider === place.provider && az === place.az && draft.world.config.labels.get(label)?.image === place.image;
  const isTried = ordered.some(isThere) || draft.world.nodes.some((node) => node.state === 'building' && isThere(node));
  return isTried ? 0 : 1;
}

/**
 * The refusal after which a provider is on probation: it refused as a whole (quota, credentials) and has rested. Until
 * a success one launch or template is tried at a time. null: it is not.
 */
export function findProbation(draft: Draft, provider: string): FailureRecord | null {
  const place = providerPlace(provider);
  return isResting(draft, place) === null ? findFailure(draft, place) : null;
}

/** The refusal because of which others wait while a provider is being tried; null: nobody has to wait. */
export function findTrial(draft: Draft, provider: string, ordered: readonly Launch[] = []): FailureRecord | null {
  const failure = findProbation(draft, provider);
  return failure !== null && isTried(draft, provider, ordered) ? failure : null;
}

/** A try is under way as long as the cloud has not accepted all of its servers. */
function isTried({ world, actions }: Draft, provider: string, ordered: readonly Launch[]): boolean {
  return (
    ordered.some((launch) => launch.provider === provider) ||
    actions.some((action) => action.kind === 'build-image' && action.provider === provider) ||
    [...world.nodes, ...world.images].some((row) => row.provider === provider && isUncreated(row))
  );
}

function isUncreated(row: NodeRecord | ImageRecord): boolean {
  // An upload needs no server.
  if (row.state !== 'building' || ('diskImageId' in row && row.diskImageId !== null)) return false;
  return row.serverId === null || ('subnodes' in row && row.subnodes.some(({ serverId }) => serverId === null));
}

/** Launches that a provider as a whole may have now, beside those `ordered` already. */
export function countAllowedAtProvider(draft: Draft, provider: string, ordered: readonly Launch[]): number {
  if (findProbation(draft, provider) === null) return Infinity;
  return isTried(draft, provider, ordered) ? 0 : 1;
}
