/** The life of a disk image: row, build, READY, removal of row and files. */
import { describeError, isNodepoolError } from '../lib/errors.ts';
import type { DiskImageRecord } from '../lifecycle/records.ts';
import { lastLines, logPath } from '../images/build-logs.ts';
import type { ActionOf } from '../planning/actions.ts';
import { byVersion } from '../planning/choose-image.ts';
import { diskImagePlace } from '../planning/places.ts';
import { logDirectory } from './build-log.ts';
import { departed, findDiskImage, type ActionContext, type Rest } from './context.ts';
import { nextVersion } from './image-row.ts';
import { insist } from './insist.ts';

/** Lines of the log that are kept with a failure. */
const LINES_KEPT = 20;

/** Makes the row of a new build; null when one of that disk image is under way. */
export async function openBuild(
  { image, reason }: { image: string; reason: string },
  { store, clock, log }: Pick<ActionContext, 'store' | 'clock' | 'log'>,
): Promise<number | null> {
  // Read anew: two builds of one version would have one name.
  const { diskImages } = await store.readPool();
  const version = nextVersion(
    clock,
    diskImages.filter((build) => build.image === image),
  );
  const id = await store.createDiskImage({ image, version, reason });
  if (id === null) return null;
  log.info({ diskImage: id, name: image, reason }, 'disk image ordered');
  await store.events.add({ kind: 'disk-image', id, name: image }, { kind: 'ordered', reason });
  return id;
}

export async function openDiskImage(
  { image, reason }: ActionOf<'open-disk-image'>,
  context: ActionContext,
): Promise<void> {
  await openBuild({ image, reason }, context);
}

export async function makeDiskImage(
  { diskImageId, reason }: ActionOf<'make-disk-image'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const build = findDiskImage(context, diskImageId);
  const { store, diskImages, clock, log, host, world } = context;
  const config = world.config.diskimages.get(build.image);
  const { directory } = diskImages;
  if (config === undefined || directory === null) throw departed(`disk image ${build.image}`);
  if (build.startedAt !== null && build.host !== host) return startOver(context, build);
  // What a half-done build left cannot be used, so that it starts is recorded first.
  const start = { startedAt: clock.now(), directory: directory.id, host, filename: diskImages.pathOf(build) };
  const started = { kind: 'build-started', reason, detail: host };
  if (!(await store.patch('disk-image', diskImageId, { state: 'building' }, start, started))) return;
  log.info({ diskImage: diskImageId, name: build.image, log: logOf(context, build) }, 'disk image is being built');
  try {
    const { elementsDir, scriptDir } = world.config;
    const order = { image: build.image, version: build.version, config, elementsDir, scriptDir };
    const files = await diskImages.build({ ...order, previousBytes: sizeOfNewest(context, build.image) }, signal);
    await insist(clock, signal, () => finishBuild(context, build, { ...start, files }));
  } catch (error) {
    // It is begun anew.
    if (isNodepoolError(error, 'aborted', 'database-unavailable')) throw error;
    await failBuild(context, build, { error, signal });
    // A mistake of ours.
    if (!isNodepoolError(error)) throw error;
  }
}

/**
 * What goes on of a build on a host that is not ours cannot be ended from here, and would go on writing where we do: it is
 * given up, and another one, with a name of its own, takes its place.
 */
async function startOver(context: ActionContext, build: DiskImageRecord): Promise<void> {
  const reason = 'build-interrupted';
  await endDiskImage(context, build, { reason, detail: `it was being built on host ${build.host ?? 'unknown'}` });
  await openBuild({ image: build.image, reason }, context);
}

function logOf(context: ActionContext, { image, version }: DiskImageRecord): string {
  return logPath(logDirectory(context), { provider: null, image, version });
}

/** What the files of the newest READY build take up on disk. */
function sizeOfNewest({ world }: ActionContext, name: string): number | null {
  const ready = world.diskImages.filter(
    ({ image, state, files }) => image === name && state === 'ready' && files !== null,
  );
  const [newest] = ready.toSorted(byVersion);
  return newest === undefined ? null : sumOf(newest.files ?? []);
}

function sumOf(files: NonNullable<DiskImageRecord['files']>): number {
  return files.reduce((sum, { allocatedBytes }) => sum + allocatedBytes, 0);
}

type Built = Pick<DiskImageRecord, 'startedAt' | 'directory' | 'host' | 'filename'> & {
  readonly files: NonNullable<DiskImageRecord['files']>;
};

async function finishBuild(context: ActionContext, build: DiskImageRecord, done: Built): Promise<boolean> {
  const { store, clock, log, metrics, failures, world } = context;
  const { id, image } = build;
  const { files } = done;
  const detail = files.map(({ format, bytes }) => `${format}: ${bytes} bytes`).join(', ');
  const event = { kind: 'ready', reason: 'next-step', detail };
  // Another daemon may have begun it anew elsewhere: the row says where the files are.
  const patch = { ...done, reason: null };
  if (!(await store.moveDiskImage({ id, from: 'building', to: 'ready', by: 'launch', patch, event }))) return false;
  const ms = clock.now() - build.createdAt;
  log.info({ diskImage: id, name: image, ms, files: detail }, 'disk image ready');
  metrics.diskImageBuilt({ diskimage: image, ms, files });
  await failures.clear(diskImagePlace(image), world.failures);
  return true;
}

async function failBuild(
  context: ActionContext,
  build: DiskImageRecord,
  { error, signal }: { error: unknown; signal: AbortSignal },
): Promise<void> {
  const { store, clock, log, failures } = context;
  const { id, image } = build;
  const problem = describeError(error);
  const lines = await endOfLog(logOf(context, build), problem);
  const event = { kind: 'build-failed', reason: 'build-failed', detail: [problem, ...lines].join('\n') };
  const patch = { reason: 'build-failed' };
  const move = { id, from: 'building', to: 'delete', by: 'launch', patch, event } as const;
  if (!(await insist(clock, signal, () => store.moveDiskImage(move)))) return;
  log.warn(
    { diskImage: id, name: image, error: problem, log: logOf(context, build) },
    'the build of a disk image failed',
  );
  await failures.record(diskImagePlace(image), problem);
}

/** The last lines of a log, without the one that says `problem` once more: the log ends with it. */
async function endOfLog(path: string, problem: string): Promise<readonly string[]> {
  const lines = await lastLines(path, LINES_KEPT + 1);
  return lines.filter((line) => !line.endsWith(`failed: ${problem}`)).slice(-LINES_KEPT);
}

export async function retireDiskImage(
  { diskImageId, reason }: ActionOf<'retire-disk-image'>,
  context: ActionContext,
): Promise<void> {
  await endDiskImage(context, findDiskImage(context, diskImageId), { reason, detail: null });
}

/** Marks a build for deletion. */
export async function endDiskImage(
  { store, log, failures }: ActionContext,
  { id, image, state: from }: DiskImageRecord,
  { reason, detail }: { reason: string; detail: string | null },
): Promise<void> {
  if (from === 'delete') return;
  const event = { kind: from === 'building' ? 'build-failed' : 'retired', reason, detail };
  const hasWon = await store.moveDiskImage({ id, from, to: 'delete', by: 'cleanup', patch: { reason }, event });
  if (!hasWon) return;
  log.info({ diskImage: id, name: image, from, reason, detail }, 'disk image retired');
  // A daemon whose configuration has it would begin it anew at once, as often as one whose has not ends it.
  if (from === 'building') await failures.record(diskImagePlace(image), `its build was ended: ${detail ?? reason}`);
}

/** What is not found here is looked for again this often, in milliseconds, as long as somebody else may have it. */
const LOOK_AGAIN_MS = 10 * 60_000;
const NOT_HERE = 'its files are not here; a daemon with another images directory may have them';

/** Whether another images directory is in use. The original wrote down paths only, which are the same on many hosts. */
async function isSeenByOthers({ store, clock, diskImages }: ActionContext): Promise<boolean> {
  const own = `images:${diskImages.directory?.id ?? ''}`;
  const leases = await store.leases.list();
  return leases.some(({ name, expiresAt }) => name.startsWith('images:') && name !== own && expiresAt > clock.now());
}

/** Looks what files a build has that the original made. */
export async function inspectDiskImage(
  { diskImageId }: ActionOf<'inspect-disk-image'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<Rest | void> {
  const build = findDiskImage(context, diskImageId);
  const { store, diskImages, host } = context;
  const directory = diskImages.directory?.id ?? null;
  const files = await diskImages.inspect(build, signal, formerNames(build));
  if (files.length === 0 && (await isSeenByOthers(context))) return { restMs: LOOK_AGAIN_MS, error: NOT_HERE };
  if (files.length === 0) {
    const detail = `there is no image at ${build.filename ?? 'its path, which is not known'}`;
    return endDiskImage(context, build, { reason: 'files-missing', detail });
  }
  const filename = diskImages.pathOf(build);
  await store.patch('disk-image', diskImageId, { state: 'ready' }, { files, directory, host, filename });
}

/** The first releases of the original wrote the extension into the column; the last ones called files by the row's id. */
function formerNames({ id, filename }: DiskImageRecord): readonly string[] {
  const name = filename?.split('/').at(-1) ?? '';
  return [name, name.replace(/\.qcow2$/, ''), String(id)];
}

export async function removeDiskImage(
  { diskImageId, reason, hasFiles }: ActionOf<'remove-disk-image'>,
  context: ActionContext,
): Promise<void> {
  const build = findDiskImage(context, diskImageId);
  const { id, image, version, filename, host, directory } = build;
  const { store, diskImages, log } = context;
  // Of the original, and never looked at: its files have the names that it gave them.
  if (hasFiles) await diskImages.remove({ image, version }, directory === null ? formerNames(build) : []);
  const isLeft = !hasFiles && filename !== null;
  const detail = isLeft ? `files left behind: ${filename}${host === null ? '' : ` on host ${host}`}` : null;
  if (!(await store.removeDiskImage(id, { kind: 'removed', reason, detail }))) return;
  log.info({ diskImage: id, name: image, detail }, 'disk image deleted');
}

export async function noteUploads(
  { diskImageId, uploads }: ActionOf<'note-uploads'>,
  { store }: ActionContext,
): Promise<void> {
  await store.patch('disk-image', diskImageId, {}, { uploads });
}

export async function sweepImagesDirectory(
  _action: ActionOf<'sweep-images-directory'>,
  { store, diskImages }: ActionContext,
): Promise<void> {
  const own = diskImages.directory?.id ?? null;
  // Read anew: a build may have begun since the plan, and one that has no directory yet may begin in this one at any
  // moment. One that went on in another directory is not known in this one.
  const { diskImages: rows } = await store.readPool();
  const known = new Set(
    rows
      .filter(({ directory }) => directory === own || directory === null)
      .map(({ image, version }) => `${image}-${version}`),
  );
  await diskImages.sweep(({ image, version }) => known.has(`${image}-${version}`));
}
