import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Config } from '../../../src/config/types.ts';
import { NodepoolError } from '../../../src/lib/errors.ts';
import { aConfig, aProvider, aProviderImage } from '../../support/builders.ts';
import { openCliPool, type CliPool } from '../../support/cli-pool.ts';

const HOST_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample';

let directory: string;
let config: Config;
let pool: CliPool;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'nodepool-ssh-test-'));
  const privateKey = join(directory, 'key');
  writeFileSync(privateKey, '');
  const images = new Map([['ubuntu', aProviderImage({ username: 'jenkins', privateKey })]]);
  config = aConfig({ providers: [aProvider({ images })] });
  pool = await openCliPool({ config });
});
afterEach(async () => {
  await pool.close();
  rmSync(directory, { recursive: true });
});

interface Started {
  readonly command: string;
  readonly args: readonly string[];
  readonly knownHosts: string;
  readonly knownHostsFile: string;
}

/** Plays ssh: looks at what it is given while it runs, and ends with `code`. */
function ssh(code = 0): {
  readonly started: Started[];
  readonly runAttached: (command: string, args: readonly string[]) => Promise<number>;
} {
  const started: Started[] = [];
  return {
    started,
    runAttached: (command, args) => {
      const [, file = ''] = /UserKnownHostsFile="([^"]*)"/.exec(args.join('\n')) ?? [];
      expect([statSync(file).mode & 0o777, statSync(dirname(file)).mode & 0o777]).toEqual([0o600, 0o700]);
      started.push({ command, args, knownHosts: readFileSync(file, 'utf8'), knownHostsFile: file });
      return Promise.resolve(code);
    },
  };
}

/** A READY node that has shown its host key. */
async function known(): Promise<number> {
  const id = await pool.ready();
  await pool.store.patch('node', id, {}, { hostKey: HOST_KEY });
  return id;
}

const optionsOf = (args: readonly string[]): string[] => args.filter((_, index) => args[index - 1] === '-o');

describe('ssh', () => {
  it('logs in with the user and the key of the image, and only to the host key on record', async () => {
    const id = await known();
    const client = ssh();
    expect(await pool.run(['ssh', String(id)], client)).toEqual({ code: 0, stdout: '', stderr: '' });
    const [{ command, args, knownHosts, knownHostsFile }] = client.started as [Started];
    expect([command, knownHosts]).toEqual(['ssh', `node-${id} ${HOST_KEY}\n`]);
    expect(args.slice(0, 4)).toEqual(['-i', join(directory, 'key'), '-l', 'jenkins']);
    expect(optionsOf(args)).toEqual([
      'IdentitiesOnly=yes',
      `HostKeyAlias=node-${id}`,
      'ConnectTimeout=60',
      'ServerAliveInterval=30',
      'StrictHostKeyChecking=yes',
      `UserKnownHostsFile="${knownHostsFile}"`,
    ]);
    expect(args.slice(-2)).toEqual(['--', '203.0.113.7']);
    expect(existsSync(dirname(knownHostsFile))).toBe(false);
  });

  it('takes the host key of a node that has none on record, and keeps it nowhere', async () => {
    const id = await pool.ready();
    const client = ssh();
    await pool.run(['ssh', String(id)], client);
    expect(client.started[0]?.knownHosts).toBe('');
    expect(optionsOf(client.started[0]?.args ?? [])).toContain('StrictHostKeyChecking=accept-new');
  });

  it('hands the words behind -- on as they are', async () => {
    const id = await known();
    const client = ssh();
    await pool.run(['ssh', String(id), '--', 'ls', '-l', '--debug', 'a b;$(c)'], client);
    expect(client.started[0]?.args.slice(-5)).toEqual(['203.0.113.7', 'ls', '-l', '--debug', 'a b;$(c)']);
  });

  it.each([1, 42, 255])('ends as ssh ended, with %i, and says nothing more', async (code) => {
    const client = ssh(code);
    expect(await pool.run(['ssh', String(await known())], client)).toEqual({ code, stdout: '', stderr: '' });
    expect(existsSync(client.started[0]?.knownHostsFile ?? '')).toBe(false);
  });

  it('leaves Ctrl-C to what runs on the node, as long as that runs', async () => {
    const listeners = new Set<() => void>();
    const onInterrupt = (listener: () => void): (() => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    };
    const { runAttached } = ssh();
    let during = 0;
    await pool.run(['ssh', String(await known())], {
      onInterrupt,
      runAttached: (command, args) => {
        during = listeners.size;
        return runAttached(command, args);
      },
    });
    expect([during, listeners.size]).toEqual([1, 0]);
  });

  it('does not hold the database while the session is open', async () => {
    const id = await known();
    let isOpen = false;
    const { runAttached } = ssh();
    const openStore = (): Promise<CliPool['store']> => {
      isOpen = true;
      return Promise.resolve({ ...pool.store, close: () => Promise.resolve(void (isOpen = false)) });
    };
    await pool.run(['ssh', String(id)], {
      openStore,
      runAttached: (command, args) => {
        expect(isOpen).toBe(false);
        return runAttached(command, args);
      },
    });
    expect.assertions(2);
  });
});

describe('ssh --print', () => {
  /** The words of a command line as a shell takes them. */
  const words = (line: string): string[] =>
    spawnSync('sh', ['-c', `for word in "$@"; do :; done; printf '%s\\n' ${line}`], { encoding: 'utf8' })
      .stdout.trimEnd()
      .split('\n');

  it('prints a command line that works without any file of ours, quoted for a shell', async () => {
    const id = await known();
    const { code, stdout } = await pool.run(['ssh', '--print', String(id), '--', 'echo', "it's"]);
    expect(code).toBe(0);
    expect(words(stdout)).toEqual([
      ...['ssh', '-i', join(directory, 'key'), '-l', 'jenkins', '-o', 'IdentitiesOnly=yes'],
      ...['-o', `HostKeyAlias=node-${id}`, '-o', 'ConnectTimeout=60', '-o', 'ServerAliveInterval=30'],
      ...['-o', 'StrictHostKeyChecking=yes', '-o', 'UserKnownHostsFile=/dev/null'],
      ...['-o', `KnownHostsCommand=/bin/echo node-${id} ${HOST_KEY}`, '--', '203.0.113.7', 'echo', "it's"],
    ]);
  });

  it('takes any host key where none is on record', async () => {
    const { stdout } = await pool.run(['ssh', '--print', String(await pool.ready())]);
    expect(optionsOf(words(stdout)).slice(-2)).toEqual([
      'StrictHostKeyChecking=accept-new',
      'UserKnownHostsFile=/dev/null',
    ]);
  });
});

describe('ssh that cannot be', () => {
  const sentence = async (args: readonly string[], options = {}): Promise<string> => {
    const { code, stdout, stderr } = await pool.run(['ssh', ...args], options);
    expect([code, stdout]).toEqual([1, '']);
    return stderr;
  };

  it('says that there is no such node', async () => {
    expect(await sentence(['7'])).toBe('nodepool: there is no node 7\n');
  });

  it('says that the node has no address yet', async () => {
    const [id] = await pool.launch({});
    expect(await sentence([String(id)])).toBe(`nodepool: node ${id} is building and has no address yet\n`);
  });

  it('says that the key is not there', async () => {
    rmSync(join(directory, 'key'));
    expect(await sentence([String(await known())])).toBe(
      `nodepool: the private key ${join(directory, 'key')} cannot be read: check private-key of image ubuntu, and who you are\n`,
    );
  });

  it('says that the configuration does not know the node any more', async () => {
    expect(await sentence([String(await pool.ready({ label: 'removed' }))])).toBe(
      'nodepool: the configuration does not say any more how to log in to node 1: it has no image for label removed at provider cloud\n',
    );
  });

  it('says that no ssh client is there, and leaves no file', async () => {
    let file = '';
    const runAttached = (_command: string, args: readonly string[]): Promise<number> => {
      file = /UserKnownHostsFile="([^"]*)"/.exec(args.join('\n'))?.[1] ?? '';
      return Promise.reject(new NodepoolError('refused', 'the program ssh is not installed, or not on the PATH'));
    };
    expect(await sentence([String(await known())], { runAttached })).toBe(
      'nodepool: the program ssh is not installed, or not on the PATH\n',
    );
    expect([file === '', existsSync(file)]).toEqual([false, false]);
  });
});
