import type { Clock } from '../../lib/clock.ts';
import type { ImageRecord } from '../../lifecycle/records.ts';
import type { Store } from '../../store/store.ts';
import { imageColumns } from '../columns.ts';
import { hasDaemon, requireDaemon } from '../daemons.ts';
import { waitForBuilds } from '../image-builds.ts';
import { checkBuildable } from '../image-targets.ts';
import { askDaemon } from '../intents.ts';
import { ANSWER_TIMEOUT_S, type OutputOptions } from '../options.ts';
import { renderListing } from '../output/listing.ts';
import { changeRecord, findImage } from '../records.ts';
import type { Session } from '../session.ts';
import { waitFor } from '../wait.ts';

export interface ImageUpdateOptions {
  readonly wait?: true;
}

export interface ImageDeleteOptions extends OutputOptions {
  readonly force?: true;
  readonly wait?: true;
}

export async function updateImage(
  session: Session,
  wanted: { provider: string; image: string },
  options: ImageUpdateOptions,
): Promise<void> {
  checkBuildable(await session.loadConfig(), wanted);
  await session.withStore(async (store) => {
    const answer = await askDaemon(session, store, {
      kind: 'image-update',
      args: wanted,
      what: 'build images',
      timeoutS: ANSWER_TIMEOUT_S,
    });
    const builds = await findBuilds(store, wanted.image, (answer as UpdateAnswer).images);
    for (const { id, image, provider } of builds)
      session.print(`Image ${id}, ${image} at ${provider}, is being built.\n`);
    if (!options.wait) return;
    const ready = await waitForBuilds(session, store, builds);
    for (const { id, image, provider } of ready) session.print(`Image ${id}, ${image} at ${provider}, is ready.\n`);
  });
}

/** What the daemon answers: the builds, without an id where one was under way already. */
interface UpdateAnswer {
  readonly images: readonly { readonly provider: string; readonly id: number | null }[];
}

async function findBuilds(store: Store, name: string, answered: UpdateAnswer['images']): Promise<ImageRecord[]> {
  const { images } = await store.readPool();
  const builds = answered.map(({ provider, id }) =>
    images.find((image) =>
      id === null ? image.provider === provider && image.image === name && image.state === 'building' : image.id === id,
    ),
  );
  return builds.filter((build) => build !== undefined);
}

export async function deleteImage(session: Session, id: number, options: ImageDeleteOptions): Promise<void> {
  const { clock } = session.context;
  await session.withStore(async (store) => {
    const image = await markImage(store, clock, id);
    if (options.force) await store.intents.add('image-delete', { id, force: true });
    session.print(await renderListing(options.output, imageColumns(clock.now()), [image]));
    if (options.wait) await waitForDeletion(session, store, id);
    else if (!(await hasDaemon(store, session.context)))
      session.tell('no daemon is running; the deletion is done as soon as one is started');
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
    record: await findImage(store, id),
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
