import { createPrivateKey, createPublicKey } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeyMaker, openSshPublicKey, type KeyMaker } from '../../../src/remote/key-pair.ts';
import { createTemplateKeys } from '../../../src/remote/template-keys.ts';
import { removeTree } from './temporary-directory.ts';

const RECORD = 'image-7-abc';

let parent: string;
let directory: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'nodepool-keys-'));
  directory = join(parent, 'state', 'keys');
});

afterEach(() => removeTree(parent));

const modeOf = (path: string): number => statSync(path).mode & 0o777;

/** Counts the pairs that it makes. */
function countingMaker(): KeyMaker & { made: number } {
  const maker = createKeyMaker();
  const counting = {
    made: 0,
    make: () => {
      counting.made += 1;
      return maker.make();
    },
  };
  return counting;
}

describe('createTemplateKeys', () => {
  it('makes a key pair that only its owner can read, with its public half', async () => {
    const keys = createTemplateKeys({ directory, keys: createKeyMaker() });
    const { publicKey } = await keys.prepare(RECORD);
    expect(keys.path(RECORD)).toBe(join(directory, RECORD));
    const secret = createPrivateKey(readFileSync(keys.path(RECORD)));
    expect(publicKey).toBe(openSshPublicKey(createPublicKey(secret)));
    expect([modeOf(directory), modeOf(keys.path(RECORD))]).toEqual([0o700, 0o600]);
    expect(readdirSync(directory)).toEqual([RECORD]);
  });

  it('goes on with the key pair that is there, after a restart too', async () => {
    const first = countingMaker();
    const { publicKey } = await createTemplateKeys({ directory, keys: first }).prepare(RECORD);
    const second = countingMaker();
    expect(await createTemplateKeys({ directory, keys: second }).prepare(RECORD)).toEqual({ publicKey });
    expect([first.made, second.made]).toEqual([1, 0]);
  });

  it('closes a directory that is open to others', async () => {
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, 0o755);
    await createTemplateKeys({ directory, keys: createKeyMaker() }).prepare(RECORD);
    expect(modeOf(directory)).toBe(0o700);
  });

  it('makes another pair for another record, and lists both', async () => {
    const keys = createTemplateKeys({ directory, keys: createKeyMaker() });
    const { publicKey } = await keys.prepare('image-2-x');
    expect((await keys.prepare('image-1-x')).publicKey).not.toBe(publicKey);
    expect(await keys.records()).toEqual(['image-1-x', 'image-2-x']);
  });

  it('lists nothing where nothing was ever made', async () => {
    expect(await createTemplateKeys({ directory, keys: createKeyMaker() }).records()).toEqual([]);
  });

  it('writes anew what a crash left half-written, and does not list it', async () => {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `.new-${RECORD}`), 'half');
    const keys = createTemplateKeys({ directory, keys: createKeyMaker() });
    expect(await keys.records()).toEqual([]);
    await keys.prepare(RECORD);
    expect(readdirSync(directory)).toEqual([RECORD]);
  });

  it('removes a key pair, and takes one that is gone for removed', async () => {
    const keys = createTemplateKeys({ directory, keys: createKeyMaker() });
    await keys.prepare(RECORD);
    await keys.remove(RECORD);
    await keys.remove(RECORD);
    expect(existsSync(keys.path(RECORD))).toBe(false);
    expect(await keys.records()).toEqual([]);
  });

  it('names the file that holds no key', async () => {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, RECORD), 'no key');
    const keys = createTemplateKeys({ directory, keys: createKeyMaker() });
    await expect(keys.prepare(RECORD)).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining(join(directory, RECORD)) as string,
    });
  });
});
