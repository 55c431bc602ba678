/** Uploads of disk images that the daemon was asked for, or makes by itself, followed until each has ended. */
import type { Config } from '../config/types.ts';
import type { ImageRecord, PoolRecords } from '../lifecycle/records.ts';
import { imagesInUse } from '../planning/images-in-use.ts';
import { findPause } from '../planning/pauses.ts';
import type { Store } from '../store/store.ts';
import { describeBuildFailure } from './build-failure.ts';
import { formatSize } from './output/size.ts';
import { formatAge } from './output/time.ts';
import { createRateMeter, type RateMeter } from './upload-rate.ts';
import { percentOf, uploadSize } from './upload-size.ts';
import type { Session } from './session.ts';
import { waitFor, type Look, type Waiting } from './wait.ts';

/** An upload that is waited for, by the id of its row or, before there is one, by what it will bring. */
export interface AwaitedUpload {
  readonly provider: string;
  readonly image: string;
  /** Row of the build; null: nobody knows any more. */
  readonly diskImageId: number | null;
  readonly id: number | null;
}

/** Where the daemon does not upload an image by itself when a new build is ready, and why. */
export function findUnattended(
  { config, records }: { config: Config; records: PoolRecords },
  { image, places }: { image: string; places: readonly string[] },
): ReadonlyMap<string, string> {
  const describe = (provider: string): string | null => {
    const isUsed = imagesInUse(config).get(provider)?.has(image) === true;
    if (!isUsed) return `no label in force uses it there; "nodepool image-upload ${provider} ${image}" uploads it`;
    const paused = findPause(records, image, provider);
    if (paused !== null) return `it is ${paused}`;
    return config.providers.get(provider)?.images.get(image)?.pause === true
      ? 'it is paused in the configuration'
      : null;
  };
  return new Map(
    places.flatMap((provider) => {
      const why = describe(provider);
      return why === null ? [] : [[provider, why] as const];
    }),
  );
}

/** Waits until all are ready, and answers them. Throws `refused` when one fails. */
export async function waitForUploads(
  session: Session,
  store: Store,
  awaited: readonly AwaitedUpload[],
): Promise<readonly ImageRecord[]> {
  const config = await session.loadConfig();
  const meter = createRateMeter();
  let uploads = awaited;
  const look = async (): Promise<Look<readonly ImageRecord[]>> => {
    const records = await store.readPool();
    uploads = uploads.map((upload) => ({ ...upload, id: upload.id ?? findRow(records, upload)?.id ?? null }));
    const rows = uploads.map(({ id }) => records.images.find((row) => row.id === id));
    const failure = await findFailure(store, records, uploads);
    if (failure !== null) throw failure;
    const known = rows.filter((row) => row !== undefined);
    if (known.length === uploads.length && known.every(({ state }) => state === 'ready')) return { done: known };
    return describeProgress(known, { count: uploads.length, config, records, meter, now: session.context.clock.now() });
  };
  return waitFor(session.context, { look, ifInterrupted: 'interrupted; the daemon goes on uploading' });
}

/** That of a newer build does as well. */
function findRow({ images }: PoolRecords, { provider, image, diskImageId }: AwaitedUpload): ImageRecord | undefined {
  const isWanted = (row: ImageRecord): boolean =>
    row.diskImageId !== null && diskImageId !== null && row.diskImageId >= diskImageId;
  return images.find((row) => row.provider === provider && row.image === image && isWanted(row));
}

async function findFailure(
  store: Store,
  { images, diskImages }: PoolRecords,
  uploads: readonly AwaitedUpload[],
): Promise<Error | null> {
  for (const { id, provider, image, diskImageId } of uploads) {
    const row = images.find((candidate) => candidate.id === id);
    if (row !== undefined && row.state !== 'delete') continue;
    if (id !== null) {
      const what = `the upload of ${image} to ${provider}, image ${id}, failed`;
      return describeBuildFailure(store, { kind: 'image', id, what });
    }
    if (diskImageId === null) continue;
    const isBuilt = diskImages.some((build) => build.id === diskImageId && build.state === 'ready');
    if (isBuilt) continue;
    const what = `the upload of ${image} to ${provider} has not begun, and its build, disk image ${diskImageId}, is gone`;
    return describeBuildFailure(store, { kind: 'disk-image', id: diskImageId, what });
  }
  return null;
}

interface Surroundings {
  /** Of all uploads that are waited for. */
  readonly count: number;
  readonly config: Config;
  readonly records: PoolRecords;
  readonly meter: RateMeter;
  readonly now: number;
}

/** For terminals bytes, rate and time left; for others a text that changes with every tenth of the way only. */
function describeProgress(rows: readonly ImageRecord[], surroundings: Surroundings): Waiting {
  const { count, meter, now } = surroundings;
  const ready = rows.filter(({ state }) => state === 'ready').length;
  const places = count === 1 ? (rows[0]?.provider ?? 'one provider') : `${count} providers`;
  if (ready === 0 && rows.every(({ progressBytes }) => progressBytes === null))
    return { waitsFor: `waiting for the upload to ${places} to begin` };
  const what = `uploading to ${places}`;
  const done = count === 1 ? '' : `, ${ready} of ${count} ready`;
  const sent = sumUp(rows, surroundings);
  if (sent === null) return { waitsFor: `${what}${done}` };
  const { bytes, total, percent } = sent;
  const rate = meter.note(now, bytes);
  const pace = rate === null ? '' : `, ${formatSize(rate)}/s, ${formatAge(Math.ceil((total - bytes) / rate))} left`;
  return {
    waitsFor: `${what}: ${Math.floor(percent / 10) * 10} %${done}`,
    live: `${what}: ${formatSize(bytes)} of ${formatSize(total)} (${percent} %)${pace}${done}`,
  };
}

/** What is sent of all that is to be sent; null: as long as one of them is not known. */
function sumUp(
  rows: readonly ImageRecord[],
  { count, config, records }: Surroundings,
): { bytes: number; total: number; percent: number } | null {
  if (rows.length < count) return null;
  let [bytes, total] = [0, 0];
  for (const row of rows) {
    const size = uploadSize(row, { config, diskImages: records.diskImages });
    if (size === null) return null;
    total += size;
    bytes += row.state === 'ready' ? size : (row.progressBytes ?? 0);
  }
  return { bytes, total, percent: percentOf(bytes, total) ?? 0 };
}
