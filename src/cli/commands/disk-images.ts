import type { Clock } from '../../lib/clock.ts';
import { NodepoolError } from '../../lib/errors.ts';
import type { DiskImageRecord } from '../../lifecycle/records.ts';
import type { Store } from '../../store/store.ts';
import { requireDaemon, warnWithoutDaemon } from '../daemons.ts';
import { describeDiskImage, waitForDiskImage } from '../disk-image-builds.ts';
import { diskImageColumns } from '../image-columns.ts';
import { requireDiskImage } from '../image-targets.ts';
import { askDaemon } from '../intents.ts';
import { ANSWER_TIMEOUT_S, type OutputOptions, type WaitOptions } from '../options.ts';
import { renderListing } from '../output/listing.ts';
import { changeRecord, findDiskImage } from '../records.ts';
import type { Session } from '../session.ts';
import { waitFor } from '../wait.ts';

export interface DiskImageDeleteOptions extends OutputOptions, WaitOptions {
  readonly force?: true;
}

/** What the daemon answers: the build, which was under way already unless it is new. */
interface BuildAnswer {
  readonly id: number | null;
  readonly isNew: boolean;
}

export async function buildDiskImage(session: Session, image: string, options: WaitOptions): Promise<void> {
  requireDiskImage(await session.loadConfig(), image);
  await session.withStore(async (store) => {
    const intent = {
      kind: 'image-build',
      args: { image },
      what: 'build disk images',
      timeoutS: ANSWER_TIMEOUT_S,
    } as const;
    const { id, isNew } = (await askDaemon(session, store, intent)) as BuildAnswer;
    if (id === null)
      throw new NodepoolError('refused', `a build of disk image ${image} ended at the same moment; try again`);
    const name = describeDiskImage({ id, image });
    session.print(`${name} is being built${isNew ? '' : ' already'}.\n`);
    if (!options.wait) return;
    await waitForDiskImage(session, store, { id, image });
    session.print(`${name} is ready.\n`);
  });
}

export async function deleteDiskImage(session: Session, id: number, options: DiskImageDeleteOptions): Promise<void> {
  const { clock } = session.context;
  await session.withStore(async (store) => {
    const image = await markDiskImage(store, clock, { id, reason: options.force ? 'forced' : 'operator' });
    session.print(await renderListing(options.output, diskImageColumns(clock.now()), [image]));
    if (options.wait) await waitForDeletion(session, store, image);
    else await warnWithoutDaemon(session, store, 'the deletion is done as soon as one is started');
  });
}

/**
 * Marks a build for deletion; marked already is fine. `forced` has its row removed even if no daemon is there that has
 * its files. Throws `not-found`.
 */
async function markDiskImage(
  store: Store,
  clock: Clock,
  { id, reason }: { id: number; reason: 'operator' | 'forced' },
): Promise<DiskImageRecord> {
  const change = { patch: { reason }, event: { kind: 'retired', reason } };
  const attempt = async (image: DiskImageRecord): Promise<DiskImageRecord | null> => {
    const from = image.state;
    if (from === 'delete') {
      if (reason === 'operator' || image.reason === reason) return image;
      const isPatched = await store.patch('disk-image', id, { state: from }, change.patch, change.event);
      return isPatched ? { ...image, reason } : null;
    }
    const isMoved = await store.moveDiskImage({ id, from, to: 'delete', by: 'operator', ...change });
    return isMoved ? { ...image, state: 'delete', stateAt: clock.now(), reason } : null;
  };
  return changeRecord({
    subject: `disk image ${id}`,
    find: () => findDiskImage(store, id),
    attempt,
  });
}

async function waitForDeletion(session: Session, store: Store, { id, host }: DiskImageRecord): Promise<void> {
  await requireDaemon(store, session.context, 'delete disk images');
  const where = host === null ? '' : ` (its files are on host ${host})`;
  await waitFor(session.context, {
    look: async () =>
      (await findDiskImage(store, id)) === null
        ? { done: null }
        : { waitsFor: `waiting until disk image ${id} is gone${where}` },
    ifInterrupted: 'interrupted; the disk image stays marked for deletion',
  });
  session.tell(`disk image ${id} is gone`);
}
