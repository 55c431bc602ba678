/** The disk images of the pool: which are built, and what keeps the others. */
import type { Config } from '../config/types.ts';
import type { DiskImageRecord, PoolRecords } from '../lifecycle/records.ts';
import { byVersion } from '../planning/choose-image.ts';
import { diskImagesInUse } from '../planning/images-in-use.ts';
import { findPause } from '../planning/pauses.ts';
import type { Lease } from '../store/store.ts';
import { compare } from './columns.ts';
import { describePause, describeRest } from './image-status.ts';
import { ageInSeconds } from './output/time.ts';

export interface DiskImageStatus {
  readonly disk_image: string;
  /** Whether there is a build that can be uploaded, or the first one is under way. */
  readonly state: 'ready' | 'building' | 'missing';
  /** Epoch seconds: of the newest build that is ready, or of the first one; null when missing. */
  readonly version: number | null;
  /** Seconds since that build was ready; null: none is. */
  readonly age: number | null;
  /** Seconds that the build under way has taken so far; null: none is. */
  readonly building_for: number | null;
  /** What the build under way, or the next one, waits for; null: the next one is not due, and nothing is in its way. */
  readonly waits_for: string | null;
}

interface Facts {
  readonly config: Config;
  readonly records: PoolRecords;
  /** Those that somebody holds. */
  readonly leases: readonly Lease[];
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Disk images that labels in force need, and any other that has rows. */
export function describeDiskImages(facts: Facts): DiskImageStatus[] {
  const { config, records } = facts;
  const names = new Set([...diskImagesInUse(config), ...records.diskImages.map(({ image }) => image)]);
  return [...names].toSorted(compare).map((name) => describeDiskImage(facts, name));
}

function describeDiskImage(facts: Facts, name: string): DiskImageStatus {
  const builds = facts.records.diskImages.filter(({ image }) => image === name).toSorted(byVersion);
  const ready = builds.find(({ state }) => state === 'ready') ?? null;
  const running = builds.find(({ state }) => state === 'building') ?? null;
  const none = { state: 'missing', version: null, age: null } as const;
  return {
    disk_image: name,
    ...(describeReady(ready, facts.now) ?? describeFirst(running) ?? none),
    building_for: running === null ? null : ageInSeconds(facts.now, running.startedAt ?? running.createdAt),
    waits_for: running === null ? describeNext(facts, name, ready) : describeRunning(facts, running),
  };
}

type Newest = Pick<DiskImageStatus, 'state' | 'version' | 'age'>;

function describeReady(build: DiskImageRecord | null, now: number): Newest | null {
  return build && { state: 'ready', version: build.version, age: ageInSeconds(now, build.stateAt) };
}

/** The first build, which is under way. */
function describeFirst(build: DiskImageRecord | null): Newest | null {
  return build && { state: 'building', version: build.version, age: null };
}

function describeRunning(facts: Facts, { image, startedAt, host }: DiskImageRecord): string {
  if (startedAt !== null) return `its builder program${host === null ? '' : ` on host ${host}`}`;
  return describeBuilders(facts, image) ?? 'its turn';
}

function describeNext(facts: Facts, name: string, ready: DiskImageRecord | null): string | null {
  const { config, records, now } = facts;
  const image = config.diskimages.get(name);
  if (image === undefined) return 'nothing, it left the configuration';
  const failure = records.failures.find(({ kind, image: failed }) => kind === 'disk-image' && failed === name);
  const hindrance = describePause(findPause(records, name, null), image.pause) ?? describeRest(failure, now, 'build');
  if (hindrance !== null || ready !== null) return hindrance;
  return describeBuilders(facts, name) ?? 'its build';
}

/** What is missing for somebody to build it; null: somebody can. */
function describeBuilders({ config, leases }: Facts, name: string): string | null {
  // A daemon that builds has an images directory, and both are leased.
  const hasDirectory = leases.some((lease) => lease.name.startsWith('images:'));
  if (hasDirectory && leases.some((lease) => lease.name === `diskimage:${name}`)) return null;
  return config.imagesDir === null ? 'an images-dir in the configuration' : 'a daemon that builds disk images';
}
