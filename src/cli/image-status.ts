/** The images of the pool: which there are, and what the others wait for. */
import type { Config, ProviderConfig, ProviderImageConfig } from '../config/types.ts';
import type { FailureRecord, ImageRecord, PoolRecords } from '../lifecycle/records.ts';
import { byVersion, isUsable } from '../planning/choose-image.ts';
import { imagesInUse } from '../planning/images-in-use.ts';
import { findPause } from '../planning/pauses.ts';
import { newestBuild } from '../planning/plan-uploads.ts';
import { compare } from './columns.ts';
import { ageInSeconds, formatAge, formatTime } from './output/time.ts';
import { percentOf, uploadSize } from './upload-size.ts';

export interface ImageStatus {
  readonly provider: string;
  readonly image: string;
  /** Of the one that nodes boot from. */
  readonly state: 'ready' | 'building' | 'missing';
  /** Epoch seconds; null when missing. */
  readonly version: number | null;
  /** Seconds in its state. */
  readonly age: number | null;
  /** What has to happen before nodes can boot from it; null when nothing has. */
  readonly waits_for: string | null;
}

export interface UploadStatus {
  /** Of the image. */
  readonly id: number;
  readonly provider: string;
  readonly image: string;
  /** Of the disk image. */
  readonly build: number | null;
  /** null: it has not begun. */
  readonly sent_bytes: number | null;
  /** null: nobody knows, as when the configuration has changed meanwhile. */
  readonly total_bytes: number | null;
  /** Whole ones. */
  readonly percent: number | null;
  /** Seconds since the upload was planned. */
  readonly age: number;
}

/** An image from which no node boots although it is ready: those boot from the one before it. */
export interface WithdrawnStatus {
  readonly id: number;
  readonly provider: string;
  readonly image: string;
  readonly version: number;
  readonly withdrawn_at: string | null;
  readonly reason: string | null;
  /** Of its first launches. */
  readonly launches_ok: number;
  readonly launches_failed: number;
}

interface Facts {
  readonly config: Config;
  readonly records: PoolRecords;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Images that labels in force boot from, and any other that has rows. */
export function describeImages({ config, records, now }: Facts): ImageStatus[] {
  const used = [...imagesInUse(config)].flatMap(([provider, images]) =>
    Array.from(images, (image) => ({ provider, image })),
  );
  const places = new Map(
    [...used, ...records.images].map(({ provider, image }) => [`${provider}/${image}`, { provider, image }]),
  );
  return [...places.values()].toSorted(byPlace).map(({ provider, image }) => {
    const isHere = (row: { provider: string; image: string | null }): boolean =>
      row.provider === provider && row.image === image;
    return describeImage({
      provider,
      image,
      place: config.providers.get(provider) ?? null,
      rows: records.images.filter(isHere),
      failure: records.failures.find((failure) => failure.kind === 'build' && isHere(failure)),
      config,
      records,
      now,
    });
  });
}

interface ImageFacts extends Facts {
  readonly provider: string;
  readonly image: string;
  /** null: it left the configuration. */
  readonly place: ProviderConfig | null;
  readonly rows: readonly ImageRecord[];
  /** Builds or uploads that failed since the last good one. */
  readonly failure: FailureRecord | undefined;
}

function describeImage(facts: ImageFacts): ImageStatus {
  const { provider, image, rows, now } = facts;
  const place = { provider, image };
  const known = (row: ImageRecord) => ({ version: row.version, age: ageInSeconds(now, row.stateAt) });
  const ready = rows.filter(isUsable).toSorted(byVersion)[0];
  if (ready !== undefined) return { ...place, state: 'ready', ...known(ready), waits_for: null };
  const build = rows.filter(({ state }) => state === 'building').toSorted(byVersion)[0];
  if (build !== undefined)
    return { ...place, state: 'building', ...known(build), waits_for: describeBuild(build, facts) };
  return { ...place, state: 'missing', version: null, age: null, waits_for: describeAbsence(facts) };
}

function describeAbsence(facts: ImageFacts): string {
  const config = facts.place?.images.get(facts.image);
  if (facts.place === null || config === undefined) return 'nothing, it left the configuration';
  if (config.source.kind === 'snapshot') return describeHindrance(facts, config, 'build') ?? 'its build';
  const { diskimage } = config.source;
  const format = facts.place.imageType;
  const builds = facts.records.diskImages.toSorted(byVersion);
  const build = newestBuild(builds, diskimage, format);
  if (build === null) {
    const isReadable = builds.some(({ image, state }) => image === diskimage && state === 'ready');
    return `a build of disk image ${diskimage}${isReadable ? ` with a ${format} file` : ''}`;
  }
  return describeHindrance(facts, config, 'upload') ?? `the upload of disk image ${diskimage}, build ${build.version}`;
}

function describeHindrance(
  { records, provider, image, failure, now }: ImageFacts,
  { pause }: ProviderImageConfig,
  what: 'build' | 'upload',
): string | null {
  return describePause(findPause(records, image, provider), pause) ?? describeRest(failure, now, what);
}

/** What ends a pause: an operator's, described, or that of the configuration. */
export function describePause(pause: string | null, isInConfig: boolean): string | null {
  if (pause !== null) return `nodepool image-unpause (${pause})`;
  return isInConfig ? 'the end of its pause in the configuration' : null;
}

export function describeRest(failure: FailureRecord | undefined, now: number, what: string): string | null {
  if (failure === undefined || failure.retryAt <= now) return null;
  const rest = formatAge(Math.ceil((failure.retryAt - now) / 1000));
  return `its next ${what} in ${rest}, after ${failure.count} that failed: ${failure.lastError.split('\n', 1)[0]}`;
}

/** The step that a snapshot build or an upload is at. */
function describeBuild(build: ImageRecord, { config, records }: ImageFacts): string {
  if (build.diskImageId !== null) {
    if (build.progressBytes === null) return 'its upload to begin';
    const percent = percentOf(build.progressBytes, uploadSize(build, { config, diskImages: records.diskImages }));
    return percent === null ? 'its upload' : `its upload, ${percent} % sent`;
  }
  if (build.saveAt !== null) return 'the cloud to save it';
  if (build.setupDoneAt !== null) return 'the call to save it';
  if (build.setupAt !== null) return 'its set-up script';
  if (build.activeAt !== null) return 'SSH on its template server';
  return build.serverId === null ? 'its template server' : 'its template server to boot';
}

export function describeUploads({ config, records, now }: Facts): UploadStatus[] {
  return records.images
    .filter(({ state, diskImageId }) => state === 'building' && diskImageId !== null)
    .toSorted(byPlace)
    .map((row) => {
      const { id, provider, image, diskImageId: build, progressBytes: sent, stateAt } = row;
      const total = uploadSize(row, { config, diskImages: records.diskImages });
      const place = { id, provider, image, build };
      const percent = percentOf(sent, total);
      return { ...place, sent_bytes: sent, total_bytes: total, percent, age: ageInSeconds(now, stateAt) };
    });
}

export function describeWithdrawn({ records }: Facts): WithdrawnStatus[] {
  return records.images
    .filter(({ state, withdrawnAt }) => state === 'ready' && withdrawnAt !== null)
    .toSorted(byPlace)
    .map(({ id, provider, image, version, withdrawnAt, reason, launchesOk, launchesFailed }) => {
      const launches = { launches_ok: launchesOk, launches_failed: launchesFailed };
      return { id, provider, image, version, withdrawn_at: formatTime(withdrawnAt), reason, ...launches };
    });
}

function byPlace(a: { provider: string; image: string }, b: { provider: string; image: string }): number {
  return compare(a.provider, b.provider) || compare(a.image, b.image);
}
