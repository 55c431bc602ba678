import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import type { CliContext } from '../../src/cli/context.ts';
import { commandNames, createProgram } from '../../src/cli/program.ts';
import { checkConfig } from '../../src/config/load.ts';
import { configSchema } from '../../src/config/schema.ts';
import { read } from './source-tree.ts';

const readme = read('README.md');

it('README.md lists every command, and no other', () => {
  // Defining commands uses nothing of the context but its version.
  const program = createProgram({ version: '0.0.0' } as CliContext);
  const rows = readme.split('\n').filter((line) => line.startsWith('| `nodepool '));
  const listed = rows.flatMap((row) =>
    // Commands, and words that belong to their names, are in lower case; what stands for something else is not.
    [...(row.split('|')[1] ?? '').matchAll(/`nodepool ([a-z-]+(?: [a-z-]+)*)/g)].map(([, name]) => name),
  );
  expect(listed.sort()).toEqual([...commandNames(program)].sort());
});

it('the configuration in README.md is valid', () => {
  const [, yaml = ''] = /```yaml\n([^`]*)```/.exec(readme) ?? [];
  const directory = mkdtempSync(join(tmpdir(), 'nodepool-readme-'));
  try {
    const path = join(directory, 'nodepool.yaml');
    writeFileSync(path, yaml);
    const { config, problems, warnings } = checkConfig({ path, env: {}, root: directory, home: directory });
    expect([...problems, ...warnings]).toEqual([]);
    expect(config?.labels.size).toBe(1);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly deprecated?: boolean;
}

/** Paths of all keys that a schema has, without obsolete ones; `[]` stands for the items of a list. */
function schemaKeys({ properties = {}, items }: JsonSchema, path = ''): string[] {
  const own = Object.entries(properties)
    .filter(([, schema]) => schema.deprecated !== true)
    .flatMap(([key, schema]) => {
      const here = path === '' ? key : `${path}.${key}`;
      return [here, ...schemaKeys(schema, here)];
    });
  return items === undefined ? own : [...own, ...schemaKeys(items, `${path}[]`)];
}

/** Keys below which the names are the user's own. */
const FREE = new Set(['meta', 'env-vars']);

/** The same for a document. */
function documentKeys(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => documentKeys(item, `${path}[]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => {
    const here = path === '' ? key : `${path}.${key}`;
    return FREE.has(key) ? [here] : [here, ...documentKeys(child, here)];
  });
}

it('the example configuration shows every key, and no other', () => {
  const shown = new Set(documentKeys(parse(read('config/nodepool.example.yaml'))));
  expect([...shown].sort()).toEqual([...new Set(schemaKeys(configSchema()))].sort());
});
