/** Log files as they grow: read from their end, and on from where one stopped reading. */
import { open, type FileHandle } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { NodepoolError } from '../lib/errors.ts';

const CHUNK = 64 * 1024;
const NEWLINE = 0x0a;

export interface LogFile {
  /** Hands over what has come since, from the beginning at first. Answers whether there was anything. */
  read(write: (text: string) => void): Promise<boolean>;
  /** What is read next begins with the last `count` lines. */
  skipToLast(count: number): Promise<void>;
  close(): Promise<void>;
}

/** null: there is no such file. Error: `refused` when it cannot be read. */
export async function openLogFile(path: string): Promise<LogFile | null> {
  const file = await openOrNull(path);
  if (file === null) return null;
  const buffer = Buffer.alloc(CHUNK);
  let position = 0;
  const decoder = new StringDecoder('utf8');
  const readChunk = async (): Promise<Buffer> => {
    const { bytesRead } = await file.read(buffer, 0, CHUNK, position);
    return buffer.subarray(0, bytesRead);
  };
  return {
    read: async (write) => {
      let isNew = false;
      for (let chunk = await readChunk(); chunk.length > 0; chunk = await readChunk()) {
        position += chunk.length;
        isNew = true;
        write(decoder.write(chunk));
      }
      return isNew;
    },
    skipToLast: async (count) => {
      position = await findLastLines(file, count);
    },
    close: () => file.close(),
  };
}

async function openOrNull(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new NodepoolError('refused', `the log ${path} cannot be read (${code ?? String(error)})`, { cause: error });
  }
}

/** Where the last `count` lines begin; a last one without an end counts. */
async function findLastLines(file: FileHandle, count: number): Promise<number> {
  const { size } = await file.stat();
  if (count === 0) return size;
  const buffer = Buffer.alloc(CHUNK);
  let left = count;
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - CHUNK);
    const { bytesRead } = await file.read(buffer, 0, end - start, start);
    for (let index = bytesRead - 1; index >= 0; index -= 1) {
      // The newline at the very end belongs to the last line.
      if (buffer[index] !== NEWLINE || start + index === size - 1) continue;
      left -= 1;
      if (left === 0) return start + index + 1;
    }
    end = start;
  }
  return 0;
}
