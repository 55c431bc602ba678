/** Plans uploads of disk images to providers: which are missing, and the next step of those under way. */
import type { ProviderConfig, ProviderImageConfig } from '../config/types.ts';
import { IMAGE_SAVE_LIMIT_MS } from '../lifecycle/limits.ts';
import type { DiskImageRecord, ImageRecord } from '../lifecycle/records.ts';
import type { Reason } from './actions.ts';
import { byVersion, imagesOf, isUsable } from './choose-image.ts';
import type { Draft } from './draft.ts';
import { imagesInUse } from './images-in-use.ts';
import { findAnyPause } from './pauses.ts';
import { buildPlace, describeRest, isResting, providerPlace } from './places.ts';
import { findBuildObstacle, hasFiles } from './plan-disk-images.ts';
import type { World } from './world.ts';

/** A provider image, as `uploads` of a build and messages name it. */
function uploadKey(provider: string, image: string): string {
  return `${provider}/${image}`;
}

export function planUploads(draft: Draft): void {
  if (!draft.world.switches.images || draft.world.workshop.directory === null) return;
  const builds = draft.world.diskImages.filter((build) => hasFiles(draft, build)).sort(byVersion);
  if (builds.length === 0) return;
  noteUploads(draft, builds);
  planRunning(draft, builds);
  for (const [name, images] of imagesInUse(draft.world.config)) {
    const provider = draft.world.config.providers.get(name) as ProviderConfig;
    for (const image of images) {
      const config = provider.images.get(image);
      if (config !== undefined) planUpload(draft, { provider, config, builds });
    }
  }
}

/** What was there once is not uploaded again because somebody deletes it: that is how one goes back to the one before. */
function noteUploads(draft: Draft, builds: readonly DiskImageRecord[]): void {
  for (const { id, uploads } of builds) {
    const done = draft.world.images.filter(({ state, diskImageId }) => state === 'ready' && diskImageId === id);
    const all = new Set([...uploads, ...done.map(({ provider, image }) => uploadKey(provider, image))]);
    if (all.size === uploads.length) continue;
    const subject = `disk-image:${id}` as const;
    draft.order({ kind: 'note-uploads', subject, reason: 'next-step', diskImageId: id, uploads: [...all] });
  }
}

function planRunning(draft: Draft, builds: readonly DiskImageRecord[]): void {
  const running = countRunning(draft);
  // Those at providers to which little is sent come first, so that a slow cloud does not hold up the others.
  const waiting = findWaiting(draft, builds).sort(
    (a, b) => running.at(a.provider) - running.at(b.provider) || a.id - b.id,
  );
  for (const image of waiting) {
    const delay = findUploadDelay(draft, image, running);
    if (delay !== null) {
      draft.note(`image ${image.image} at ${image.provider}`, delay);
      continue;
    }
    const { id: imageId, diskImageId } = image;
    draft.order({ kind: 'upload-image', subject: `image:${imageId}`, reason: 'next-step', imageId, diskImageId });
    running.add(image.provider);
  }
}

type Waiting = ImageRecord & { readonly diskImageId: number };

/** Uploads that this daemon has the files for, and that may go on. */
function findWaiting(draft: Draft, builds: readonly DiskImageRecord[]): Waiting[] {
  const ids = new Set<number | null>(builds.map(({ id }) => id));
  const isWaiting = (image: ImageRecord): image is Waiting =>
    image.state === 'building' &&
    ids.has(image.diskImageId) &&
    // One that can come to no end is ended by whoever acts on its provider.
    lostUploadReason(draft, image) === null &&
    !draft.isBusy(`image:${image.id}`);
  return draft.world.images.filter(isWaiting);
}

/** Why the next step of an upload is not made now; null: it is. */
function findUploadDelay(
  draft: Draft,
  { provider, image, reason, saveAttempt }: ImageRecord,
  running: Running,
): string | null {
  const config = draft.world.config.providers.get(provider)?.images.get(image);
  const mayBePaused = config !== undefined && saveAttempt === 0 && reason !== 'operator';
  const paused = mayBePaused ? findAnyPause(draft.world, config, provider) : null;
  if (paused !== null) return paused;
  const { uploads } = draft.world.workshop.workers;
  if (running.total >= uploads) return `waits for its turn: ${running.total} uploads are running`;
  // One worker is left to the other providers.
  if (running.at(provider) < Math.max(1, uploads - 1)) return null;
  return `waits for its turn: ${running.at(provider)} uploads to ${provider} are running`;
}

/** Why an upload under way can come to no end; null: it can. */
export function lostUploadReason({ world }: Draft, image: ImageRecord): Reason | null {
  const provider = world.config.providers.get(image.provider);
  if (provider?.images.get(image.image)?.source.kind !== 'diskimage') return 'image-removed';
  // The original left it half done: nobody goes on with it.
  if (image.diskImageId === null) return 'image-failed';
  const build = world.diskImages.find(({ id }) => id === image.diskImageId);
  if (build?.state !== 'ready') return 'files-missing';
  if (!hasFormat(build, provider.imageType)) return 'format-missing';
  return isForsaken(world, { image, build, format: provider.imageType }) ? 'save-timeout' : null;
}

interface Forsaken {
  readonly image: ImageRecord;
  readonly build: DiskImageRecord;
  readonly format: string;
}

/**
 * Whether nobody seems to go on with an upload that stands in the way of a newer build, which lies elsewhere: a host may be
 * gone for good. Where the files are one goes on as long as it takes.
 */
function isForsaken({ now, diskImages }: World, { image, build, format }: Forsaken): boolean {
  if (now < (image.saveAt ?? image.createdAt) + IMAGE_SAVE_LIMIT_MS) return false;
  return diskImages.some(
    (other) => other.version > build.version && other.directory !== build.directory && fits(other, build.image, format),
  );
}

/** Uploads under way here, those of the plan included. */
class Running {
  readonly #counts = new Map<string, number>();
  total = 0;

  at(provider: string): number {
    return this.#counts.get(provider) ?? 0;
  }

  add(provider: string): void {
    this.#counts.set(provider, this.at(provider) + 1);
    this.total += 1;
  }
}

function countRunning(draft: Draft): Running {
  const running = new Running();
  for (const { id, state, diskImageId, provider } of draft.world.images) {
    if (state === 'building' && diskImageId !== null && draft.isUnderWay(`image:${id}`)) running.add(provider);
  }
  return running;
}

interface Place {
  readonly provider: ProviderConfig;
  readonly config: ProviderImageConfig;
  readonly builds: readonly DiskImageRecord[];
}

function planUpload(draft: Draft, { provider, config, builds }: Place): void {
  const { source, name } = config;
  if (source.kind !== 'diskimage') return;
  const rows = imagesOf(draft.world.images, provider.name, name);
  if (rows.some(({ state }) => state === 'building')) return;
  const fitting = builds.filter((build) => fits(build, source.diskimage, provider.imageType));
  const due = findDueUpload(draft, { fitting, rows, key: uploadKey(provider.name, name) });
  if (due === null) return;
  const obstacle = findUploadObstacle(draft, provider.name, config);
  if (obstacle !== null) return draft.note(`image ${name} at ${provider.name}`, obstacle);
  const subject = `build:${provider.name}/${name}` as const;
  draft.order({ kind: 'open-upload', subject, provider: provider.name, image: name, ...due });
}

/** The newest READY build that has a file of the format, among those given (the newest first). */
export function newestBuild(builds: readonly DiskImageRecord[], name: string, format: string): DiskImageRecord | null {
  return builds.find((build) => fits(build, name, format)) ?? null;
}

function fits(build: DiskImageRecord, name: string, format: string): boolean {
  return build.image === name && build.state === 'ready' && hasFormat(build, format);
}

function hasFormat({ files }: DiskImageRecord, format: string): boolean {
  return files !== null && files.some((file) => file.format === format);
}

interface Candidates {
  /** Builds that may be uploaded, the newest first. */
  readonly fitting: readonly DiskImageRecord[];
  /** Images that the provider has of that name. */
  readonly rows: readonly ImageRecord[];
  readonly key: string;
}

/** Which build is to be uploaded, and why; null: none is. */
function findDueUpload(
  draft: Draft,
  { fitting, rows, key }: Candidates,
): { readonly diskImageId: number; readonly reason: Reason } | null {
  // Withdrawn or not: it would be the same image again.
  const isThere = (build: DiskImageRecord): boolean =>
    rows.some(({ state, diskImageId }) => state === 'ready' && diskImageId === build.id);
  const usable = rows.filter(isUsable);
  if (usable.length === 0) {
    const build = fitting.find((candidate) => !isThere(candidate));
    return build === undefined ? null : { diskImageId: build.id, reason: 'image-missing' };
  }
  const [newest] = fitting;
  if (newest === undefined) return null;
  const due = { diskImageId: newest.id, reason: 'new-build' } as const;
  if (isOvertaken(draft, newest, rows)) return due;
  if (isThere(newest) || newest.uploads.includes(key)) return null;
  return usable.some((row) => isOfNewer(draft, row, newest)) ? null : due;
}

/**
 * Whether nodes boot from an image that was made later of something else, as when the configuration has gone back to a disk
 * image that it had before: nothing but the same image once more brings that about. It is not to come back where an
 * operator has gone back from it, and one that is left of what was before is older than the build.
 */
function isOvertaken({ world }: Draft, build: DiskImageRecord, rows: readonly ImageRecord[]): boolean {
  const current = rows.find(isUsable);
  if (current === undefined || current.version <= build.version) return false;
  if (rows.some(({ diskImageId, withdrawnAt }) => diskImageId === build.id && withdrawnAt !== null)) return false;
  // Of uploads of the original nobody knows the build.
  if (current.diskImageId === null) return current.attempt > 0;
  const own = world.diskImages.find(({ id }) => id === current.diskImageId);
  return own !== undefined && own.image !== build.image;
}

/**
 * Whether an image was made of a newer build of the same disk image, which may lie in another directory. Where nobody knows
 * its build, as with those of the original, its own age tells.
 */
function isOfNewer({ world }: Draft, { diskImageId, version }: ImageRecord, build: DiskImageRecord): boolean {
  const own = world.diskImages.find(({ id }) => id === diskImageId);
  return own === undefined ? version > build.version : own.image === build.image && own.version > build.version;
}

/** Why nothing is uploaded to a provider now; null: it can be. */
function findUploadObstacle(draft: Draft, provider: string, config: ProviderImageConfig): string | null {
  const paused = findAnyPause(draft.world, config, provider);
  if (paused !== null) return paused;
  const rest = isResting(draft, buildPlace(provider, config.name)) ?? isResting(draft, providerPlace(provider));
  return rest === null ? null : describeRest('uploaded again', rest);
}

/** What an image waits for that is made of a disk image and is not at its provider. */
export function describeUploadWait(draft: Draft, diskimage: string, format: string): string {
  const { diskImages, workshop, config } = draft.world;
  const builds = diskImages.filter(({ image }) => image === diskimage).sort(byVersion);
  const build = newestBuild(builds, diskimage, format);
  if (build !== null) {
    if (hasFiles(draft, build)) return `waits for the upload of disk image ${diskimage}`;
    const where = build.host === null ? '' : ` on host ${build.host}`;
    return `waits for the upload of disk image ${diskimage} by the daemon that has its files${where}`;
  }
  const wait = `waits for disk image ${diskimage} to be built`;
  if (builds.some(({ state }) => state === 'building')) return wait;
  const obstacle = findBuildObstacle(draft, {
    name: diskimage,
    pause: config.diskimages.get(diskimage)?.pause ?? false,
  });
  if (obstacle !== null) return `${wait}, which is ${obstacle}`;
  return workshop.problem === null ? wait : `${wait}; not here: ${workshop.problem}`;
}
