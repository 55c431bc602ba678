/** Rows of `dib_image` as tuples, and what they mean. The original's rows have little more than name, version and state. */
import { parseJson } from '../lib/json.ts';
import type { DiskImageRecord, ImageFile } from '../lifecycle/records.ts';
import { buildStateFromCode, toMs } from './rows.ts';

export type DiskImageRow = readonly [
  id: number,
  image: string,
  filename: string | null,
  version: number | null,
  state: number | null,
  stateTime: number | null,
  createdAt: number | null,
  reason: string | null,
  directory: string | null,
  host: string | null,
  startedAt: number | null,
  files: string | null,
  uploads: string | null,
];
export const DISK_IMAGE_COLUMNS =
  'id, image_name, filename, version, state, state_time, created_ms, reason, directory, host, started_ms, files, uploads';

/** null in a state that disk images do not have. */
export function diskImageFromRow(row: DiskImageRow): DiskImageRecord | null {
  const [id, image, filename, version, code, seconds, createdAt, reason, directory, host, startedAt, ...lists] = row;
  const [files, uploads] = lists;
  const state = buildStateFromCode(code);
  if (state === null) return null;
  const stateAt = toMs(seconds);
  return {
    id,
    image,
    filename,
    version: version ?? 0,
    state,
    stateAt,
    createdAt: createdAt ?? stateAt,
    reason,
    directory,
    host,
    startedAt,
    files: parseList(files, isImageFile),
    uploads: parseList(uploads, (name) => typeof name === 'string') ?? [],
  };
}

/** null when there is none, or somebody edited it: half a list must not pass for all of it. */
function parseList<T>(json: string | null, isItem: (item: unknown) => item is T): T[] | null {
  const list = json === null ? null : parseJson(json);
  return Array.isArray(list) && list.every(isItem) ? list : null;
}

const FILE_FACTS = {
  format: ['string'],
  bytes: ['number'],
  allocatedBytes: ['number'],
  virtualBytes: ['number', 'null'],
  sha256: ['string'],
  sha512: ['string'],
  md5: ['string'],
} as const satisfies Record<keyof ImageFile, readonly string[]>;

function isImageFile(item: unknown): item is ImageFile {
  if (typeof item !== 'object' || item === null) return false;
  const facts = item as Readonly<Record<string, unknown>>;
  return Object.entries(FILE_FACTS).every(([key, types]) => types.some((type) => typeOf(facts[key]) === type));
}

function typeOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}
