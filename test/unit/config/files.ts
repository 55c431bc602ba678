import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { checkConfig, type ConfigCheck, type LoadOptions } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/problems.ts';
import type { Config } from '../../../src/config/types.ts';

export const FIXTURES = fileURLToPath(new URL('../../fixtures/config/', import.meta.url));
export const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));

/** A system without any files of Nodepool and with a home that does not exist. */
export const BARE_SYSTEM = { env: {}, root: '/nonexistent', home: '/home/somebody', uid: 1000 };

/** A directory that goes away after the test, with `files` in it. */
export function aDirectory(files: Readonly<Record<string, string | Buffer>> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), 'nodepool-config-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) writeIn(directory, name, content);
  return directory;
}

export function writeIn(directory: string, name: string, content: string | Buffer): string {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** Checks `yaml` as it would be checked in a file of its own. */
export function checkText(yaml: string | Buffer, options: Partial<LoadOptions> = {}): ConfigCheck {
  return checkConfig({
    ...BARE_SYSTEM,
    path: join(aDirectory({ 'nodepool.yaml': yaml }), 'nodepool.yaml'),
    ...options,
  });
}

export function checkFixture(name: string, options: Partial<LoadOptions> = {}): ConfigCheck {
  return checkConfig({ ...BARE_SYSTEM, path: join(FIXTURES, name), ...options });
}

/** The configuration of a file that has no problems. */
export function good(check: ConfigCheck): Config {
  if (!check.config) throw new Error(check.problems.map(formatProblem).join('\n'));
  return check.config;
}

/** Problems as they are shown, with `FILE` for any directory and name. */
export function sentences(problems: ConfigCheck['problems']): string[] {
  return problems.map((problem) => formatProblem({ ...problem, file: 'FILE' }));
}
