import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryInUse, MARKER } from '../../../src/images/images-directory.ts';
import { systemRandom } from '../../../src/lib/random.ts';

const OURS = '11111111-1111-4111-8111-111111111111';
const THEIRS = '22222222-2222-4222-8222-222222222222';

let root: string;
let path: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nodepool-directory-'));
  path = join(root, 'images');
});
afterEach(() => rmSync(root, { recursive: true }));

function use(imagesDir: string | null = path, installation = OURS): DirectoryInUse {
  const inUse = new DirectoryInUse(systemRandom);
  inUse.configure({ imagesDir, logDirectory: '', installation });
  return inUse;
}

const again = (inUse: DirectoryInUse): void =>
  inUse.configure({ imagesDir: path, logDirectory: '', installation: OURS });

/** Configures, as it is done each second, until what is seen in the background has been acted upon. */
async function settle(inUse: DirectoryInUse, isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    again(inUse);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('the images directory', () => {
  it('is made and marked', () => {
    const { directory, problem } = use();
    expect(problem).toBeNull();
    expect(directory).toEqual({ id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string, path });
    expect(readdirSync(path)).toEqual([MARKER]);
    expect(statSync(path).mode & 0o777).toBe(0o755);
    expect(JSON.parse(readFileSync(join(path, MARKER), 'utf8'))).toEqual({
      directory: directory?.id,
      installation: OURS,
    });
  });

  it('is the same one for everybody who sees it, wherever it is mounted', () => {
    const first = use().directory;
    expect(use().directory).toEqual(first);
    renameSync(path, join(root, 'elsewhere'));
    expect(use(join(root, 'elsewhere')).directory).toEqual({ id: first?.id, path: join(root, 'elsewhere') });
  });

  it('may have been made before, with the images of the original in it', () => {
    mkdirSync(path);
    writeFileSync(join(path, 'ubuntu-17.qcow2'), '');
    expect(use().problem).toBeNull();
    expect(readdirSync(path).sort()).toEqual([MARKER, 'ubuntu-17.qcow2']);
  });
});

describe('there is no images directory, and a sentence says why,', () => {
  const expectProblem = (inUse: DirectoryInUse, sentence: string): void => {
    expect(inUse.directory).toBeNull();
    expect(inUse.problem?.replaceAll(root, '')).toBe(sentence);
    expect(() => inUse.needed()).toThrow(inUse.problem ?? '');
  };

  it('when none is configured', () => {
    expectProblem(
      use(null),
      'the configuration has no images-dir: set it to the directory that disk images are to be kept in',
    );
  });

  it('when its parent is missing', () => {
    const inUse = use(join(path, 'below'));
    expectProblem(inUse, 'the images directory /images/below cannot be made because there is no directory /images');
  });

  it('when it is a file', () => {
    writeFileSync(path, '');
    expectProblem(use(), 'images-dir /images is not a directory: remove it, or set images-dir to another place');
  });

  it('when its parent is a file', () => {
    writeFileSync(path, '');
    expectProblem(
      use(join(path, 'below')),
      "the images directory /images/below cannot be used (not a directory, mkdir '/images/below'): " +
        'correct that, or set images-dir to another one',
    );
  });

  it('when it belongs to another installation, which is left alone', () => {
    use(path, THEIRS);
    const before = readFileSync(join(path, MARKER), 'utf8');
    expectProblem(
      use(),
      'the images in /images belong to another installation (another database): set images-dir to a directory ' +
        `of its own, or remove ${MARKER} in it when that one is no more`,
    );
    expect(readFileSync(join(path, MARKER), 'utf8')).toBe(before);
    expect(readdirSync(path)).toEqual([MARKER]);
  });

  it.each(['', 'null', '"text"', '{"directory": 5}', '{'])('when its marker is damaged: %j', (content) => {
    mkdirSync(path);
    writeFileSync(join(path, MARKER), content);
    expectProblem(use(), `the file /images/${MARKER} is damaged: restore it, or remove it to have a new one written`);
  });

  it('until the problem has gone away', () => {
    writeFileSync(path, '');
    const inUse = use();
    rmSync(path);
    again(inUse);
    expect(inUse).toMatchObject({ problem: null, directory: { path } });
  });

  it('when it was unmounted, until it is mounted again', async () => {
    const inUse = use();
    const before = inUse.directory;
    renameSync(path, join(root, 'unmounted'));
    mkdirSync(path);
    await settle(inUse, () => inUse.problem !== null);
    expectProblem(
      inUse,
      `the images directory /images has lost its file ${MARKER}: mount the file system that it was on, ` +
        'or restart to begin with an empty one',
    );
    expect(readdirSync(path)).toEqual([]);
    rmSync(path, { recursive: true });
    renameSync(join(root, 'unmounted'), path);
    again(inUse);
    expect(inUse).toMatchObject({ problem: null, directory: before });
  });
});

describe('the images directory while the daemon runs', () => {
  it('is made anew when it was removed', async () => {
    const inUse = use();
    const before = inUse.directory;
    rmSync(path, { recursive: true });
    await settle(inUse, () => inUse.directory?.id !== before?.id);
    expect(inUse.problem).toBeNull();
    expect(readdirSync(path)).toEqual([MARKER]);
  });

  it('is the one that was mounted in its place', async () => {
    const other = use(join(root, 'other')).directory;
    const inUse = use();
    rmSync(path, { recursive: true });
    renameSync(join(root, 'other'), path);
    await settle(inUse, () => inUse.directory?.id === other?.id);
    expect(inUse.problem).toBeNull();
  });

  it('changes with the configuration', () => {
    const inUse = use();
    inUse.configure({ imagesDir: join(root, 'second'), logDirectory: '', installation: OURS });
    expect(inUse.directory?.path).toBe(join(root, 'second'));
    inUse.configure({ imagesDir: null, logDirectory: '', installation: OURS });
    expect(inUse.directory).toBeNull();
    again(inUse);
    expect(inUse.directory?.path).toBe(path);
  });
});
