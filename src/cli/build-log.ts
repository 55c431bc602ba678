/** Finds the log that an operator means: of which image, and of which of its builds. */
import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Config } from '../config/types.ts';
import { logPath, type LogName } from '../images/build-logs.ts';
import { NodepoolError } from '../lib/errors.ts';
import type { ImageState } from '../lifecycle/image-states.ts';
import type { PoolRecords } from '../lifecycle/records.ts';
import { diskImageOf } from '../planning/images-in-use.ts';
import { requireImage, unknownImage } from './image-targets.ts';

/** A disk image, or (with a provider) a snapshot. */
export type LogSubject = Omit<LogName, 'version'>;

/** What the row of a build tells of its log. */
export interface LoggedBuild {
  readonly version: number;
  readonly state: ImageState;
  /** Where the log is; null: not known, or nowhere yet. */
  readonly host: string | null;
  /** When the log was begun; null: it was not. */
  readonly begunAt: number | null;
}

interface Surroundings {
  readonly config: Config;
  readonly records: PoolRecords;
  /** Where logs are. */
  readonly directory: string;
}

/** Rows of builds whose logs these are. Uploads have none. */
export function buildsOf({ images, diskImages }: PoolRecords, { provider, image }: LogSubject): LoggedBuild[] {
  if (provider === null) {
    const own = diskImages.filter((build) => build.image === image);
    return own.map(({ version, state, host, startedAt }) => ({ version, state, host, begunAt: startedAt }));
  }
  const own = images.filter((row) => row.provider === provider && row.image === image && row.diskImageId === null);
  return own.map(({ version, state, setupAt }) => ({ version, state, host: null, begunAt: setupAt }));
}

/** Throws `not-found`, and `usage` when several are meant. */
export async function chooseSubject(
  surroundings: Surroundings,
  { image, provider }: { image: string; provider: string | undefined },
): Promise<LogSubject> {
  if (provider !== undefined) return atProvider(surroundings, { provider, image });
  const { config, records, directory } = surroundings;
  const diskImage = { provider: null, image };
  if (config.diskimages.has(image) || buildsOf(records, diskImage).length > 0) return diskImage;
  const subjects = subjectsNamed(surroundings, image);
  const [only, ...others] = subjects;
  if (others.length > 0) {
    const choices = subjects.map((subject) => describeLogSubject(subject)).join(' and ');
    throw new NodepoolError('usage', `there are logs of ${choices}; say which one, with its provider`);
  }
  if (only !== undefined) return only;
  if ((await findVersions(directory, diskImage)).length > 0) return diskImage;
  throw unknownImage(config, image);
}

function atProvider({ config, records }: Surroundings, wanted: { provider: string; image: string }): LogSubject {
  const diskimage = diskImageOf(config.providers.get(wanted.provider), wanted.image);
  if (diskimage !== null) return { provider: null, image: diskimage };
  // What has left the configuration may still have rows.
  if (buildsOf(records, wanted).length === 0) requireImage(config, wanted);
  return wanted;
}

/** Whatever is behind the provider images of that name. */
function subjectsNamed({ config, records }: Surroundings, image: string): LogSubject[] {
  const configured = [...config.providers.values()].filter(({ images }) => images.has(image)).map(({ name }) => name);
  const built = records.images.filter((row) => row.image === image && row.diskImageId === null);
  const providers = new Set([...configured, ...built.map((row) => row.provider)]);
  const subjects = [...providers].map((provider): LogSubject => {
    const diskimage = diskImageOf(config.providers.get(provider), image);
    return diskimage === null ? { provider, image } : { provider: null, image: diskimage };
  });
  return [...new Map(subjects.map((subject) => [logPath('', { ...subject, version: 0 }), subject])).values()];
}

/** Versions of which there are logs on this machine, the newest first. */
export async function findVersions(directory: string, subject: LogSubject): Promise<number[]> {
  const prefix = basename(logPath(directory, { ...subject, version: 0 })).slice(0, -'0.log'.length);
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new NodepoolError('refused', `the directory of build logs ${directory} cannot be read (${error.code})`);
  });
  const versions = names
    .filter((name) => name.startsWith(prefix))
    .flatMap((name) => /^(\d+)\.log$/.exec(name.slice(prefix.length))?.[1] ?? []);
  return versions.map(Number).sort((a, b) => b - a);
}

/** `disk image trusty`, `image ubuntu at cloud`. */
export function describeLogSubject({ provider, image }: LogSubject): string {
  return provider === null ? `disk image ${image}` : `image ${image} at ${provider}`;
}
