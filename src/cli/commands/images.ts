import type { Config, ProviderConfig } from '../../config/types.ts';
import type { Clock } from '../../lib/clock.ts';
import { NodepoolError } from '../../lib/errors.ts';
import type { ImageRecord } from '../../lifecycle/records.ts';
import { diskImageOf } from '../../planning/images-in-use.ts';
import type { Store } from '../../store/store.ts';
import { requireDaemon, warnWithoutDaemon } from '../daemons.ts';
import { describeDiskImage, waitForDiskImage } from '../disk-image-builds.ts';
import { findStarted, waitForBuilds, type Started } from '../image-builds.ts';
import { imageColumns } from '../image-columns.ts';
import { requireImage, requireUploadable } from '../image-targets.ts';
import { findUnattended, waitForUploads } from '../image-uploads.ts';
import { askDaemon } from '../intents.ts';
import { ANSWER_TIMEOUT_S, type OutputOptions, type WaitOptions } from '../options.ts';
import { renderListing } from '../output/listing.ts';
import { changeRecord, findImage } from '../records.ts';
import type { Session } from '../session.ts';
import { waitFor } from '../wait.ts';

export interface ImageDeleteOptions extends OutputOptions, WaitOptions {
  readonly force?: true;
}

/** What the daemon answers: snapshots that are being built, and disk images whose uploads follow by themselves. */
interface UpdateAnswer {
  readonly images: Started;
  readonly builds: readonly { readonly image: string; readonly id: number | null }[];
}

export async function updateImage(
  session: Session,
  wanted: { provider: string; image: string },
  options: WaitOptions,
): Promise<void> {
  const config = await session.loadConfig();
  const providers = requireImage(config, wanted);
  await session.withStore(async (store) => {
    const intent = { kind: 'image-update', args: wanted, what: 'build images', timeoutS: ANSWER_TIMEOUT_S } as const;
    const answer = (await askDaemon(session, store, intent)) as UpdateAnswer;
    const snapshots = await findStarted(store, wanted.image, answer.images);
    for (const image of snapshots) session.print(`${describeImage(image)} is being built.\n`);
    const builds = answer.builds.map(requireBuild);
    for (const build of builds) session.print(`${describeDiskImage(build)} is being built.\n`);
    if (!options.wait) return;
    for (const build of builds) await awaitDiskImage(session, store, { config, providers, image: wanted.image, build });
    printReady(session, await waitForBuilds(session, store, snapshots));
  });
}

interface Build {
  readonly id: number;
  readonly image: string;
}

function requireBuild({ image, id }: UpdateAnswer['builds'][number]): Build {
  if (id !== null) return { image, id };
  throw new NodepoolError('refused', `a build of disk image ${image} ended at the same moment; try again`);
}

interface Update {
  readonly config: Config;
  /** Those asked for. */
  readonly providers: readonly ProviderConfig[];
  /** Name of the provider image. */
  readonly image: string;
  readonly build: Build;
}

/** Waits for a build, and then for the uploads of it that the daemon makes by itself. */
async function awaitDiskImage(session: Session, store: Store, update: Update): Promise<void> {
  const { config, providers, image, build } = update;
  await waitForDiskImage(session, store, build);
  session.print(`${describeDiskImage(build)} is ready.\n`);
  const records = await store.readPool();
  const places = providers.filter((provider) => diskImageOf(provider, image) === build.image).map(({ name }) => name);
  const unattended = findUnattended({ config, records }, { image, places });
  for (const [provider, why] of unattended) session.tell(`${image} is not uploaded to ${provider}: ${why}`);
  const awaited = places.filter((provider) => !unattended.has(provider));
  const uploads = awaited.map((provider) => ({ provider, image, diskImageId: build.id, id: null }));
  printReady(session, await waitForUploads(session, store, uploads));
}

export async function uploadImage(
  session: Session,
  wanted: { provider: string; image: string },
  options: WaitOptions,
): Promise<void> {
  requireUploadable(await session.loadConfig(), wanted);
  await session.withStore(async (store) => {
    const intent = { kind: 'image-upload', args: wanted, what: 'upload images', timeoutS: ANSWER_TIMEOUT_S } as const;
    const { uploads } = (await askDaemon(session, store, intent)) as { uploads: Started };
    const rows = await findStarted(store, wanted.image, uploads);
    for (const row of rows) session.print(`${describeImage(row)} is being uploaded.\n`);
    if (!options.wait) return;
    const awaited = rows.map(({ provider, image, diskImageId, id }) => ({ provider, image, diskImageId, id }));
    printReady(session, await waitForUploads(session, store, awaited));
  });
}

function printReady(session: Session, images: readonly ImageRecord[]): void {
  for (const image of images) session.print(`${describeImage(image)} is ready.\n`);
}

function describeImage({ id, image, provider }: ImageRecord): string {
  return `Image ${id}, ${image} at ${provider},`;
}

export async function deleteImage(session: Session, id: number, options: ImageDeleteOptions): Promise<void> {
  const { clock } = session.context;
  await session.withStore(async (store) => {
    const image = await markImage(store, clock, id);
    if (options.force) await store.intents.add('image-delete', { id, force: true });
    session.print(await renderListing(options.output, imageColumns(clock.now()), [image]));
    if (options.wait) await waitForDeletion(session, store, id);
    else await warnWithoutDaemon(session, store, 'the deletion is done as soon as one is started');
  });
}

/** Marks an image for deletion; marked already is fine. Throws `not-found`. */
async function markImage(store: Store, clock: Clock, id: number): Promise<ImageRecord> {
  const attempt = async (image: ImageRecord): Promise<ImageRecord | null> => {
    if (image.state === 'delete') return image;
    const isMoved = await store.moveImage({
      id,
      from: image.state,
      to: 'delete',
      by: 'operator',
      patch: { reason: 'operator' },
      event: { kind: 'retired', reason: 'operator' },
    });
    return isMoved ? { ...image, state: 'delete', stateAt: clock.now(), reason: 'operator' } : null;
  };
  return changeRecord({
    subject: `image ${id}`,
    find: () => findImage(store, id),
    attempt,
  });
}

async function waitForDeletion(session: Session, store: Store, id: number): Promise<void> {
  await requireDaemon(store, session.context, 'delete images');
  await waitFor(session.context, {
    look: async () =>
      (await findImage(store, id)) === null ? { done: null } : { waitsFor: `waiting until image ${id} is gone` },
    ifInterrupted: 'interrupted; the image stays marked for deletion',
  });
  session.tell(`image ${id} is gone`);
}
