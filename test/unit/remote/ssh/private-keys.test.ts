import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createPrivateKeys } from '../../../../src/remote/ssh/private-keys.ts';
import { removeTree } from '../temporary-directory.ts';

function newPath(): string {
  const directory = mkdtempSync(join(tmpdir(), 'nodepool-keys-'));
  onTestFinished(() => removeTree(directory));
  return join(directory, 'id_ecdsa');
}

function newKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'sec1', format: 'pem' })
    .toString();
}

it('a key is kept while its file holds it, and read anew when it holds another of the same size and age', async () => {
  const path = newPath();
  const keys = createPrivateKeys({});
  await writeFile(path, newKey());
  const first = await keys.read(path);
  expect(await keys.read(path)).toBe(first);

  const { atime, mtime } = await stat(path);
  await writeFile(path, newKey());
  await utimes(path, atime, mtime);
  expect((await keys.read(path)).secret.equals(first.secret)).toBe(false);
});

it('a file that holds no key is refused with what can be done, until it holds one', async () => {
  const path = newPath();
  const keys = createPrivateKeys({});
  await writeFile(path, 'ssh-rsa AAAA');
  for (let round = 0; round < 2; round += 1) {
    await expect(keys.read(path)).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining('give it in NODEPOOL_SSH_PASSPHRASE') as string,
    });
  }
  await writeFile(path, newKey());
  expect((await keys.read(path)).parsed.type).toBe('ecdsa-sha2-nistp256');
});
