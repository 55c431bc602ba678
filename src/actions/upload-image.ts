/**
 * Brings a file of a disk image to a provider. The id that the cloud's image will have is chosen and recorded before it
 * is made, so that what an attempt left that was cut off is found by it: finished, it is taken; otherwise it goes, and the
 * next attempt has another id.
 */
import type { ProviderImageConfig } from '../config/types.ts';
import { describeError, isNodepoolError, NodepoolError, type ErrorCode } from '../lib/errors.ts';
import { cloudImageId, type CloudImageId } from '../lib/ids.ts';
import { IMAGE_SAVE_LIMIT_MS, UPLOAD_ATTEMPTS_MAX, UPLOAD_SETTLE_MS } from '../lifecycle/limits.ts';
import { recordKey, type DiskImageRecord, type ImageFile, type ImageRecord } from '../lifecycle/records.ts';
import type { ActionOf } from '../planning/actions.ts';
import type { CloudImage, UploadSpec } from '../providers/provider.ts';
import { departed, findDiskImage, findImage, type ActionContext, type Rest } from './context.ts';
import { endDiskImage } from './disk-images.ts';
import { announceReady, imageHostname, nextVersion } from './image-row.ts';
import { insist } from './insist.ts';
import { endImage } from './retire.ts';
import { imageOf, providerOf } from './server-spec.ts';

/** How far an upload has come is written down this often, in milliseconds. */
const PROGRESS_INTERVAL_MS = 5000;
const BYTES_PER_GIB = 1024 ** 3;
/** Some formats round a disk up to whole cylinders: that must not rule out the flavor that it was made for. */
const ROUNDING_BYTES = 16 * 1024 ** 2;

interface NewUpload {
  readonly provider: string;
  readonly image: string;
  readonly diskImageId: number;
  readonly reason: string;
}

/** Makes the row of a new upload; null when one of that provider image is under way. */
export async function openUploadRow(
  { provider, image, diskImageId, reason }: NewUpload,
  { store, world, clock, log }: ActionContext,
): Promise<number | null> {
  const rows = world.images.filter((row) => row.provider === provider && row.image === image);
  const version = nextVersion(clock, rows);
  const hostname = imageHostname(world.config, { provider, image, version });
  const id = await store.createImage({ provider, image, hostname, version, reason, diskImageId });
  if (id !== null) log.info({ image: id, provider, name: image, diskImage: diskImageId, reason }, 'upload ordered');
  return id;
}

export async function openUpload(action: ActionOf<'open-upload'>, context: ActionContext): Promise<void> {
  await openUploadRow(action, context);
}

interface Upload {
  readonly image: ImageRecord;
  readonly build: DiskImageRecord;
  readonly file: ImageFile;
  readonly config: ProviderImageConfig;
}

export async function uploadImage(
  { imageId, diskImageId }: ActionOf<'upload-image'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<Rest | void> {
  const upload = describeUpload(context, imageId, diskImageId);
  const earlier = upload.image.cloudImageId;
  if (earlier !== null) {
    const outcome = await lookAfter(context, { upload, id: earlier, signal });
    if (outcome !== 'over') return outcome === 'settling' ? { restMs: UPLOAD_SETTLE_MS } : undefined;
    const { saveAttempt, progressBytes } = upload.image;
    // One that was cut off says nothing against the cloud.
    if (saveAttempt >= UPLOAD_ATTEMPTS_MAX && progressBytes === upload.file.bytes) {
      const error = new NodepoolError('unavailable', `no image came of ${UPLOAD_ATTEMPTS_MAX} uploads`);
      return failUpload(context, upload, { error, saveAttempt, signal });
    }
  }
  return attemptUpload(context, upload, signal);
}

function describeUpload(context: ActionContext, imageId: number, diskImageId: number): Upload {
  const image = findImage(context, imageId);
  const build = findDiskImage(context, diskImageId);
  const provider = providerOf(context.world.config, image.provider);
  const file = build.files?.find(({ format }) => format === provider.imageType);
  if (file === undefined) throw departed(`format ${provider.imageType} of build ${build.id} of ${build.image}`);
  return { image, build, file, config: imageOf(provider, image.image) };
}

interface Earlier {
  readonly upload: Upload;
  readonly id: CloudImageId;
  readonly signal: AbortSignal;
}

/**
 * What came of an attempt whose end nobody has seen: the image is `done` and READY, the cloud is still `settling` what it
 * has taken, or the attempt is `over` and nothing is left of it.
 */
async function lookAfter(
  context: ActionContext,
  { upload, id, signal }: Earlier,
): Promise<'done' | 'settling' | 'over'> {
  const { image, file } = upload;
  const { cloud } = context.provider(image.provider);
  const found = await cloud.findImage(id, signal);
  if (found?.status === 'active' && findDifference(found, file) === null) {
    await finishUpload(context, { upload, id, signal });
    return 'done';
  }
  const isInTime = context.clock.now() < (image.saveAt ?? 0) + IMAGE_SAVE_LIMIT_MS;
  if (found?.status === 'saving' && image.progressBytes === file.bytes && isInTime) return 'settling';
  if (found !== null)
    await cloud.deleteImage(id, signal).catch((error: unknown) => {
      // What stays has the tag of a row that has another image then: the sweep asks again.
      if (!isNodepoolError(error, 'conflict', 'rejected')) throw error;
    });
  return 'over';
}

/** What is not as it was sent, in words; null: it is. */
function findDifference({ bytes, digest }: CloudImage, file: ImageFile): string | null {
  if (bytes !== null && bytes !== file.bytes) return `the cloud has ${bytes} bytes of ${file.bytes}`;
  if (digest === null || digest.value.toLowerCase() === file[digest.algorithm]) return null;
  return `the ${digest.algorithm} of what the cloud has is ${digest.value} instead of ${file[digest.algorithm]}`;
}

/** Answers after which the same upload may go well; any other ends it. `not-found`: somebody deleted the image under it. */
const PASSING = ['unavailable', 'throttled', 'conflict', 'auth', 'not-found'] as const satisfies readonly ErrorCode[];

async function attemptUpload(context: ActionContext, upload: Upload, signal: AbortSignal): Promise<Rest | void> {
  const { store, clock, random } = context;
  const { image, file } = upload;
  const id = cloudImageId(random.uuid());
  const saveAttempt = image.saveAttempt + 1;
  const fence = { state: 'building', saveAttempt: image.saveAttempt } as const;
  const attempt = { cloudImageId: id, saveAttempt, saveAt: clock.now(), progressBytes: 0 };
  const event = { kind: 'uploading', reason: 'next-step', detail: `${file.format}, ${file.bytes} bytes, as ${id}` };
  if (!(await store.patch('image', image.id, fence, attempt, event))) return;
  const startedAt = clock.now();
  const fileErrors = new Set<unknown>();
  try {
    const spec = uploadSpec(context, upload, { id, saveAttempt, fileErrors });
    await context.provider(image.provider).cloud.uploadImage(spec, signal);
  } catch (error) {
    if (!isNodepoolError(error) || error.code === 'aborted') throw error;
    // Where images-dir has changed under the upload, they were looked for in another directory.
    const isInPlace = context.diskImages.directory?.id === upload.build.directory;
    if (error.code === 'not-found' && fileErrors.has(error) && isInPlace) return loseFiles(context, upload, error);
    return endAttempt(context, upload, { error, saveAttempt, signal });
  }
  const seconds = Math.max(1, clock.now() - startedAt) / 1000;
  const { image: name, provider } = image;
  context.metrics.imageUploaded({ image: name, provider, bytesPerSecond: Math.round(file.bytes / seconds) });
  const own = { state: 'building', saveAttempt } as const;
  // If the row was deleted, or another daemon has gone on with it, what has been sent is for the sweep.
  if (!(await insist(clock, signal, () => store.patch('image', image.id, own, { progressBytes: file.bytes })))) return;
  return checkUpload(context, { upload, id, signal }, saveAttempt);
}

/** Throws when another attempt may go well. */
async function endAttempt(context: ActionContext, upload: Upload, failure: Failure): Promise<void> {
  const { error, saveAttempt } = failure;
  const { id, provider } = upload.image;
  context.log.warn({ image: id, provider, attempt: saveAttempt, error: describeError(error) }, 'upload failed');
  if (isNodepoolError(error, ...PASSING) && saveAttempt < UPLOAD_ATTEMPTS_MAX) throw error;
  await failUpload(context, upload, failure);
}

/** The cloud has taken everything: what does it make of it? */
async function checkUpload(context: ActionContext, sent: Earlier, saveAttempt: number): Promise<Rest | void> {
  const { upload, id, signal } = sent;
  const { cloud } = context.provider(upload.image.provider);
  const found = await cloud.findImage(id, signal);
  if (found?.status === 'saving' || found?.status === 'queued') return { restMs: UPLOAD_SETTLE_MS };
  const problem =
    found?.status === 'active'
      ? findDifference(found, upload.file)
      : `the cloud shows it as ${found?.status ?? 'gone'}`;
  if (problem === null) return finishUpload(context, sent);
  const error = new NodepoolError('unavailable', `the upload of image ${id} arrived damaged: ${problem}`);
  await failUpload(context, upload, { error, saveAttempt, signal });
}

interface Attempt {
  readonly id: CloudImageId;
  readonly saveAttempt: number;
  /** Takes what the streams of the file end with: the cloud's own errors are told from it. */
  readonly fileErrors: Set<unknown>;
}

function uploadSpec(
  { world, store, clock, diskImages }: ActionContext,
  { image, build, file, config }: Upload,
  { id, saveAttempt, fileErrors }: Attempt,
): UploadSpec {
  let writtenAt = clock.now();
  const onProgress = (progressBytes: number): void => {
    // Either way: the clock may have been set back. That all was taken is never left out: should the answer be lost, as at a
    // proxy that gives up while the cloud stores the file, it tells that the cloud needs nothing but time.
    if (progressBytes < file.bytes && Math.abs(clock.now() - writtenAt) < PROGRESS_INTERVAL_MS) return;
    writtenAt = clock.now();
    // Nobody waits for it: the next one corrects it, and without the last one the file is sent again.
    void store.patch('image', image.id, { state: 'building', saveAttempt }, { progressBytes }).catch(() => undefined);
  };
  return {
    id,
    name: image.hostname ?? image.image,
    meta: config.meta,
    tags: { installation: world.installation, record: recordKey('image', image), attempt: saveAttempt },
    format: file.format,
    minDiskGb: Math.ceil(Math.max(0, (file.virtualBytes ?? 0) - ROUNDING_BYTES) / BYTES_PER_GIB),
    bytes: file.bytes,
    open: () => diskImages.open(build, file.format).once('error', (error) => fileErrors.add(error)),
    onProgress,
  };
}

/** Should another daemon have begun one more attempt meanwhile, the row gets the image that was found in order. */
async function finishUpload(context: ActionContext, { upload, id: cloudImageId, signal }: Earlier): Promise<void> {
  const { store, clock } = context;
  const { image } = upload;
  const patch = { cloudImageId, reason: null, progressBytes: null };
  const event = { kind: 'ready', reason: 'next-step' };
  const move = { id: image.id, from: 'building', to: 'ready', by: 'launch', patch, event } as const;
  if (await insist(clock, signal, () => store.moveImage(move))) await announceReady(context, image, image.saveAt);
}

interface Failure {
  readonly error: NodepoolError;
  /** Which attempt has failed. */
  readonly saveAttempt: number;
  readonly signal: AbortSignal;
}

async function failUpload(
  context: ActionContext,
  { image }: Upload,
  { error, saveAttempt, signal }: Failure,
): Promise<void> {
  const detail = describeError(error);
  // The failure of an attempt is not that of the next one, which another daemon may have begun.
  const own = { state: 'building', saveAttempt } as const;
  if (!(await context.store.patch('image', image.id, own, { progressBytes: null }))) return;
  await endImage(context, image, { reason: 'upload-failed', detail, counts: true, consoleOf: null, signal });
}

/** Somebody has removed them: the build is of no use any more, and the planner orders another one. */
async function loseFiles(context: ActionContext, { build }: Upload, error: NodepoolError): Promise<void> {
  await endDiskImage(context, build, { reason: 'files-missing', detail: describeError(error) });
}
