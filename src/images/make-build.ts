/** One build of a disk image, from the look at the disk to the files under their names. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Environment } from '../config/state-directory.ts';
import { describeError, isNodepoolError, NodepoolError } from '../lib/errors.ts';
import type { ImageFile } from '../lifecycle/records.ts';
import { logPath, openBuildLog } from './build-logs.ts';
import { stemOf } from './build-paths.ts';
import { builderEnvironment } from './builder-command.ts';
import type { BuildOrder } from './disk-images.ts';
import { fileError } from './file-errors.ts';
import { findProgram } from './find-program.ts';
import { planFormats, qemuName } from './formats.ts';
import { checkSpace } from './free-space.ts';
import { makeFormats, type Workbench } from './make-formats.ts';
import { measureFile } from './measure.ts';
import { flush, publish } from './publish.ts';
import { outputPath, removeBuild, removeWork } from './remove-build.ts';
import { writeLine, type LoggedPlace } from './run-logged.ts';
import { BUILD_FILE, findQemuImg, PROCESS_FILE, type Site } from './site.ts';
import { withinLimit } from './within-limit.ts';

/** Builds, and leaves either all files under their names or nothing but the log. Errors: as of `DiskImages.build`. */
export async function makeBuild(site: Site, order: BuildOrder, signal: AbortSignal): Promise<readonly ImageFile[]> {
  const { image, version, config } = order;
  const path = logPath(site.logDirectory, { provider: null, image, version });
  const log = openBuildLog(path, site.log);
  const place = { ...placeOf(site, order), log, logPath: path };
  const limit = { clock: site.clock, ms: config.buildTimeoutMs, what: `the build of disk image ${image}` };
  try {
    const files = await withinLimit(limit, signal, (own) => build(site, { order, place }, own));
    writeLine(place, `complete: ${files.map(({ format, bytes }) => `${format} (${bytes} bytes)`).join(', ')}`);
    return files;
  } catch (error) {
    const known = explain(error, { image, site, path });
    writeLine(place, `failed: ${describeError(known)}`);
    // It gives the space back at once; what was abandoned may be somebody else's by now, who has it removed.
    if (!isNodepoolError(known, 'aborted')) await removeBuild(site, order).catch(reportLeftover(site, order));
    throw known;
  } finally {
    await log.close();
  }
}

function reportLeftover({ log }: Site, { image, version }: BuildOrder): (error: unknown) => void {
  return (error) => log.warn({ image, version, error: describeError(error) }, 'what a build left cannot be removed');
}

function placeOf({ clock, freeBytes, directory }: Site, order: BuildOrder): Omit<LoggedPlace, 'log' | 'logPath'> {
  const note = join(dirname(outputPath(directory, order)), PROCESS_FILE);
  return { clock, note, freeBytes: () => freeBytes(directory) };
}

/** What went wrong as an error of the catalogue that says where to read on. */
function explain(error: unknown, { image, site, path }: { image: string; site: Site; path: string }): unknown {
  const known = fileError(error, `disk image ${image} cannot be built in ${site.directory}`);
  if (!isNodepoolError(known, 'command-failed')) return known;
  return new NodepoolError('command-failed', `${known.message}; its log is ${path}`, { cause: error });
}

interface Job {
  readonly order: BuildOrder;
  readonly place: LoggedPlace;
}

async function build(site: Site, { order, place }: Job, signal: AbortSignal): Promise<readonly ImageFile[]> {
  const bench = await prepare(site, { order, place });
  signal.throwIfAborted();
  // What a process before us left of it takes up space.
  await removeBuild(site, order);
  const { image, previousBytes } = order;
  checkSpace(image, { freeBytes: await place.freeBytes(), previousBytes, directory: site.directory });
  await makeWorkingDirectory(bench);
  try {
    return await makeAndPublish(site, bench, signal);
  } catch (error) {
    if (signal.aborted || existsSync(dirname(bench.output))) throw error;
    throw new NodepoolError('aborted', `build ${stemOf(order)} was removed while it was made`, { cause: error });
  }
}

async function makeAndPublish(site: Site, bench: Workbench, signal: AbortSignal): Promise<readonly ImageFile[]> {
  const { order, output, plan } = bench;
  const sizes = await makeFormats(bench, signal);
  const files: ImageFile[] = [];
  for (const format of plan.wanted) {
    const path = `${output}.${format}`;
    await flush(path);
    files.push({ format, virtualBytes: sizes.get(format) ?? null, ...(await measureFile(path, signal)) });
  }
  signal.throwIfAborted();
  await publish(site, order, plan.wanted);
  // It is built, whatever becomes of what it was built in.
  await removeWork(site, order).catch(reportLeftover(site, order));
  return files;
}

async function makeWorkingDirectory({ order, output }: Workbench): Promise<void> {
  const directory = dirname(output);
  await mkdir(directory);
  const { image, version } = order;
  await writeFile(join(directory, BUILD_FILE), `${JSON.stringify({ image, version })}\n`);
}

/** Everything that can be known to fail is, before hours are spent. */
async function prepare(site: Site, { order, place }: Job): Promise<Workbench> {
  const output = outputPath(site.directory, order);
  const env = builderEnvironment(order, { env: site.env, output });
  const builder = await findBuilder(site, order, env);
  const plan = planFormats(order.config.formats, 'path' in (await findProgram('vhd-util', env['PATH'])));
  const needsQemuImg = [...plan.asked, ...plan.wanted].some((format) => qemuName(format) !== null);
  const qemuImg = needsQemuImg ? await findQemuImg(site) : null;
  return { order, output, place, plan, builder, env, qemuImg };
}

async function findBuilder({ programs }: Site, { image, config }: BuildOrder, env: Environment): Promise<string> {
  const name = programs.builder ?? config.dibCmd;
  const found = await findProgram(name, env['PATH']);
  if ('path' in found) return found.path;
  const message =
    found.problem === 'missing'
      ? `there is no program ${name} to build disk image ${image}: install diskimage-builder, set dib-cmd to what builds it, or start this daemon with --no-builder`
      : `the program ${name} that builds disk image ${image} is not executable: correct its permissions, or set dib-cmd`;
  throw new NodepoolError('config', message);
}
