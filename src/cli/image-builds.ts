/** Image builds that the daemon was asked for: started by its answer, followed until each has ended. */
import { NodepoolError } from '../lib/errors.ts';
import type { ImageRecord } from '../lifecycle/records.ts';
import type { Store } from '../store/store.ts';
import { explainReason } from './explain-event.ts';
import type { Session } from './session.ts';
import { waitFor, type Look } from './wait.ts';

/** Waits until all are ready, and answers them. Throws `refused` when one fails. */
export async function waitForBuilds(
  session: Session,
  store: Store,
  builds: readonly ImageRecord[],
): Promise<readonly ImageRecord[]> {
  const look = async (): Promise<Look<readonly ImageRecord[]>> => {
    const { images } = await store.readPool();
    const ready = [];
    for (const build of builds) {
      const image = images.find(({ id }) => id === build.id);
      if (image === undefined || image.state === 'delete') throw await describeFailure(store, build);
      if (image.state === 'ready') ready.push(image);
    }
    if (ready.length === builds.length) return { done: ready };
    return { waitsFor: `waiting for images to be ready: ${ready.length} of ${builds.length}` };
  };
  return waitFor(session.context, { look, ifInterrupted: 'interrupted; the daemon goes on building' });
}

async function describeFailure(store: Store, { id, image, provider }: ImageRecord): Promise<NodepoolError> {
  const events = await store.events.of('image', id);
  const end = events.findLast(({ kind }) => kind === 'build-failed' || kind === 'retired');
  const why = end === undefined || end.reason === null ? 'it was deleted' : explainReason(end.reason);
  const detail = end?.detail ? ` (${end.detail})` : '';
  return new NodepoolError('refused', `the build of ${image} at ${provider}, image ${id}, failed: ${why}${detail}`);
}
