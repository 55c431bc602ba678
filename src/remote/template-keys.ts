import { createPublicKey } from 'node:crypto';
import { chmod, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, NodepoolError } from '../lib/errors.ts';
import { nullWhenMissing } from '../lib/system-error.ts';
import { openSshPublicKey, type KeyMaker } from './key-pair.ts';

/** Key pairs for template servers without a configured one: a file for each, so that a restarted daemon goes on with it. */
export interface TemplateKeys {
  /**
   * Makes a key pair for the record unless it has one. `publicKey` is one line in the notation of `authorized_keys`,
   * without its end. Rejects with `config` when the file cannot be written, or is there and holds no key.
   */
  prepare(record: string): Promise<{ readonly publicKey: string }>;
  /** Where the private half of the record's key pair is, or would be. */
  path(record: string): string;
  /** Success, too, when there is none. */
  remove(record: string): Promise<void>;
  /** The records that have a key pair. */
  records(): Promise<string[]>;
}

export interface TemplateKeysDeps {
  /** Made, for the daemon's user only, when the first key is. */
  readonly directory: string;
  readonly keys: KeyMaker;
}

/** What is being written; no record begins like that. */
const TEMPORARY = '.new-';

export function createTemplateKeys({ directory, keys }: TemplateKeysDeps): TemplateKeys {
  const path = (record: string): string => join(directory, record);

  const make = async (record: string): Promise<string> => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    // It may be an old one with another mode.
    await chmod(directory, 0o700);
    const { privateKey } = await keys.make();
    const temporary = join(directory, `${TEMPORARY}${record}`);
    await writeSecret(temporary, privateKey);
    await rename(temporary, path(record));
    return privateKey;
  };

  return {
    path,
    prepare: async (record) => {
      try {
        const privateKey = await readFile(path(record), 'utf8').catch(nullWhenMissing);
        return { publicKey: publicHalf(privateKey ?? (await make(record))) };
      } catch (error) {
        const message = `the key of a template server in ${path(record)} cannot be used: ${describeError(error)}`;
        throw new NodepoolError('config', message, { cause: error });
      }
    },
    remove: async (record) => {
      await rm(path(record), { force: true });
      await rm(join(directory, `${TEMPORARY}${record}`), { force: true });
    },
    records: async () => {
      const names = await readdir(directory).catch(nullWhenMissing);
      return (names ?? []).filter((name) => !name.startsWith(TEMPORARY)).sort();
    },
  };
}

/** On the disk when it resolves: a machine that crashes must not leave an empty file under the final name. */
async function writeSecret(path: string, text: string): Promise<void> {
  await rm(path, { force: true });
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

function publicHalf(privateKey: string): string {
  return openSshPublicKey(createPublicKey(privateKey));
}
