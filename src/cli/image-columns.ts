/**
 * The columns of the listings of images, like those in `columns.ts`. Sorted as the original sorts: provider images by
 * provider and image, disk images by image, each then by id.
 */
import type { DiskImageRecord, ImageFile, ImageRecord } from '../lifecycle/records.ts';
import { compare, FINGERPRINT, HOST_KEY } from './columns.ts';
import { toObjects, type Column } from './output/listing.ts';
import { ageInSeconds, formatTime } from './output/time.ts';

export function imageColumns(now: number): readonly Column<ImageRecord>[] {
  return [
    { title: 'ID', key: 'id', value: ({ id }) => id },
    { title: 'Provider', key: 'provider', value: ({ provider }) => provider },
    { title: 'Image', key: 'image', value: ({ image }) => image },
    { title: 'Hostname', key: 'hostname', value: ({ hostname }) => hostname },
    { title: 'Version', key: 'version', value: ({ version }) => version },
    { title: 'Image ID', key: 'image_id', value: ({ cloudImageId }) => cloudImageId },
    { title: 'Server ID', key: 'server_id', value: ({ serverId }) => serverId },
    { title: 'State', key: 'state', value: ({ state }) => state },
    { title: 'Age', key: 'age', unit: 'age', value: ({ stateAt }) => ageInSeconds(now, stateAt) },
    { title: 'Reason', key: 'reason', value: ({ reason }) => reason },
    { title: 'Build', key: 'build', value: ({ diskImageId }) => diskImageId },
    { title: 'Withdrawn', key: 'withdrawn_at', value: ({ withdrawnAt }) => formatTime(withdrawnAt) },
    { title: 'Uploaded', key: 'uploaded_bytes', unit: 'bytes', value: ({ progressBytes }) => progressBytes },
  ];
}

/** What `info --image` tells of an image. */
export function imageFacts(now: number): readonly Column<ImageRecord>[] {
  return [
    ...imageColumns(now),
    { title: 'Create calls', key: 'create_calls', value: ({ attempt }) => attempt },
    { title: 'Created', key: 'created_at', value: ({ createdAt }) => formatTime(createdAt) },
    { title: 'Login user', key: 'username', value: ({ username }) => username },
    HOST_KEY,
    FINGERPRINT,
    { title: 'Set-up started', key: 'setup_at', value: ({ setupAt }) => formatTime(setupAt) },
    { title: 'Set-up done', key: 'setup_done_at', value: ({ setupDoneAt }) => formatTime(setupDoneAt) },
    { title: 'Saving started', key: 'save_at', value: ({ saveAt }) => formatTime(saveAt) },
    { title: 'First launches that worked', key: 'launches_ok', value: ({ launchesOk }) => launchesOk },
    { title: 'First launches that failed', key: 'launches_failed', value: ({ launchesFailed }) => launchesFailed },
  ];
}

export function diskImageColumns(now: number): readonly Column<DiskImageRecord>[] {
  return [
    { title: 'ID', key: 'id', value: ({ id }) => id },
    { title: 'Image', key: 'image', value: ({ image }) => image },
    { title: 'Filename', key: 'filename', value: ({ filename }) => filename },
    { title: 'Version', key: 'version', value: ({ version }) => version },
    { title: 'State', key: 'state', value: ({ state }) => state },
    { title: 'Age', key: 'age', unit: 'age', value: ({ stateAt }) => ageInSeconds(now, stateAt) },
    { title: 'Reason', key: 'reason', value: ({ reason }) => reason },
    { title: 'Host', key: 'host', value: ({ host }) => host },
    { title: 'Formats', key: 'formats', value: ({ files }) => files?.map(({ format }) => format) ?? null },
    // What they take up on disk.
    { title: 'Size', key: 'size', unit: 'bytes', value: ({ files }) => (files === null ? null : allocated(files)) },
  ];
}

function allocated(files: readonly ImageFile[]): number {
  return files.reduce((sum, { allocatedBytes }) => sum + allocatedBytes, 0);
}

/** What `info --disk-image` tells of a build. */
export function diskImageFacts(now: number): readonly Column<DiskImageRecord>[] {
  return [
    ...diskImageColumns(now),
    { title: 'Created', key: 'created_at', value: ({ createdAt }) => formatTime(createdAt) },
    { title: 'Builder started', key: 'started_at', value: ({ startedAt }) => formatTime(startedAt) },
    { title: 'Images directory', key: 'directory', value: ({ directory }) => directory },
    { title: 'Uploaded as', key: 'uploads', value: ({ uploads }) => uploads },
    {
      title: 'Files',
      key: 'files',
      isDetail: true,
      value: ({ files }) => (files === null ? null : toObjects(FILE_COLUMNS, files)),
    },
  ];
}

export const FILE_COLUMNS: readonly Column<ImageFile>[] = [
  { title: 'Format', key: 'format', value: ({ format }) => format },
  { title: 'Size', key: 'bytes', unit: 'bytes', value: ({ bytes }) => bytes },
  { title: 'On disk', key: 'allocated_bytes', unit: 'bytes', value: ({ allocatedBytes }) => allocatedBytes },
  { title: 'Virtual size', key: 'virtual_bytes', unit: 'bytes', value: ({ virtualBytes }) => virtualBytes },
  { title: 'SHA-256', key: 'sha256', value: ({ sha256 }) => sha256 },
  { title: 'SHA-512', key: 'sha512', isDetail: true, value: ({ sha512 }) => sha512 },
  { title: 'MD5', key: 'md5', isDetail: true, value: ({ md5 }) => md5 },
];

export function sortImages<T extends { provider: string; image: string; id: number }>(images: readonly T[]): T[] {
  return images.toSorted((a, b) => compare(a.provider, b.provider) || compare(a.image, b.image) || a.id - b.id);
}

export function sortDiskImages<T extends { image: string; id: number }>(images: readonly T[]): T[] {
  return images.toSorted((a, b) => compare(a.image, b.image) || a.id - b.id);
}
