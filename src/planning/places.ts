/**
 * Places where launches and builds fail: provider, image and zone, an image's build, or a provider as a whole.
 * A place that failed too often rests; after the rest one launch tries it before the others follow.
 */
import type { FailurePlace, FailureRecord } from '../lifecycle/records.ts';
import type { Draft } from './draft.ts';

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
    other.kind === place.kind && other.provider === place.provider && other.image === place.image && other.az === place.az;
  return draft.world.failures.find(isSame) ?? null;
}

/** Whether the place rests now; then the plan wakes when it may be tried again. */
export function isResting(draft: Draft, place: FailurePlace): FailureRecord | null {
  const failure = findFailure(draft, place);
  if (failure === null || failure.retryAt <= draft.world.now) return null;
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

/** Launches that a place may have now: on probation one at a time, otherwise any number. */
export function countAllowedLaunches(draft: Draft, place: { provider: string; az: string | null; image: string }): number {
  const failure = findFailure(draft, launchPlace(place, place.image));
  if (failure === null || failure.count < PROBATION_FAILURES) return Infinity;
  const trying = draft.world.nodes.filter(
    (node) => node.state === 'building' && node.provider === place.provider && node.az === place.az
      && draft.world.config.labels.get(node.label)?.image === place.image,
  );
  return trying.length === 0 ? 1 : 0;
}
