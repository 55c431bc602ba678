/**
 * Which image nodes boot from: the newest READY one of their provider, unless it was withdrawn, or its first launches
 * fail while those from the image before it had not.
 */
import { groupBy } from '../lib/group-by.ts';
import { TRIAL_FAILURES_LEAST, TRIAL_LAUNCHES } from '../lifecycle/limits.ts';
import type { ImageRecord } from '../lifecycle/records.ts';
import type { World } from './world.ts';

type ImageGroups = ReadonlyMap<string, readonly ImageRecord[]>;

// Built once per read of the records: each provider image is looked up several times in a plan.
const groupsOf = new WeakMap<readonly ImageRecord[], ImageGroups>();

/** Images of one provider and name each, the newest first. */
export function groupImages(images: readonly ImageRecord[]): ImageGroups {
  const known = groupsOf.get(images);
  if (known !== undefined) return known;
  const groups = groupBy(images, ({ provider, image }) => `${provider}/${image}`);
  for (const group of groups.values()) group.sort(byVersion);
  groupsOf.set(images, groups);
  return groups;
}

/** The rows of one provider image, the newest first. */
export function imagesOf(images: readonly ImageRecord[], provider: string, name: string): readonly ImageRecord[] {
  return groupImages(images).get(`${provider}/${name}`) ?? [];
}

/** What nodes of one provider image may boot from, the newest first. */
export function usableImages(images: readonly ImageRecord[], provider: string, name: string): readonly ImageRecord[] {
  return imagesOf(images, provider, name).filter(isUsable);
}

/** READY, known to the cloud, and not withdrawn. */
export function isUsable({ state, cloudImageId, withdrawnAt }: ImageRecord): boolean {
  return state === 'ready' && cloudImageId !== null && withdrawnAt === null;
}

/** The newest first. */
export function byVersion(a: { version: number; id: number }, b: { version: number; id: number }): number {
  return b.version - a.version || b.id - a.id;
}

/** Whether the end of one more launch from the image is counted: those of the first, and the first that went well. */
export function isCounted({ launchesOk, launchesFailed }: ImageRecord, hasWorked: boolean): boolean {
  return launchesOk + launchesFailed < TRIAL_LAUNCHES || (hasWorked && launchesOk === 0);
}

/** What the first launches from an image say against it, when those from the one before it speak for that; or null. */
export function describeFailing(image: ImageRecord, before: ImageRecord | undefined, share: number): string | null {
  const { launchesOk: ok, launchesFailed: failed } = image;
  if (before === undefined || before.launchesOk === 0) return null;
  if (failed < TRIAL_FAILURES_LEAST || failed <= share * (ok + failed)) return null;
  return `${failed} of its first ${ok + failed} launches failed; back to image ${before.id}`;
}

export interface ImageChoice {
  has(provider: string, name: string): boolean;
  /** The image for one more node; null: there is none. */
  take(provider: string, name: string): ImageRecord | null;
}

interface Candidates {
  readonly settled: ImageRecord;
  /** A new image that one node may try now, before others follow. */
  canary: ImageRecord | null;
}

/** Chooses images for the launches of one plan. */
export function chooseImages({ config, images, nodes }: Pick<World, 'config' | 'images' | 'nodes'>): ImageChoice {
  const known = new Map<string, Candidates | null>();

  const find = (provider: string, name: string): Candidates | null => {
    const [newest, before] = usableImages(images, provider, name);
    if (newest === undefined) return null;
    if (before === undefined) return { settled: newest, canary: null };
    if (describeFailing(newest, before, config.imageFailureShare) !== null) return { settled: before, canary: null };
    if (!config.imageCanary || newest.launchesOk > 0) return { settled: newest, canary: null };
    const isTried = nodes.some(({ state, imageId }) => state === 'building' && imageId === newest.id);
    // Where one node is launched at a time, the image before would never show that it works.
    const isOthersTurn = newest.launchesFailed >= TRIAL_FAILURES_LEAST && before.launchesOk === 0;
    return { settled: before, canary: isTried || isOthersTurn ? null : newest };
  };
  const candidates = (provider: string, name: string): Candidates | null => {
    const key = `${provider}/${name}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const fresh = find(provider, name);
    known.set(key, fresh);
    return fresh;
  };
  return {
    has: (provider, name) => candidates(provider, name) !== null,
    take: (provider, name) => {
      const found = candidates(provider, name);
      if (found === null) return null;
      const { canary } = found;
      found.canary = null;
      return canary ?? found.settled;
    },
  };
}
