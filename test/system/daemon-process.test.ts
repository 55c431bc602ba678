import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isDaemon } from '../../src/process/process-table.ts';
import {
  cleanEnvironment,
  file,
  runProgram,
  startDaemon,
  startOnTerminal,
  type DaemonProcess,
  type LogLine,
} from '../support/daemon-process.ts';
import { until } from '../support/real-pool.ts';

const QUICK_START = fileURLToPath(new URL('../../tools/fake.yaml', import.meta.url));
const SCRIPTS = fileURLToPath(new URL('../../tools/fake-scripts', import.meta.url));

let directory: string;
let stateDir: string;
let env: NodeJS.ProcessEnv;
let daemons: DaemonProcess[];
/** Pids of detached daemons. */
let detached: number[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'nodepool-daemon-'));
  stateDir = join(directory, 'state');
  env = cleanEnvironment({ NODEPOOL_STATE_DIR: stateDir });
  daemons = [];
  detached = [];
});

afterEach(async () => {
  for (const daemon of daemons) daemon.kill('SIGKILL');
  await Promise.all(daemons.map(({ ended }) => ended));
  await Promise.all(detached.map(endDetached));
  rmSync(directory, { recursive: true });
});

/** Most have been told to end: it may be gone at any moment, and until then it may write to the directory. */
async function endDetached(pid: number): Promise<void> {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
  await until('a detached daemon is gone', () => Promise.resolve(isDaemon(pid) ? null : true));
}

function start(...args: string[]): DaemonProcess {
  const daemon = startDaemon(args, { env, cwd: directory });
  daemons.push(daemon);
  return daemon;
}

const nodepoold = (...args: string[]) => runProgram('nodepoold', args, { env, cwd: directory });
const nodepool = (...args: string[]) => runProgram('nodepool', args, { env, cwd: directory });

/** Starts a daemon that detaches, and answers its pid. */
async function detach(...args: string[]): Promise<number> {
  const { code, stdout, stderr } = await nodepoold(...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const pid = Number(/^nodepoold runs as process (\d+) and logs to .+\n$/.exec(stdout)?.[1]);
  detached.push(pid);
  return pid;
}

const says =
  (message: string) =>
  ({ msg }: LogLine): boolean =>
    msg.includes(message);
const hasStarted = says('started');

const noteOf = (pid: number): string => join(stateDir, `daemon-${pid}.json`);

/** What the daemons have noted for the command line. */
function notes(): { pid: number; config: string }[] {
  // A start may fail before there is a state directory.
  const names = existsSync(stateDir) ? readdirSync(stateDir).filter((name) => /^daemon-.*json/.test(name)) : [];
  return names.map((name) => JSON.parse(readFileSync(join(stateDir, name), 'utf8')) as { pid: number; config: string });
}

interface Pool {
  readonly minReady?: number;
  /** Settings of the fake cloud. */
  readonly fake?: string;
}

function writeConfig({ minReady = 0, fake = '{}' }: Pool = {}): string {
  const path = join(directory, 'nodepool.yaml');
  const image = '{name: plain, base-image: Base, min-ram: 1024, setup: prepare_node_devstack.sh}';
  const provider = `{name: east, driver: fake, max-servers: 4, rate: 0, fake: ${fake}, images: [${image}]}`;
  const label = `{name: plain, image: plain, min-ready: ${minReady}, providers: [{name: east}]}`;
  const lines = [`script-dir: ${SCRIPTS}`, `providers: [${provider}]`, `labels: [${label}]`, 'targets: [{name: zuul}]'];
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

async function readyNodes(): Promise<readonly string[]> {
  const { stdout } = await nodepool('node-list', '--output', 'json');
  const nodes = JSON.parse(stdout) as { label: string; state: string }[];
  return nodes.filter(({ state }) => state === 'ready').map(({ label }) => label);
}

describe('nodepoold in the foreground', () => {
  it('fills the pool of the quick start, with JSON lines on a pipe, and ends with code 0 on SIGTERM', async () => {
    const daemon = start('-c', QUICK_START);
    const ready = (node: number) => daemon.logged(({ msg, node: id }) => msg === 'node ready' && id === node);
    await Promise.all([ready(1), ready(2), ready(3), ready(4)]);
    expect([...(await readyNodes())].sort()).toEqual(['multi-fake', 'multi-fake', 'nodepool-fake', 'nodepool-fake']);
    expect(notes()).toMatchObject([{ pid: daemon.pid, config: QUICK_START }]);

    daemon.kill('SIGTERM');
    expect(await daemon.ended).toMatchObject({ code: 0, stderr: '' });
    await daemon.logged(says('stopped'));
    expect(notes()).toEqual([]);
  });

  it('goes on from the database at the next start', async () => {
    const first = start('-c', QUICK_START);
    await first.logged(says('nodes launched'));
    first.kill('SIGKILL');
    await first.ended;
    const second = start('-c', QUICK_START);
    // Leases of a daemon that is known to be dead need not run out.
    expect(await second.logged(({ lease }) => lease === 'supply')).toMatchObject({ msg: 'lease taken' });
    // The servers went with the first daemon: their nodes are given up and replaced.
    await second.logged(({ msg, label, node }) => msg === 'node ready' && label === 'multi-fake' && Number(node) > 4);
  });

  it('is found by the command line, whatever other daemons come and go', async () => {
    const config = writeConfig();
    const other = join(directory, 'other.yaml');
    copyFileSync(config, other);
    const first = start('-c', config);
    await first.logged(hasStarted);
    const second = start('-c', other);
    await second.logged(hasStarted);
    expect(await nodepool('list')).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^nodepool: several daemons of this user run, with different configurations; [^\n]+\n$/,
      ) as unknown,
    });
    second.kill('SIGKILL');
    await second.ended;
    expect(await nodepool('list')).toMatchObject({ code: 0, stderr: '' });
    const third = start('-c', config);
    await third.logged(hasStarted);
    // With the note of the second, which could not take it back.
    expect(notes().map(({ pid }) => pid)).toEqual(expect.not.arrayContaining([second.pid]));
    expect(await nodepool('list')).toMatchObject({ code: 0, stderr: '' });
    third.kill('SIGTERM');
    await third.ended;
    expect(await nodepool('list')).toMatchObject({ code: 0, stderr: '' });
    expect(notes()).toMatchObject([{ pid: first.pid, config }]);
  });

  it('writes a pid file only where it was asked for one', async () => {
    const config = writeConfig();
    const pidFile = join(directory, 'nodepool.pid');
    const daemon = start('-c', config, '-p', pidFile);
    await daemon.logged(hasStarted);
    expect(readFileSync(pidFile, 'utf8')).toBe(`${daemon.pid}\n`);
    daemon.kill('SIGINT');
    expect((await daemon.ended).code).toBe(0);
    expect(existsSync(pidFile)).toBe(false);
    expect(existsSync(join(stateDir, 'nodepool.pid'))).toBe(false);
  });

  it('takes on a changed configuration at SIGHUP and keeps the last good one when it is broken', async () => {
    const config = writeConfig();
    const daemon = start('-c', config);
    await daemon.logged(hasStarted);
    writeFileSync(config, 'labels: [');
    daemon.kill('SIGHUP');
    expect(await daemon.logged(says('the last good one stays in force'))).toMatchObject({ level: 'error' });
    writeConfig({ minReady: 1 });
    daemon.kill('SIGHUP');
    await daemon.logged(says('the configuration has changed and is in force'));
    await daemon.logged(says('node ready'));
  });

  it('opens its log file again at SIGHUP, after it was moved away', async () => {
    const log = join(directory, 'daemon.log');
    const settings = join(directory, 'logging.yaml');
    writeFileSync(settings, 'file: daemon.log\nlevels: {nodepool.engine: off}\n');
    const pidFile = join(directory, 'nodepool.pid');
    const pid = await detach('-c', writeConfig(), '-l', settings, '-p', pidFile);
    renameSync(log, `${log}.1`);
    process.kill(pid, 'SIGHUP');
    await file(log, 'there');
    process.kill(pid, 'SIGTERM');
    await file(pidFile, 'gone');
    expect(readFileSync(`${log}.1`, 'utf8')).toContain('"started"');
    expect(readFileSync(log, 'utf8')).toContain('"stopped"');
    expect(readFileSync(log, 'utf8')).not.toContain('nodepool.engine');
  });

  it('logs what is in flight at SIGUSR2, and ends at once at a second SIGTERM', async () => {
    const pidFile = join(directory, 'nodepool.pid');
    const daemon = start('-c', writeConfig({ minReady: 1, fake: '{api-delay: 600}' }), '-p', pidFile);
    await daemon.logged(hasStarted);
    // The first report may come before the first pass.
    for (let count = 1, report: LogLine | undefined; !report?.['inFlight']; count += 1) {
      daemon.kill('SIGUSR2');
      report = await daemon.logged(says('SIGUSR2: in flight'), count);
    }
    expect(await daemon.logged(says('in flight: list-servers'))).toMatchObject({
      subject: 'servers:east',
      kind: 'list-servers',
    });

    daemon.kill('SIGTERM');
    await daemon.logged(says('SIGTERM: stopping'));
    daemon.kill('SIGTERM');
    expect(await daemon.ended).toMatchObject({ code: 143 });
    expect(existsSync(pidFile)).toBe(false);
    expect(notes()).toEqual([]);
  });
});

describe('nodepoold on a terminal', () => {
  it('writes a log for people, and stops when the terminal is closed', async () => {
    const terminal = startOnTerminal(['-c', writeConfig()], { env, cwd: directory });
    try {
      const lines = createInterface({ input: terminal.stdout! })[Symbol.asyncIterator]();
      const { value } = (await lines.next()) as { value: string };
      expect(value).toMatch(/INFO.*nodepool: started version=/);
      detached.push(...notes().map(({ pid }) => pid));
    } finally {
      terminal.kill('SIGKILL');
    }
    for (const pid of detached) await file(noteOf(pid), 'gone');
  });
});

describe('nodepoold without -d', () => {
  it('detaches when it works, keeps a pid file, and keeps a second one out', async () => {
    const config = writeConfig();
    const pidFile = join(directory, 'nodepool.pid');
    const args = ['-c', basename(config), '-p', basename(pidFile)];
    // Left behind by a daemon that was killed: this pid is not one that the system gives out.
    writeFileSync(pidFile, '4194305\n');
    const pid = await detach(...args);
    expect(readFileSync(pidFile, 'utf8')).toBe(`${pid}\n`);
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/');

    expect(await nodepoold(...args)).toEqual({
      code: 1,
      stdout: '',
      stderr: `nodepoold: another nodepoold runs as process ${pid} and holds the pid file ${pidFile}\n`,
    });
    expect(notes()).toMatchObject([{ pid, config }]);

    process.kill(pid, 'SIGTERM');
    await file(pidFile, 'gone');
    await file(noteOf(pid), 'gone');
    expect(readFileSync(join(stateDir, 'nodepoold.log'), 'utf8')).toContain('"stopped"');
  });

  it('does not take another program for a daemon because it has the pid in the file', async () => {
    const pidFile = join(directory, 'nodepool.pid');
    writeFileSync(pidFile, `${process.pid}\n`);
    const pid = await detach('-c', writeConfig(), '-p', pidFile);
    expect(readFileSync(pidFile, 'utf8')).toBe(`${pid}\n`);
  });

  it('hands on why the daemon did not start', async () => {
    const missing = join(directory, 'missing.yaml');
    expect(await nodepoold('-c', missing)).toEqual({
      code: 1,
      stdout: '',
      stderr: `nodepoold: ${missing}: does not exist; name an existing file\n`,
    });
  });
});

describe('a start that fails', () => {
  const unreachable = 'mysql://nodepool:secret-word@127.0.0.1:1/nodepool';
  const withDatabase = (dburi: string): string => {
    const path = writeConfig();
    writeFileSync(path, `dburi: ${dburi}\n${readFileSync(path, 'utf8')}`);
    return path;
  };

  it.each<[string, () => string[], number, RegExp]>([
    ['an unknown option', () => ['--qqq'], 2, /^nodepoold: unknown option '--qqq'\n$/],
    [
      'a configuration with a problem',
      () => ['-c', writeConfig({ fake: '{boot-time: soon}' })],
      1,
      /^nodepoold: \S+nodepool\.yaml:2:\d+: .+\n$/,
    ],
    [
      'a database that does not answer',
      () => ['-c', withDatabase(unreachable)],
      1,
      /^nodepoold: the database nodepool on 127\.0\.0\.1:1 .+\n$/,
    ],
    [
      'a database file that is none',
      () => {
        writeFileSync(
          join(directory, 'text.sqlite'),
          'this is not a database file, but a text of some length\n'.repeat(20),
        );
        return ['-c', withDatabase(`sqlite:///${join(directory, 'text.sqlite')}`)];
      },
      1,
      /^nodepoold: the database file \S+text\.sqlite .+\n$/,
    ],
    [
      'a pid file that cannot be written',
      () => ['-c', writeConfig(), '-p', join(writeConfig(), 'pid')],
      1,
      /^nodepoold: cannot write the pid file .+\n$/,
    ],
    [
      'a log file that cannot be written',
      () => {
        mkdirSync(join(directory, 'log'));
        writeFileSync(join(directory, 'logging.yaml'), 'file: log\n');
        return ['-c', writeConfig(), '-l', join(directory, 'logging.yaml')];
      },
      1,
      /^nodepoold: cannot write the log file .+\n$/,
    ],
    [
      'a state directory that cannot be written',
      () => {
        env['NODEPOOL_STATE_DIR'] = join(writeConfig(), 'state');
        return ['-c', writeConfig()];
      },
      1,
      /^nodepoold: the state directory .+\n$/,
    ],
  ])('because of %s ends with one sentence', async (_what, prepare, exitCode, sentence) => {
    const { code, stderr, stdout } = await nodepoold('-d', ...prepare());
    expect(stderr).toMatch(sentence);
    expect(code).toBe(exitCode);
    expect(stderr + stdout).not.toContain('secret-word');
    expect(notes()).toEqual([]);
  });
});
