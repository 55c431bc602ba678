/**
 * Places where launches and builds fail: provider, image and zone, an image's build, or a provider as a whole.
 * A place that failed too often rests; after the rest one launch tries it before the others follow.
 */
import type { FailurePlace, FailureRecord, NodeRecord } from '../lifecycle/records.ts';
import type { Launch } from './actions.ts';
import type { Draft } from './draft.ts';

/** Clocks of daemons on one database may differ by this much, in milliseconds. */
const CLOCK_DIFFERENCE_MS = 60_000;

export function launchPlace(node: { provider: string; az: string | null }, image: string | null): FailurePlace {
  return { kind: 'launch', provider: node.provider, image, az: node.az };
}

export function buildPlace(provider: string, image: string): FailurePlace {
  return { kind: 'build', provider, image, az: null };
}

export function providerPlace(provider: string): FailurePlace {
  return { kind: 'provider', provider, image: null, az: null };
}

export function findFailure(draft: Draft, place: FailurePlace): FailureRecord | null {
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

/**
 * Whether a failure found now counts against its place: one per place and plan, and none while it rests, since
 * launches that were under way together fail together and say the same thing once.
 */
export function planFailure(draft: Draft, place: FailurePlace): boolean {
  const key = [place.kind, place.provider, place.image, place.az].join('/');
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

/** Launches that a place may have now, beside those `ordered` already: on probation one at a time, otherwise any number. */
export function countAllowedLaunches(draft: Draft, place: Place, ordered: readonly Launch[]): number {
  const failure = findFailure(draft, launchPlace(place, place.image));
  if (failure === null || failure.count < PROBATION_FAILURES) return Infinity;
  const isThere = ({ provider, az, label }: NodeRecord | Launch): boolean =>
    provider === place.provider && az === place.az && draft.world.config.labels.get(label)?.image === place.image;
  const isTried = ordered.some(isThere) || draft.world.nodes.some((node) => node.state === 'building' && isThere(node));
  return isTried ? 0 : 1;
}
