import type { Config } from '../config/types.ts';
import type { DiskImageRecord, ImageRecord } from '../lifecycle/records.ts';

/** Size of the file that is uploaded; null: its build, its provider or a file in its format is not known. */
export function uploadSize(
  { provider, diskImageId }: ImageRecord,
  { config, diskImages }: { config: Pick<Config, 'providers'>; diskImages: readonly DiskImageRecord[] },
): number | null {
  const place = config.providers.get(provider);
  const files = diskImages.find(({ id }) => id === diskImageId)?.files;
  if (place === undefined || files === undefined || files === null) return null;
  return files.find(({ format }) => format === place.imageType)?.bytes ?? null;
}

/** Whole percents, 100 only when all is sent. */
export function percentOf(sent: number | null, total: number | null): number | null {
  if (sent === null || total === null) return null;
  return total === 0 ? 100 : Math.min(100, Math.floor((sent / total) * 100));
}
