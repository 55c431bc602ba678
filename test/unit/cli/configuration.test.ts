import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createContext } from '../../../src/cli/create-context.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { connect } from '../../../src/store/connect.ts';
import { runCli, type CliRun } from '../../support/run-cli.ts';

const VALID = `\
labels: [{ name: small, image: ubuntu, providers: [{ name: cloud }] }]
providers:
  - name: cloud
    driver: fake
    max-servers: 5
    rate: 0
    images: [{ name: ubuntu, base-image: Ubuntu, setup: setup.sh, min-ram: 1024 }]
targets: [{ name: zuul }]
`;

const NAMING_FILES = `\
elements-dir: /nope
script-dir: scripts
labels: [{ name: small, image: ubuntu, ready-script: ready.sh, providers: [{ name: cloud }] }]
providers:
  - { name: cloud, max-servers: 5, images: [
    # Two files.
    { name: ubuntu, base-image: Ubuntu, setup: setup.sh, private-key: /nope/key, min-ram: 1024 }] }
targets: [{ name: zuul }]
`;

const adviceOn = (kind: string): string => `correct the name or add the ${kind}, unless it is on another host`;

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'nodepool-cli-'));
  file = join(directory, 'nodepool.yaml');
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Runs the program as it is put together for real, on files of this test. */
function run(args: readonly string[], env: Record<string, string> = {}): Promise<CliRun> {
  const outside = {
    stdout: { write: () => undefined, isTerminal: false },
    stderr: { write: () => undefined, isTerminal: false },
    isInteractive: false,
    clock: systemClock,
    random: systemRandom,
    home: directory,
    cwd: directory,
    version: '1.2.3',
    onInterrupt: () => () => undefined,
    isAlive: (pid: number) => pid === 4711,
    env: { NODEPOOL_STATE_DIR: directory, ...env },
  };
  const { stdout: _stdout, stderr: _stderr, ...context } = createContext(outside);
  return runCli(args, context);
}

/** What `config-validate` warns of in a valid file: line, key and sentence. */
async function warnings(...args: readonly string[]): Promise<string[]> {
  const { code, stdout } = await run([...args, '-c', file, 'config-validate', '-o', 'json']);
  expect(code).toBe(0);
  const { problems } = JSON.parse(stdout) as { problems: Record<string, string>[] };
  return problems.map(({ line, path, message }) => `${line} ${path}: ${message}`);
}

/** Changes the embedded database by hand, as an operator may. */
async function sql(statement: string): Promise<void> {
  const knex = connect({ kind: 'sqlite', file: join(directory, 'db') });
  await knex.raw(statement);
  await knex.destroy();
}

describe('config-validate', () => {
  it('of a good file says so, and exits with 0', async () => {
    writeFileSync(file, VALID);
    expect(await run(['-c', file, 'config-validate'])).toEqual({ code: 0, stdout: `${file} is valid.\n`, stderr: '' });
  });

  it('of a bad file lists all problems with their places, and exits with 1', async () => {
    writeFileSync(file, VALID.replace('max-servers', 'max-server').replace('zuul }', 'zuul, rate: fast }'));
    const { code, stdout, stderr } = await run(['-c', file, 'config-validate']);
    expect([code, stderr]).toEqual([1, `nodepool: ${file} has 3 problems; the daemon does not accept it\n`]);
    expect(stdout).toMatch(/^\+-+\+-/);
    expect(stdout).toMatch(/\| error {4}\| \S+ \| 5 {4}\| 5 {6}\| providers\[0\]\.max-server +\|/);
    expect(stdout).not.toContain('is valid');
  });

  it.each([
    ['that is not there', null],
    ['with a wrong section', '[databse]\n'],
  ])('names the file with the secrets when it is the one %s', async (_, text) => {
    writeFileSync(file, VALID);
    const secure = join(directory, 'secure.conf');
    if (text !== null) writeFileSync(secure, text);
    const { code, stderr } = await run(['-c', file, '-s', secure, 'config-validate']);
    expect([code, stderr]).toEqual([1, `nodepool: ${secure} has one problem; the daemon does not accept it\n`]);
  });

  it('names both files when both have problems', async () => {
    writeFileSync(file, VALID.replace('max-servers', 'max-server'));
    const { stderr } = await run(['-c', file, '-s', join(directory, 'nope.conf'), 'config-validate']);
    const files = `${file} and ${join(directory, 'nope.conf')}`;
    expect(stderr).toBe(`nodepool: ${files} have 3 problems; the daemon does not accept them\n`);
  });

  it('gives machines the same with its verdict', async () => {
    writeFileSync(file, VALID.replace('max-servers: 5', 'max-servers: many'));
    const { code, stdout } = await run(['-c', file, 'config-validate', '--output', 'json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      file,
      valid: false,
      problems: [
        {
          severity: 'error',
          file,
          line: 5,
          column: 18,
          path: 'providers[0].max-servers',
          message: expect.any(String) as string,
        },
      ],
    });
  });

  it('shows warnings without refusing the file', async () => {
    writeFileSync(file, VALID.replace('    driver: fake\n', '    driver: fake\n    nodepool-id: one\n'));
    expect(await run(['-c', file, 'config-validate'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/\| warning +\| [^]*\.yaml is valid\.\n$/) as string,
      stderr: '',
    });
  });

  it('warns of files that are not here, with their keys, and exits with 0', async () => {
    writeFileSync(file, NAMING_FILES);
    mkdirSync(join(directory, 'scripts'));
    expect(await warnings()).toEqual([
      `1 elements-dir: there is no directory /nope that can be seen here; ${adviceOn('directory')}`,
      `3 labels[0].ready-script: there is no file ${directory}/scripts/ready.sh that can be seen here; ${adviceOn('file')}`,
      `7 providers[0].images[0].setup: there is no file ${directory}/scripts/setup.sh that can be seen here; ${adviceOn('file')}`,
      `7 providers[0].images[0].private-key: there is no file /nope/key that can be seen here; ${adviceOn('file')}`,
    ]);
  });

  it('warns of a script-dir that is not here once, and not of each script', async () => {
    writeFileSync(file, NAMING_FILES);
    expect((await warnings()).slice(1, 3)).toEqual([
      `2 script-dir: there is no directory ${directory}/scripts that can be seen here; ${adviceOn('directory')}`,
      expect.stringMatching(/^7 \S+\.private-key: /),
    ]);
  });

  it('does not warn of files that are here, nor of any in a rehearsal or on the fake cloud', async () => {
    writeFileSync(file, NAMING_FILES);
    mkdirSync(join(directory, 'scripts'));
    expect(await warnings('--fake')).toEqual([]);
    for (const name of ['ready.sh', 'setup.sh', 'key']) writeFileSync(join(directory, 'scripts', name), '');
    const there = NAMING_FILES.replace('/nope/key', join(directory, 'scripts/key')).replace('/nope', directory);
    writeFileSync(file, there);
    expect(await warnings()).toEqual([]);
    writeFileSync(file, there.replace('max-servers', 'driver: fake, max-servers').replaceAll('.sh', '.py'));
    expect(await warnings()).toEqual([]);
  });

  it('of a missing file is one sentence', async () => {
    const { code, stdout, stderr } = await run(['-c', file, 'config-validate']);
    expect(code).toBe(1);
    expect(stdout + stderr).toContain('nodepool.yaml');
  });
});

describe('config-schema', () => {
  it('prints a JSON Schema and needs no configuration', async () => {
    const { code, stdout } = await run(['config-schema']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      type: 'object',
      properties: { labels: {}, providers: {}, targets: {} },
    });
  });
});

describe('the configuration', () => {
  it('that is missing is one sentence', async () => {
    const { code, stderr } = await run(['-c', file, 'list']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^nodepool: [^\n]*nodepool\.yaml[^\n]*\n$/);
  });

  it('that is nowhere to be found is one sentence', async () => {
    const { code, stderr } = await run(['list']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^nodepool: no configuration is found[^\n]*\n$/);
  });

  it('is that of NODEPOOL_CONFIG', async () => {
    writeFileSync(file, VALID);
    expect((await run(['list'], { NODEPOOL_CONFIG: file })).code).toBe(0);
  });

  it('is that of the daemon that runs for this user, with the database of its rehearsal', async () => {
    writeFileSync(file, VALID);
    const note = { pid: 4711, config: file, secure: null, fake: true };
    const path = join(directory, 'daemon-4711.json');
    writeFileSync(path, JSON.stringify(note));
    const { code, stderr } = await run(['--debug', 'list']);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/database=\S*\/rehearsal-[0-9a-f]{8}\.sqlite\n/)]);
    renameSync(path, join(directory, 'daemon-4712.json'));
    expect((await run(['list'])).code).toBe(1);
  });

  it('is looked at as that of a rehearsal with --fake', async () => {
    writeFileSync(file, VALID);
    expect((await run(['--debug', '-c', file, 'list'])).stderr).toMatch(/database=\S*\/nodepool-[0-9a-f]{8}\.sqlite\n/);
    expect((await run(['--debug', '--fake', '-c', file, 'list'])).stderr).toMatch(/database=\S*\/rehearsal-/);
  });

  it('with a mistake away from its database does not keep anybody from looking', async () => {
    writeFileSync(file, VALID.replace('max-servers: 5', 'max-servers: many'));
    expect((await run(['-c', file, 'list'])).code).toBe(0);
    const { code, stderr } = await run(['-c', file, 'status']);
    expect(code).toBe(1);
    expect(stderr).toContain(`nodepool: ${file}:5:18: providers[0].max-servers: `);
  });
});

describe('the database', () => {
  it.each([
    ['is a directory', () => mkdirSync(join(directory, 'db'))],
    ['is no database', () => writeFileSync(join(directory, 'db'), 'This is a text about databases. '.repeat(200))],
  ])('that %s is one sentence', async (_, spoil) => {
    spoil();
    writeFileSync(file, `dburi: sqlite:///${join(directory, 'db')}\n${VALID}`);
    const { code, stdout, stderr } = await run(['-c', file, 'list']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^nodepool: the database file [^\n]*\n$/);
  });

  describe('that is not there, where the file with the secrets names it,', () => {
    let path: string;
    let files: readonly string[];
    beforeEach(() => {
      path = join(directory, 'typo/deeper/x.sqlite');
      writeFileSync(file, VALID);
      writeFileSync(join(directory, 'secure.conf'), `[database]\ndburi = sqlite:///${path}\n`);
      files = ['-c', file, '-s', join(directory, 'secure.conf')];
    });

    it.each([
      ...['status', 'list', 'node-list', 'image-list', 'dib-image-list', 'info 1', 'plan', 'alien-list'],
      ...['alien-image-list', 'request-list', 'request-info 1', 'request-extend 1', 'request-release 1', 'job-list'],
      ...['job-delete 1', 'token list', 'token revoke 1', 'hold 1', 'hold --label small', 'unhold 1', 'delete 1'],
      ...['ssh 1', 'image-log ubuntu', 'image-update cloud ubuntu', 'image-delete 1', 'image-unpause ubuntu'],
    ])('is not made by %s: one sentence', async (command) => {
      expect(await run([...files, ...command.split(' ')])).toEqual({
        code: 1,
        stdout: '',
        stderr: `nodepool: there is no database at ${path}; correct the dburi, or start the daemon, which makes it\n`,
      });
      expect(existsSync(join(directory, 'typo'))).toBe(false);
    });

    it.each(['request small', 'token create ci', 'job-create unit', 'image-pause ubuntu'])(
      'is made by %s, which leaves something for the daemon',
      async (command) => {
        expect((await run([...files, ...command.split(' ')])).code).toBe(0);
        expect((await run([...files, 'status'])).code).toBe(0);
      },
    );
  });

  it('that is not there, in its usual place, is made: the pool is empty before the first daemon', async () => {
    writeFileSync(file, VALID);
    expect(await run(['-c', file, 'list', '-o', 'json'])).toEqual({ code: 0, stdout: '[]\n', stderr: '' });
  });

  it('that does not answer is one sentence without the password', async () => {
    writeFileSync(file, `dburi: mysql://nodepool:s3cret@127.0.0.1:1/nodepool\n${VALID}`);
    const { code, stderr } = await run(['-c', file, 'list']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^nodepool: the database nodepool on 127\.0\.0\.1:1 [^\n]*refused[^\n]*\n$/);
    expect(stderr).not.toContain('s3cret');
  });

  it('that a newer program has changed is left alone', async () => {
    writeFileSync(file, `dburi: sqlite:///${join(directory, 'db')}\n${VALID}`);
    await run(['-c', file, 'job-create', 'unit']);
    await sql(`INSERT INTO nodepool_schema (version, name) VALUES (99, '0099-later')`);
    const { code, stderr } = await run(['-c', file, 'list']);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^nodepool: [^\n]* schema version 99, this program knows \d+; [^\n]*\n$/),
    ]);
  });
});

describe('logging', () => {
  it('takes levels from the file that -l names', async () => {
    writeFileSync(file, VALID);
    writeFileSync(join(directory, 'logging.yaml'), 'level: debug\n');
    const { code, stderr } = await run(['-c', file, '-l', join(directory, 'logging.yaml'), 'list']);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^DEBUG nodepool: database found database=/)]);
  });

  it('with a broken file is refused', async () => {
    writeFileSync(file, VALID);
    writeFileSync(join(directory, 'logging.yaml'), 'level: loud\n');
    const { code, stderr } = await run(['-c', file, '-l', join(directory, 'logging.yaml'), 'list']);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^nodepool: [^\n]*logging\.yaml:1:8: level: [^\n]*\n$/)]);
  });
});

describe('delete --now without a daemon', () => {
  it('deletes what the cloud does not have any more, row and all', async () => {
    writeFileSync(file, `dburi: sqlite:///${join(directory, 'db')}\n${VALID}`);
    await run(['-c', file, 'job-create', 'unit']);
    await sql(`INSERT INTO node (provider_name, label_name, target_name, external_id, state, state_time)
               VALUES ('cloud', 'small', 'zuul', 'lost', 2, 1)`);
    const { code, stderr } = await run(['-c', file, 'delete', '--now', '1']);
    expect(code).toBe(0);
    expect(stderr).toContain('nodepool: node 1 is gone\n');
    expect((await run(['-c', file, 'list', '-o', 'json'])).stdout).toBe('[]\n');
  });
});
