import { stat } from 'node:fs/promises';
import { describeError, isNodepoolError, NodepoolError } from '../lib/errors.ts';
import type { ImageFile } from '../lifecycle/records.ts';
import { stemOf } from './build-paths.ts';
import type { BuildName } from './disk-images.ts';
import { qemuName } from './formats.ts';
import { measureFile } from './measure.ts';
import { filesOf, findQemuImg, type Site } from './site.ts';

/** What is unusable now may be usable when somebody has corrected its permissions, or mended `qemu-img`. */
const RETRY_MS = 10 * 60_000;

/**
 * What there is of a complete build. Files that are no images, or damaged, are reported and left out. Error:
 * `command-failed` when there are files, and none is left: that they cannot be used says nothing of what they are worth.
 */
export async function inspectBuild(site: Site, build: BuildName, signal: AbortSignal): Promise<readonly ImageFile[]> {
  const files: ImageFile[] = [];
  const found = await filesOf(site, build);
  let problem = 'they are empty';
  for (const { path, format } of found) {
    try {
      signal.throwIfAborted();
      const virtualBytes =
        qemuName(format) === null ? null : await (await findQemuImg(site)).virtualBytes(path, format, signal);
      const { size } = await stat(path);
      if (size > 0) files.push({ format, virtualBytes, ...(await measureFile(path, signal)) });
    } catch (error) {
      if (signal.aborted) throw new NodepoolError('aborted', `the look at build ${stemOf(build)} was abandoned`);
      if (!isNodepoolError(error, 'command-failed')) throw error;
      problem = describeError(error);
      site.log.warn({ path, error: problem }, 'a file of a disk image cannot be used');
    }
  }
  if (files.length > 0 || found.length === 0) return files;
  const message = `no file of build ${stemOf(build)} can be used: ${problem}; correct that, or delete the build`;
  throw new NodepoolError('command-failed', message, { retryAfterMs: RETRY_MS });
}
