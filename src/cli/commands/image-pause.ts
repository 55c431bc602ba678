import { NodepoolError } from '../../lib/errors.ts';
import { LONGEST_REASON } from '../../lib/one-line.ts';
import type { PauseRecord } from '../../lifecycle/records.ts';
import type { Store } from '../../store/store.ts';
import { requireAnyImage } from '../image-targets.ts';
import { requireLine } from '../require-line.ts';
import type { Session } from '../session.ts';

export interface PauseOptions {
  readonly reason?: string;
}

interface Place {
  readonly image: string;
  /** null: at every provider. */
  readonly provider: string | null;
}

export async function pauseImage(
  session: Session,
  place: Place,
  { reason = null }: { reason?: string | null },
): Promise<void> {
  requireLine('the reason', reason, LONGEST_REASON);
  requireAnyImage(await session.loadConfig(), place);
  await session.withNewStore((store) => store.pauses.set({ ...place, reason }));
  session.print(`Image ${describe(place)} is paused: nothing of it is built or uploaded by itself.\n`);
}

/** Ends a pause, also one of an image that has left the configuration. */
export async function unpauseImage(session: Session, place: Place): Promise<void> {
  await session.withStore(async (store) => {
    const hasEnded = await store.pauses.end(place);
    const left = await findPauses(store, place.image);
    if (!hasEnded) {
      if (left.length === 0) requireAnyImage(await session.loadConfig(), place);
      const others = left.length === 0 ? ' by an operator' : ` by itself; ${listCommands(left)} would end its pause`;
      throw new NodepoolError('refused', `image ${describe(place)} is not paused${others}`);
    }
    session.print(`The pause of image ${describe(place)} has ended.\n`);
    if (left.length > 0) session.tell(`${place.image} is still paused; ${listCommands(left)} would end that`);
  });
}

async function findPauses(store: Store, name: string): Promise<readonly PauseRecord[]> {
  return (await store.readPool()).pauses.filter(({ image }) => image === name);
}

function describe({ image, provider }: Place): string {
  return provider === null ? image : `${image} at ${provider}`;
}

function listCommands(pauses: readonly PauseRecord[]): string {
  const commands = pauses.map(({ image, provider }) => ['nodepool', 'image-unpause', image, provider ?? []].flat());
  return commands.map((words) => `"${words.join(' ')}"`).join(' or ');
}
