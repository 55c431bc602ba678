/** The images of the pool: which there are, and what the others wait for. */
import type { Config, ProviderImageConfig } from '../config/types.ts';
import type { FailureRecord, ImageRecord } from '../lifecycle/records.ts';
import type { PoolRecords } from '../store/store.ts';
import { compare } from './columns.ts';
import { ageInSeconds, formatAge } from './output/time.ts';

export interface ImageStatus {
  readonly provider: string;
  readonly image: string;
  readonly state: 'ready' | 'building' | 'missing';
  /** Epoch seconds; null when missing. */
  readonly version: number | null;
  /** Seconds in its state. */
  readonly age: number | null;
  /** What has to happen before nodes can boot from it; null when nothing has. */
  readonly waits_for: string | null;
}

/** Images that labels in force boot from, and any other that has rows. */
export function describeImages(config: Config, records: PoolRecords, now: number): ImageStatus[] {
  const used = [...config.labels.values()]
    .filter(({ minReady }) => minReady >= 0)
    .flatMap(({ image, providers }) => providers.map((provider) => ({ provider, image })));
  const places = new Map(
    [...used, ...records.images].map(({ provider, image }) => [`${provider}/${image}`, { provider, image }]),
  );
  return [...places.values()]
    .toSorted((a, b) => compare(a.provider, b.provider) || compare(a.image, b.image))
    .map(({ provider, image }) => {
      const isHere = (row: { provider: string; image: string | null }): boolean =>
        row.provider === provider && row.image === image;
      return describeImage({
        provider,
        image,
        source: config.providers.get(provider)?.images.get(image)?.source,
        rows: records.images.filter(isHere),
        failure: records.failures.find((failure) => failure.kind === 'build' && isHere(failure)),
        now,
      });
    });
}

interface ImageFacts {
  readonly provider: string;
  readonly image: string;
  /** undefined: it left the configuration. */
  readonly source: ProviderImageConfig['source'] | undefined;
  readonly rows: readonly ImageRecord[];
  /** Builds that failed since the last good one. */
  readonly failure: FailureRecord | undefined;
  readonly now: number;
}

function describeImage(facts: ImageFacts): ImageStatus {
  const { provider, image, rows, now } = facts;
  const newest = (state: ImageRecord['state']): ImageRecord | undefined =>
    rows.filter((row) => row.state === state).toSorted((a, b) => b.version - a.version)[0];
  const place = { provider, image };
  const known = (row: ImageRecord) => ({ version: row.version, age: ageInSeconds(now, row.stateAt) });
  const ready = newest('ready');
  if (ready !== undefined) return { ...place, state: 'ready', ...known(ready), waits_for: null };
  const build = newest('building');
  if (build !== undefined) return { ...place, state: 'building', ...known(build), waits_for: describeBuild(build) };
  return { ...place, state: 'missing', version: null, age: null, waits_for: describeAbsence(facts) };
}

function describeAbsence({ source, failure, now }: ImageFacts): string {
  if (source === undefined) return 'nothing, it left the configuration';
  if (source.kind === 'diskimage') {
    return `an upload of disk image ${source.diskimage}; this version does not build disk images`;
  }
  if (failure === undefined || failure.retryAt <= now) return 'its build';
  const rest = formatAge(Math.ceil((failure.retryAt - now) / 1000));
  return `its next build in ${rest}, after ${failure.count} that failed`;
}

/** The step that a snapshot build is at. */
function describeBuild(build: ImageRecord): string {
  if (build.saveAt !== null) return 'the cloud to save it';
  if (build.setupDoneAt !== null) return 'the call to save it';
  if (build.setupAt !== null) return 'its set-up script';
  if (build.activeAt !== null) return 'SSH on its template server';
  return build.serverId === null ? 'its template server' : 'its template server to boot';
}
