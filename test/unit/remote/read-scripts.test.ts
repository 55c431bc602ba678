import { mkdirSync, mkdtempSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { readScripts } from '../../../src/remote/read-scripts.ts';
import { removeTree } from './temporary-directory.ts';

describe('readScripts', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'nodepool-script-dir-'));
    onTestFinished(() => removeTree(directory));
  });

  const put = (name: string, content: string | Uint8Array): void => writeFileSync(join(directory, name), content);

  it('reads every regular file by name, links to files too, but no subdirectory and no dangling link', async () => {
    put('setup.sh', '#!/bin/sh\n');
    put('.profile', 'ключ\n');
    mkdirSync(join(directory, 'deeper'));
    put('deeper/inner.sh', 'no');
    symlinkSync('setup.sh', join(directory, 'link.sh'));
    symlinkSync('nowhere', join(directory, 'dangling'));
    expect(await readScripts(directory)).toEqual([
      { path: '/tmp/nodepool-scripts/.profile', content: 'ключ\n', mode: 0o755 },
      { path: '/tmp/nodepool-scripts/link.sh', content: '#!/bin/sh\n', mode: 0o755 },
      { path: '/tmp/nodepool-scripts/setup.sh', content: '#!/bin/sh\n', mode: 0o755 },
    ]);
  });

  it('keeps the bytes of what is not text', async () => {
    put('tool', Uint8Array.of(0x7f, 0x45, 0xff, 0x00));
    const [tool] = await readScripts(directory);
    expect([...(tool?.content as Uint8Array)]).toEqual([0x7f, 0x45, 0xff, 0x00]);
  });

  it('says which directory is missing', async () => {
    const missing = join(directory, 'scripts');
    await expect(readScripts(missing)).rejects.toMatchObject({
      code: 'config',
      message: `script-dir ${missing} does not exist; make it, or name an existing directory`,
    });
  });

  it('says which directory is a file', async () => {
    put('setup.sh', '#!/bin/sh\n');
    const file = join(directory, 'setup.sh');
    await expect(readScripts(file)).rejects.toMatchObject({
      code: 'config',
      message: `script-dir ${file} is not a directory; name one`,
    });
  });

  it('refuses a directory with more than 16 MiB, and takes one with just that', async () => {
    put('big', '');
    truncateSync(join(directory, 'big'), 16 * 1024 * 1024);
    expect(await readScripts(directory)).toHaveLength(1);
    put('one-more', 'x');
    await expect(readScripts(directory)).rejects.toMatchObject({
      code: 'config',
      message: `script-dir ${directory} holds 17 MiB of files; more than 16 MiB are not copied to servers`,
    });
  });
});
