/** The steps of a snapshot image: row, set-up on the template, saving, READY, deletion in the cloud. */
import { isNodepoolError, type NodepoolError } from '../lib/errors.ts';
import { logPath, openBuildLog } from '../images/build-logs.ts';
import { withTimeLimit } from '../lib/time-limit.ts';
import { SAVE_BUSY_LIMIT_MS, SETUP_SCRIPT_LIMIT_MS } from '../lifecycle/limits.ts';
import { recordKey, type ImageRecord } from '../lifecycle/records.ts';
import type { ActionOf, Reason } from '../planning/actions.ts';
import { imageSlot } from '../planning/plan-slot.ts';
import { readScripts } from '../remote/read-scripts.ts';
import { prepareTemplate, setupCommand } from '../remote/scripts.ts';
import type { LoginTarget } from '../remote/shell.ts';
import { logDirectory } from './build-log.ts';
import { departed, findImage, type ActionContext } from './context.ts';
import { announceReady, imageHostname, nextVersion } from './image-row.ts';
import { insist } from './insist.ts';
import { laterIfBusy } from './later-if-busy.ts';
import { laterIfRefused } from './later-if-refused.ts';
import { failSlot } from './retire.ts';
import { imageOf, providerOf } from './server-spec.ts';
import { findLostKey, ownKeyOf } from './template-key.ts';

interface ImageName {
  readonly provider: string;
  readonly image: string;
  readonly reason: string;
}

/** Makes the row of a new image; null when one is being built already. */
export async function openImage(
  { provider, image, reason }: ImageName,
  { store, world, clock, log }: ActionContext,
): Promise<number | null> {
  const rows = world.images.filter((row) => row.provider === provider && row.image === image);
  const version = nextVersion(clock, rows);
  const hostname = imageHostname(world.config, { provider, image, version });
  const id = await store.createImage({ provider, image, hostname, version, reason });
  if (id !== null) log.info({ image: id, provider, name: image, reason }, 'image build started');
  return id;
}

export async function buildImage(
  { provider, image, reason }: ActionOf<'build-image'>,
  context: ActionContext,
): Promise<void> {
  await openImage({ provider, image, reason }, context);
}

/** Errors of a set-up that end the build. */
const SETUP_FAILURES = ['command-failed', 'unreachable', 'login-refused', 'host-key-changed', 'config'] as const;

export async function setupImage(
  { imageId }: ActionOf<'setup-image'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const image = findImage(context, imageId);
  const { store, clock } = context;
  const slot = imageSlot(image).ref;
  const lostKey = await findLostKey(context, slot);
  if (lostKey !== null)
    return failSlot(context, slot, { reason: 'script-interrupted', error: lostKey, counts: false, signal });
  // It cannot be repeated, so that it starts is recorded first.
  const started = { kind: 'setup-started', reason: 'next-step' };
  const guard = { state: 'building', setupAt: null } as const;
  if (!(await store.patch('image', imageId, guard, { setupAt: clock.now() }, started))) return;
  try {
    const limit = { clock, ms: SETUP_SCRIPT_LIMIT_MS, what: 'the set-up script' };
    await withTimeLimit(limit, signal, (own) => runSetup(context, image, own));
  } catch (error) {
    if (!isNodepoolError(error, ...SETUP_FAILURES)) throw error;
    return failSlot(context, slot, { reason: reasonOf(error), error, counts: true, signal });
  }
  const done = { kind: 'setup-done', reason: 'next-step' };
  const patch = { setupDoneAt: clock.now() };
  await insist(clock, signal, () => store.patch('image', imageId, { state: 'building' }, patch, done));
}

function reasonOf({ code }: NodepoolError): Reason {
  // The scripts cannot be read, or the key: none has run.
  if (code === 'config') return 'image-failed';
  return code === 'host-key-changed' ? code : 'script-failed';
}

async function runSetup(context: ActionContext, image: ImageRecord, signal: AbortSignal): Promise<void> {
  const { config } = context.world;
  const { source, privateKey } = imageOf(providerOf(config, image.provider), image.image);
  if (source.kind !== 'snapshot') throw departed(`the set-up of image ${image.image}`);
  const { shell } = context.provider(image.provider);
  const username = image.username ?? 'root';
  const ownKey = await ownKeyOf(context, imageSlot(image).ref);
  const login: LoginTarget = {
    address: image.ip ?? '',
    usernames: [username],
    privateKeyPath: ownKey === null ? privateKey : context.templateKeys.path(ownKey),
    hostKey: image.hostKey,
  };
  const scripts = config.scriptDir === null ? [] : await readScripts(config.scriptDir);
  const { before, files, after } = prepareTemplate(username, scripts);
  const { provider, image: name, version } = image;
  const log = context.log.child(`image.build.${provider}.${name}`);
  const output = openBuildLog(logPath(logDirectory(context), { provider, image: name, version }), log);
  const onLine = (line: string): void => {
    log.info({ image: image.id }, line);
    output.line(line);
  };
  try {
    await shell.run(login, before, signal);
    await shell.writeFiles(login, files, signal);
    await shell.run(login, after, signal);
    await shell.run(login, { ...setupCommand(source.setup, image.hostname ?? '', context.env), onLine }, signal);
  } finally {
    await output.close();
  }
}

export async function saveImage(
  { imageId, serverId }: ActionOf<'save-image'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const image = findImage(context, imageId);
  const { store, clock, world } = context;
  const { meta } = imageOf(providerOf(world.config, image.provider), image.image);
  const tags = { installation: world.installation, record: recordKey('image', image), attempt: image.attempt };
  // As for servers: the attempt goes on record before the call.
  const saveAttempt = image.saveAttempt + 1;
  const fence = { state: 'building', saveAttempt: image.saveAttempt } as const;
  if (!(await store.patch('image', imageId, fence, { saveAt: clock.now(), saveAttempt }))) return;
  try {
    const name = image.hostname ?? image.image;
    const cloudImageId = await context.provider(image.provider).cloud.saveImage(serverId, { name, meta, tags }, signal);
    const event = { kind: 'saving', reason: 'next-step', detail: cloudImageId };
    // From now on listings may be expected to show it, however long the call took.
    await store.patch('image', imageId, { saveAttempt }, { cloudImageId, saveAt: clock.now() }, event);
  } catch (error) {
    await handleRefusedSave(context, { image, saveAttempt, signal }, error);
  }
}

interface SaveTry {
  readonly image: ImageRecord;
  readonly saveAttempt: number;
  readonly signal: AbortSignal;
}

/** Answers that promise that nothing was saved end the attempt; after any other a listing has to tell. */
async function handleRefusedSave(
  context: ActionContext,
  { image, saveAttempt, signal }: SaveTry,
  error: unknown,
): Promise<void> {
  const { store, clock } = context;
  // What the call can still do counts from its end.
  if (isNodepoolError(error, 'unavailable'))
    await store.patch('image', image.id, { saveAttempt }, { saveAt: clock.now() });
  if (!isNodepoolError(error, 'quota', 'throttled', 'conflict', 'rejected', 'auth', 'not-found')) throw error;
  await store.patch('image', image.id, { saveAttempt }, { saveAt: null, saveAttempt: image.saveAttempt });
  const isLate = clock.now() > (image.setupDoneAt ?? 0) + SAVE_BUSY_LIMIT_MS;
  if (error.code === 'throttled' || (error.code === 'conflict' && !isLate)) throw laterIfBusy(error);
  // A template that vanished says nothing about the image.
  const isGone = error.code === 'not-found';
  const reason = isGone ? 'server-gone' : 'save-failed';
  await failSlot(context, imageSlot(image).ref, { reason, error, counts: !isGone, signal });
}

export async function adoptImage(
  { imageId, cloudImageId }: ActionOf<'adopt-image'>,
  { store }: ActionContext,
): Promise<void> {
  await store.patch(
    'image',
    imageId,
    { state: 'building' },
    { cloudImageId },
    { kind: 'image-adopted', reason: 'adopt', detail: cloudImageId },
  );
}

export async function finishImage({ imageId }: ActionOf<'finish-image'>, context: ActionContext): Promise<void> {
  const image = findImage(context, imageId);
  const event = { kind: 'ready', reason: 'next-step', detail: image.cloudImageId };
  const move = { id: imageId, from: 'building', to: 'ready', by: 'launch', patch: { reason: null }, event } as const;
  if (await context.store.moveImage(move)) await announceReady(context, image, image.attemptAt);
}

export async function deleteCloudImage(
  action: ActionOf<'delete-cloud-image'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const { cloud } = context.provider(action.provider);
  for (const id of action.cloudImageIds) {
    // Some clouds keep an image as long as disks depend on it: that may be for days.
    await cloud.deleteImage(id, signal).catch((error: unknown) => {
      throw laterIfRefused(error);
    });
  }
  // Should the cloud keep it all the same, its tag has no row soon, and the sweep asks again.
  await context.store.patch('image', action.imageId, {}, { cloudImageId: null, saveAt: null });
}
