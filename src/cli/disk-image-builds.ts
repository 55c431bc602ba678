/** Builds of disk images that the daemon was asked for, followed until they have ended. */
import { buildLogDirectory, lastLines, logPath } from '../images/build-logs.ts';
import type { DiskImageRecord } from '../lifecycle/records.ts';
import type { Store } from '../store/store.ts';
import { describeBuildFailure } from './build-failure.ts';
import { findDiskImage } from './records.ts';
import type { Session } from './session.ts';
import { waitFor, type Look } from './wait.ts';

export function describeDiskImage({ id, image }: { id: number; image: string }): string {
  return `Disk image ${id}, ${image},`;
}

/** Waits until the build is ready, and answers it. Throws `refused` when it fails. */
export async function waitForDiskImage(
  session: Session,
  store: Store,
  { id, image }: { id: number; image: string },
): Promise<DiskImageRecord> {
  const logs = buildLogDirectory(await session.loadConfig(), await session.context.stateDirectory());
  const look = async (): Promise<Look<DiskImageRecord>> => {
    const build = await findDiskImage(store, id);
    if (build === null || build.state === 'delete') {
      const what = `the build of disk image ${image}, build ${id}, failed`;
      throw await describeBuildFailure(store, { kind: 'disk-image', id, what });
    }
    if (build.state === 'ready') return { done: build };
    if (build.startedAt === null) return { waitsFor: `waiting for a daemon to build disk image ${image}` };
    const waitsFor = `building disk image ${image}${build.host === null ? '' : ` on host ${build.host}`}`;
    const [line] = await lastLines(logPath(logs, { provider: null, image, version: build.version }), 1);
    return { waitsFor, live: line === undefined ? waitsFor : `${waitsFor}: ${line}` };
  };
  return waitFor(session.context, { look, ifInterrupted: 'interrupted; the daemon goes on building' });
}
