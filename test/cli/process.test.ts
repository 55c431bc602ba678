/** The program as a process: what only shows there. It runs what `npm run build` has made. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, copyFileSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DatabaseConfig } from '../../src/config/types.ts';
import { anotherStore, openFreshDatabase, type DatabaseKind, type OpenedDatabase } from '../support/with-database.ts';

const program = fileURLToPath(new URL('../../bin/nodepool', import.meta.url));

const NO_SPACE = 'nodepool: cannot write the output: no space left on device\n';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'nodepool-process-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function run(args: readonly string[], file = program): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  return { code: status, stdout, stderr };
}

/** The standard output is the file. */
function runInto(path: string, args: readonly string[]): { code: number | null; stderr: string } {
  const file = openSync(path, 'w');
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', file, 'pipe'] });
  closeSync(file);
  return { code: status, stderr };
}

function dburi(config: DatabaseConfig, password = ''): string {
  if (config.kind === 'sqlite') return `sqlite:///${config.file}`;
  return `mysql+pymysql://${config.user}:${password}@${config.host}:${config.port}/${config.database}`;
}

function configure(address: string): string {
  const file = join(directory, 'nodepool.yaml');
  writeFileSync(file, `dburi: ${address}\nlabels: []\nproviders: []\ntargets: []\n`);
  return file;
}

/** Puts ready nodes into a database. */
async function fill(database: OpenedDatabase, count: number): Promise<void> {
  const store = anotherStore(database);
  const leases = await store.leases.keep('test', ['supply'], 60_000, () => true);
  const node = {
    label: 'small',
    provider: 'cloud',
    target: 'zuul',
    az: null,
    imageId: 1,
    subnodes: 0,
    reason: 'min-ready',
  };
  await store.launchNodes(
    Array.from({ length: count }, () => node),
    leases.get('supply')!,
  );
  await store.close();
}

describe('nodepool', () => {
  it('tells its version, also when it is reached through a link', () => {
    const link = join(directory, 'nodepool');
    symlinkSync(program, link);
    expect(run(['--version'], link)).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
      stderr: '',
    });
  });

  it('ends with exit code 2 on wrong usage', () => {
    expect(run(['no-such-command'])).toMatchObject({ code: 2, stdout: '' });
  });

  it.each([['--help'], ['--version'], ['config-schema']])('%s into a full disk fails, with one sentence', (option) => {
    expect(runInto('/dev/full', [option])).toEqual({ code: 1, stderr: NO_SPACE });
  });

  it('says what to do when it is not built', () => {
    mkdirSync(join(directory, 'bin'));
    writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
    const copy = join(directory, 'bin/nodepool');
    copyFileSync(program, copy);
    const { code, stderr } = run([copy], process.execPath);
    // Where Node.js reads TypeScript it looks for the sources instead, which this copy has not.
    const advice = 'typescript' in process.features && process.features.typescript ? 'main.ts' : 'run `npm ci`';
    expect([code, stderr]).toEqual([1, expect.stringContaining(advice)]);
  });
});

describe('nodepool-builder', () => {
  it('is known by its name, also when it is reached through a link', () => {
    const link = join(directory, 'nodepool-builder');
    symlinkSync(fileURLToPath(new URL('../../bin/nodepool-builder', import.meta.url)), link);
    expect(run(['--help'], link)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Usage: nodepool-builder /) as string,
    });
    expect(run(['--no-images'], link)).toEqual({
      code: 2,
      stdout: '',
      stderr: "nodepool-builder: unknown option '--no-images'\n",
    });
  });
});

describe.each<DatabaseKind>(['SQLite', 'MariaDB'])('nodepool on %s', (kind) => {
  let database: OpenedDatabase;
  let config: string;

  beforeEach(async () => {
    database = await openFreshDatabase(kind);
    config = configure(dburi(database.config));
  });
  afterEach(() => database.close());

  it('lists a large pool completely into a pipe', async () => {
    await fill(database, 1000);
    const { code, stdout, stderr } = run(['-c', config, 'node-list']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.split('\n')).toHaveLength(1005);
    expect(stdout.endsWith('+\n')).toBe(true);
  });

  it('is quiet about a reader that has seen enough', async () => {
    await fill(database, 1000);
    const script = `'${program}' -c '${config}' node-list | head -n 1; echo "exit code \${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    expect(stdout).toMatch(/^\+[-+]+\+\nexit code 0\n$/);
    expect(stderr).toBe('');
  });

  it('does its work also when the disk is too full to tell of it', async () => {
    const args = ['-c', config, 'job-create', 'unit'];
    expect(runInto('/dev/full', args)).toEqual({ code: 1, stderr: NO_SPACE });
    const store = anotherStore(database);
    expect((await store.readPool()).jobs).toMatchObject([{ name: 'unit' }]);
    await store.close();
  });

  it('stops waiting at Ctrl-C, with exit code 130', async () => {
    await fill(database, 1);
    const store = anotherStore(database);
    const [node] = (await store.readPool()).nodes;
    await store.leases.keep('daemon', ['daemon:daemon'], 600_000, () => true);
    const args = ['-c', config, 'delete', '--now', String(node?.id)];
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.setEncoding('utf8').once('data', () => child.kill('SIGINT'));
    let stderr = '';
    child.stderr.on('data', (text: string) => (stderr += text));
    expect([await once(child, 'close'), stderr]).toEqual([
      [130, null],
      `waiting until node ${node?.id} is gone\nnodepool: interrupted; what is left stays marked for deletion\n`,
    ]);
    await store.close();
  });
});

describe('nodepool and a MariaDB', () => {
  let database: OpenedDatabase;

  beforeEach(async () => {
    database = await openFreshDatabase('MariaDB');
  });
  afterEach(() => database.close());

  it.each([
    ['that refuses the login', (address: string) => address.replace('root:', 'root:wrong'), 'refuses the login'],
    ['that does not exist', (address: string) => address.replace(/\w+$/, 'no_such_database'), 'does not exist'],
    ['that nobody listens for', (address: string) => address.replace(/:\d+\//, ':1/'), 'does not answer'],
  ])('%s: one sentence without the password, and exit code 1', (_, spoil, words) => {
    const { code, stdout, stderr } = run(['-c', configure(spoil(dburi(database.config))), 'list']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^nodepool: the database [^\n]+\n$/);
    expect(stderr).toContain(words);
    expect(stderr).not.toContain('wrong');
  });
});
