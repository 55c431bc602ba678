/** Snapshot builds that the daemon was asked for: started by its answer, followed until each has ended. */
import type { ImageRecord } from '../lifecycle/records.ts';
import type { Store } from '../store/store.ts';
import { describeBuildFailure } from './build-failure.ts';
import type { Session } from './session.ts';
import { waitFor, type Look } from './wait.ts';

/** What the daemon answers: where something was started, without an id where that was under way already. */
export type Started = readonly { readonly provider: string; readonly id: number | null }[];

/** The rows of builds or uploads that were started or were under way. */
export async function findStarted(store: Store, name: string, started: Started): Promise<ImageRecord[]> {
  const { images } = await store.readPool();
  const rows = started.map(({ provider, id }) =>
    images.find((image) =>
      id === null ? image.provider === provider && image.image === name && image.state === 'building' : image.id === id,
    ),
  );
  return rows.filter((row) => row !== undefined);
}

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
      if (image === undefined || image.state === 'delete') {
        const what = `the build of ${build.image} at ${build.provider}, image ${build.id}, failed`;
        throw await describeBuildFailure(store, { kind: 'image', id: build.id, what });
      }
      if (image.state === 'ready') ready.push(image);
    }
    if (ready.length === builds.length) return { done: ready };
    return { waitsFor: `waiting for images to be ready: ${ready.length} of ${builds.length}` };
  };
  return waitFor(session.context, { look, ifInterrupted: 'interrupted; the daemon goes on building' });
}
