/** The questions that `qemu-img` answers about image files, and the command lines that convert them. */
import { execFile } from 'node:child_process';
import { basename } from 'node:path';
import type { Environment } from '../config/state-directory.ts';
import { NodepoolError } from '../lib/errors.ts';
import { parseJson } from '../lib/json.ts';
import { qemuName } from './formats.ts';

export interface QemuImg {
  /**
   * Size of the disk in an image file of a format that `qemu-img` knows. Error: `command-failed` when it is of another
   * format, damaged, empty, or not all of the image.
   */
  virtualBytes(file: string, format: string, signal: AbortSignal): Promise<number>;
  /** Arguments that convert `from` to `to`, with `options` for qcow2. */
  conversion(from: ImagePath, to: ImagePath, options: string): readonly string[];
  readonly path: string;
}

interface ImagePath {
  readonly path: string;
  /** As configurations name it. */
  readonly format: string;
}

/** What is read of the answer of `qemu-img info --output=json`. */
interface ImageFacts {
  readonly format?: unknown;
  readonly 'virtual-size'?: unknown;
  readonly 'backing-filename'?: string;
  readonly 'format-specific'?: { readonly data?: { readonly corrupt?: unknown } };
}

export function createQemuImg(path: string, env: Environment): QemuImg {
  const ask = (args: readonly string[], signal: AbortSignal): Promise<Answer> => run(path, args, { env, signal });
  return {
    path,
    virtualBytes: async (file, format, signal) => {
      // Anything can be read as raw: for that one it has to say itself what it takes the file for.
      const expected = format === 'raw' ? [] : ['-f', qemuName(format) ?? format];
      const { code, stdout, stderr } = await ask(['info', '--output=json', ...expected, file], signal);
      if (code !== 0) throw unusable(file, format, `qemu-img says: ${lastLine(stderr)}`);
      // What another program of that name answers fits no format.
      const facts = Object(parseJson(stdout)) as ImageFacts;
      const fault = faultOf(facts, format);
      if (fault !== null) throw unusable(file, format, fault);
      // It opens a qcow2 of which all but the beginning is missing.
      if (format === 'qcow2') await check(file, () => ask(['check', '-f', 'qcow2', file], signal));
      return facts['virtual-size'] as number;
    },
    conversion: (from, to, options) => [
      ...['convert', '-f', qemuName(from.format) ?? from.format, '-O', qemuName(to.format) ?? to.format],
      ...(to.format === 'qcow2' && options !== '' ? ['-o', options] : []),
      from.path,
      to.path,
    ],
  };
}

function faultOf(facts: ImageFacts, format: string): string | null {
  const found = facts.format;
  if (found !== qemuName(format)) return `it is ${String(found)}`;
  if (facts['backing-filename'] !== undefined)
    return `it needs another file, ${facts['backing-filename']}, to be complete`;
  if (facts['format-specific']?.data?.corrupt === true) return 'it is marked as corrupt';
  return typeof facts['virtual-size'] === 'number' && facts['virtual-size'] > 0 ? null : 'it is empty';
}

/** What `qemu-img check` ends with when all is well, or when some space is merely wasted. */
const SOUND: readonly (number | null)[] = [0, 3];

async function check(file: string, ask: () => Promise<Answer>): Promise<void> {
  const { code, stderr } = await ask();
  if (!SOUND.includes(code)) throw unusable(file, 'qcow2', `qemu-img check says: ${firstLine(stderr)}`);
}

function unusable(file: string, format: string, why: string): NodepoolError {
  return new NodepoolError('command-failed', `${basename(file)} is not a usable ${format} image: ${why}`);
}

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');
const lastLine = (text: string): string => linesOf(text).at(-1)?.trim() ?? 'nothing';
const firstLine = (text: string): string => linesOf(text)[0]?.trim() ?? 'that it is damaged';

interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** These read headers only; what is killed in the middle of one leaves nothing. */
function run(
  path: string,
  args: readonly string[],
  { env, signal }: { env: Environment; signal: AbortSignal },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...env, LC_ALL: 'C' }, signal, encoding: 'utf8', killSignal: 'SIGKILL' } as const;
    execFile(path, args, options, (error, stdout, stderr) => {
      if (signal.aborted) reject(signal.reason as Error);
      else if (error === null) resolve({ code: 0, stdout, stderr });
      else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr });
      else reject(new NodepoolError('command-failed', `${path} ended without an answer: ${error.message}`));
    });
  });
}
