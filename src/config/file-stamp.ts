import { statSync } from 'node:fs';

/** A text that changes whenever the file is written, replaced, removed, made, or given other permissions. */
export function fileStamp(path: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(path);
    return [ino, size, mtimeMs, ctimeMs].join('/');
  } catch {
    // Why it cannot be looked at is said when it is read.
    return 'missing';
  }
}
