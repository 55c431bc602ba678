/** The files of a build: what the builder program makes, what is converted from that, and whether it is any good. */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Environment } from '../config/state-directory.ts';
import { NodepoolError } from '../lib/errors.ts';
import { builderArguments } from './builder-command.ts';
import type { BuildOrder } from './disk-images.ts';
import { nullWhenMissing } from '../lib/system-error.ts';
import { findSource, qemuName, type FormatPlan } from './formats.ts';
import type { QemuImg } from './qemu-img.ts';
import { runLogged, type LoggedPlace } from './run-logged.ts';

/** A build whose programs have been found. */
export interface Workbench {
  readonly order: BuildOrder;
  /** Path of the files to be made, without their extensions. */
  readonly output: string;
  readonly place: LoggedPlace;
  readonly plan: FormatPlan;
  /** Path of the program. */
  readonly builder: string;
  readonly env: Environment;
  /** null: no format needs it. */
  readonly qemuImg: QemuImg | null;
}

/** Virtual size in bytes of the files that are there, by format; null: the format has none. */
type Made = ReadonlyMap<string, number | null>;

/** Makes all formats, and reads each back. Other formats than those wanted may be there too. */
export async function makeFormats(bench: Workbench, signal: AbortSignal): Promise<Made> {
  const { order, output, plan, builder, env, place } = bench;
  const args = builderArguments(order, { asked: plan.asked, output });
  const what = `${basename(builder)} (disk image ${order.image})`;
  await runLogged({ program: builder, args, env, what }, place, signal);
  const made = new Map<string, number | null>();
  for (const format of new Set([...plan.asked, ...plan.wanted])) {
    const size = await readBack(bench, format, signal);
    if (size !== 'missing') made.set(format, size);
  }
  if (made.size === 0) throw nothingMade(bench, what);
  for (const format of plan.wanted)
    if (!made.has(format))
      made.set(format, await convert(bench, { format, source: findSource([...made.keys()]) }, signal));
  return made;
}

/** Looks at a file. Error: `command-failed` when it is empty, or not what it is called. */
async function readBack(
  { output, qemuImg }: Workbench,
  format: string,
  signal: AbortSignal,
): Promise<number | null | 'missing'> {
  signal.throwIfAborted();
  const path = `${output}.${format}`;
  const facts = await stat(path).catch(nullWhenMissing);
  if (facts === null || facts.isDirectory()) return 'missing';
  if (facts.size === 0) throw new NodepoolError('command-failed', `${basename(path)} is empty`);
  return qemuImg === null || qemuName(format) === null ? null : qemuImg.virtualBytes(path, format, signal);
}

async function convert(
  bench: Workbench,
  { format, source }: { format: string; source: string | null },
  signal: AbortSignal,
): Promise<number | null> {
  const { order, output, qemuImg, env, place } = bench;
  if (qemuImg === null || source === null || qemuName(format) === null) throw cannotMake(bench, format, source);
  const from = { path: `${output}.${source}`, format: source };
  const to = { path: `${output}.${format}`, format };
  const args = qemuImg.conversion(from, to, order.config.qemuImgOptions);
  const what = `qemu-img (disk image ${order.image}, ${source} to ${format})`;
  await runLogged({ program: qemuImg.path, args, env, what }, place, signal);
  const size = await readBack(bench, format, signal);
  if (size !== 'missing') return size;
  throw new NodepoolError('command-failed', `${what} ended well but made no file`);
}

function nothingMade({ output, plan }: Workbench, what: string): NodepoolError {
  const expected = plan.asked.map((format) => `${output}.${format}`).join(' or ');
  return new NodepoolError('command-failed', `${what} ended well but made no file ${expected}`);
}

function cannotMake({ order, builder }: Workbench, format: string, source: string | null): NodepoolError {
  const why =
    source === null && qemuName(format) !== null
      ? 'there is neither qcow2 nor raw to convert from'
      : 'qemu-img does not know that format';
  const advice = `take it out of formats and of the providers' image-type`;
  const message = `${basename(builder)} made no ${format} of disk image ${order.image}, and ${why}: ${advice}`;
  return new NodepoolError('command-failed', message);
}
