import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { expect, it } from 'vitest';
import { filesBelow, read, root } from './source-tree.ts';

const all = filesBelow('');
const code = all.filter((path) => /\.(ts|js|mjs)$/.test(path));

it('files are named in kebab-case', () => {
  const names = code.map((path) => posix.basename(path).replace(/(\.(test|config|d))?\.(ts|js|mjs)$/, ''));
  expect(names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))).toEqual([]);
});

it('no file or folder has a name that says nothing', () => {
  // A service manager is what systemd calls itself.
  const empty = /(^|[/-])(utils?|helpers?|common|(?<!service-)managers?|misc|shared)([/.-]|$)/;
  expect(all.filter((path) => empty.test(path))).toEqual([]);
});

it('no file names a path of the machine that it was written on', () => {
  const text = all.filter((path) => !/\.(sqlite|tgz|png)$/.test(path));
  expect(text.filter((path) => /\/(work|root)\/|\/tmp\/np\b/.test(read(path)))).toEqual([]);
});

it('package.json lists only files that exist, but for what the build makes', () => {
  const manifest = JSON.parse(read('package.json')) as { files: string[]; bin: Record<string, string> };
  const listed = [...manifest.files, ...Object.values(manifest.bin)].filter((path) => !path.startsWith('dist/'));
  expect(listed.filter((path) => !existsSync(root + path))).toEqual([]);
});

it('every script of package.json names files that exist', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = Object.values(scripts).flatMap(
    (script) => script.match(/(?<=^|[ ])(?:tools|test|bin)\/[\w./-]+/g) ?? [],
  );
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((path) => !existsSync(root + path))).toEqual([]);
});

it('links between documents lead somewhere', () => {
  const documents = all.filter((path) => path.endsWith('.md'));
  const dangling = documents.flatMap((path) =>
    [...read(path).matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)]
      .map(([, target = '']) => posix.join(posix.dirname(path), target))
      .filter((target) => !existsSync(root + target))
      .map((target) => `${path} -> ${target}`),
  );
  expect(dangling).toEqual([]);
});
