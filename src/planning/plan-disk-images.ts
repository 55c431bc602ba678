/**
 * Plans builds of disk images: which are due, the steps of those under way, and the removal of old ones. Who holds the
 * lease of a disk image builds it; who holds that of an images directory handles the files in it.
 */
import type { DiskimageConfig } from '../config/types.ts';
import { GENERATIONS_KEPT } from '../lifecycle/limits.ts';
import type { DiskImageRecord } from '../lifecycle/records.ts';
import type { Reason } from './actions.ts';
import { byVersion } from './choose-image.ts';
import type { Draft } from './draft.ts';
import { diskImagesInUse } from './images-in-use.ts';
import { findAnyPause } from './pauses.ts';
import { describeRest, diskImagePlace, isResting } from './places.ts';

export function planDiskImages(draft: Draft): void {
  const { world } = draft;
  if (world.switches.images) planMissingBuilds(draft);
  const generations = new Map<string, number>();
  for (const build of world.diskImages.toSorted(byVersion)) {
    const age = generations.get(build.image) ?? 0;
    if (build.state === 'ready') generations.set(build.image, age + 1);
    planDiskImage(draft, build, age);
  }
  planSweep(draft);
}

/** Whether this daemon builds the disk image. */
function mayBuild(draft: Draft, image: string): boolean {
  return draft.world.leases.has(`diskimage:${image}`) && draft.world.workshop.directory !== null;
}

/** Whether the files of a build are in the directory that this daemon handles. */
export function hasFiles({ world }: Draft, { directory, filename }: DiskImageRecord): boolean {
  const own = world.workshop.directory;
  if (own === null || !world.leases.has(`images:${own.id}`)) return false;
  // Builds of the original know their path only.
  return directory === null ? filename !== null && isIn(own.path, filename) : directory === own.id;
}

function isIn(directory: string, path: string): boolean {
  return path.startsWith(`${directory}/`) && !path.includes('/', directory.length + 1);
}

/** `age` is the number of READY builds of the image that are newer. */
function planDiskImage(draft: Draft, build: DiskImageRecord, age: number): void {
  const { world } = draft;
  if (build.state === 'delete') return planRemoval(draft, build);
  if (!world.config.diskimages.has(build.image)) {
    if (world.leases.has('supply')) retireDiskImage(draft, build, 'image-removed');
    return;
  }
  if (build.state === 'building') {
    if (mayBuild(draft, build.image)) planBuild(draft, build);
    else noteUnattended(draft, build);
    return;
  }
  if (age >= GENERATIONS_KEPT && mayBuild(draft, build.image) && !isUploading(draft, build))
    retireDiskImage(draft, build, 'image-outdated');
  else if (build.files === null) planInspection(draft, build);
}

function isUploading({ world }: Draft, { id }: DiskImageRecord): boolean {
  return world.images.some(({ state, diskImageId }) => state === 'building' && diskImageId === id);
}

function planBuild(draft: Draft, build: DiskImageRecord): void {
  const subject = `disk-image:${build.id}` as const;
  if (draft.isBusy(subject)) return;
  if (!draft.world.switches.images) return;
  const delay = findBuildDelay(draft, build);
  if (delay !== null) return draft.note(`disk image ${build.image}`, delay);
  // Nobody else builds it, and we do not: whoever did is gone, and what it left cannot be used.
  const reason = build.startedAt === null ? 'next-step' : 'build-interrupted';
  draft.order({ kind: 'make-disk-image', subject, reason, diskImageId: build.id });
}

/** Why a build that was ordered is not begun now; null: it is. */
function findBuildDelay(draft: Draft, { image, reason }: DiskImageRecord): string | null {
  const config = draft.world.config.diskimages.get(image);
  const paused = reason === 'operator' || config === undefined ? null : findAnyPause(draft.world, config, null);
  if (paused !== null) return paused;
  const running = countRunning(draft);
  return running < draft.world.workshop.workers.builds ? null : `waits for its turn: ${running} are being built`;
}

/** Another daemon may build it; should there be none, somebody has to say why nothing happens. */
function noteUnattended(draft: Draft, { image }: DiskImageRecord): void {
  const { workshop, leases } = draft.world;
  if (workshop.problem !== null && leases.has('supply'))
    draft.note(`disk image ${image}`, `its build waits for a daemon that builds; not here: ${workshop.problem}`);
}

/** Builds under way here, those of this plan included. */
function countRunning(draft: Draft): number {
  const running = draft.world.diskImages.filter(
    ({ id, state }) => state === 'building' && draft.isUnderWay(`disk-image:${id}`),
  );
  return running.length + draft.actions.filter(({ kind }) => kind === 'make-disk-image').length;
}

/** One after the other: the digests of all images of a pool take up the processor for long. */
function planInspection(draft: Draft, build: DiskImageRecord): void {
  const subject = `disk-image:${build.id}` as const;
  if (hasFiles(draft, build) && !isInspecting(draft))
    draft.order({ kind: 'inspect-disk-image', subject, reason: 'next-step', diskImageId: build.id });
}

/** Nothing else takes long that is done to a READY build of which nobody knows the files. */
function isInspecting(draft: Draft): boolean {
  const isInspected = ({ id, state, files }: DiskImageRecord): boolean =>
    state === 'ready' && files === null && draft.isUnderWay(`disk-image:${id}`);
  return draft.actions.some(({ kind }) => kind === 'inspect-disk-image') || draft.world.diskImages.some(isInspected);
}

function retireDiskImage(draft: Draft, { id }: DiskImageRecord, reason: Reason): void {
  draft.order({ kind: 'retire-disk-image', subject: `disk-image:${id}`, reason, diskImageId: id });
}

/** The row goes when its files have: files without a row would be found by nobody. */
function planRemoval(draft: Draft, build: DiskImageRecord): void {
  const { world } = draft;
  const base = { kind: 'remove-disk-image', subject: `disk-image:${build.id}`, diskImageId: build.id } as const;
  if (hasFiles(draft, build)) return draft.order({ ...base, reason: 'deleted', hasFiles: true });
  const isForced = build.reason === 'forced';
  const hasNone = build.directory === null && build.filename === null;
  if (isForced || hasNone) {
    if (world.leases.has('supply')) draft.order({ ...base, reason: isForced ? 'forced' : 'deleted', hasFiles: false });
    return;
  }
  if (world.leases.has('supply'))
    draft.note(`disk image ${build.image}`, `build ${build.id} waits for its deletion${describePlace(build)}`);
}

function describePlace({ host, filename }: DiskImageRecord): string {
  const where = host === null ? '' : ` on host ${host}`;
  return ` by a daemon that has its files, ${filename ?? 'of unknown name'}${where}`;
}

function planMissingBuilds(draft: Draft): void {
  for (const name of diskImagesInUse(draft.world.config)) {
    const config = draft.world.config.diskimages.get(name);
    if (config === undefined || !mayBuild(draft, name)) continue;
    const builds = draft.world.diskImages.filter(({ image }) => image === name);
    if (builds.some(({ state }) => state === 'building')) continue;
    const reason = dueReason(draft, config, builds);
    if (reason === null) continue;
    const obstacle = findBuildObstacle(draft, config);
    if (obstacle !== null) draft.note(`disk image ${name}`, obstacle);
    else draft.order({ kind: 'open-disk-image', subject: `disk-build:${name}`, reason, image: name });
  }
}

type DueReason = Extract<Reason, 'image-missing' | 'image-update' | 'rebuild-age' | 'format-missing'>;

function dueReason(draft: Draft, config: DiskimageConfig, builds: readonly DiskImageRecord[]): DueReason | null {
  const [newest] = builds.filter(({ state }) => state === 'ready').sort(byVersion);
  if (newest === undefined) return 'image-missing';
  const builtAt = newest.version * 1000;
  const firedAt = draft.world.memory.cron.firedAt.imageUpdate;
  if (firedAt !== null && builtAt < firedAt) return 'image-update';
  const { files } = newest;
  if (files !== null && config.formats.some((format) => !files.some((file) => file.format === format)))
    return 'format-missing';
  if (config.rebuildAgeMs === null) return null;
  if (draft.world.now >= builtAt + config.rebuildAgeMs) return 'rebuild-age';
  draft.wakeAt(builtAt + config.rebuildAgeMs);
  return null;
}

/** Why a disk image cannot be built now; null: it can. */
export function findBuildObstacle(
  draft: Draft,
  { name, pause }: Pick<DiskimageConfig, 'name' | 'pause'>,
): string | null {
  const paused = findAnyPause(draft.world, { name, pause }, null);
  if (paused !== null) return paused;
  const rest = isResting(draft, diskImagePlace(name));
  return rest === null ? null : describeRest('built again', rest);
}

/** Leftovers in the images directory are looked for when the clean-up fires. */
function planSweep(draft: Draft): void {
  const { workshop, leases } = draft.world;
  if (!draft.isCleanupDue || workshop.directory === null || !leases.has(`images:${workshop.directory.id}`)) return;
  draft.order({ kind: 'sweep-images-directory', subject: 'images-directory', reason: 'cleanup-due' });
}
