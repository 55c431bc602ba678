import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { locateConfig, type LocateOptions } from '../../../src/config/locate.ts';
import {
  readRuntimeFiles,
  removeRuntimeFile,
  sweepRuntimeFiles,
  writeRuntimeFile,
  type RuntimeFile,
} from '../../../src/config/runtime-file.ts';
import { embeddedDatabase, ensureStateDirectory, stateDirectory } from '../../../src/config/state-directory.ts';
import { aDirectory, BARE_SYSTEM, writeIn } from './files.ts';

const DAEMON: RuntimeFile = {
  pid: 42,
  config: '/srv/pool.yaml',
  secure: '/srv/secure.conf',
  fake: true,
};

describe('the configuration is looked for', () => {
  /** A system on which every place has one. */
  function system(): LocateOptions & { root: string } {
    const root = aDirectory({ 'etc/nodepool/nodepool.yaml': '{}' });
    writeRuntimeFile(join(root, 'state'), DAEMON);
    return {
      env: { NODEPOOL_CONFIG: '/env.yaml', NODEPOOL_STATE_DIR: join(root, 'state') },
      root,
      config: '/option.yaml',
      isAlive: (pid) => pid === DAEMON.pid,
    };
  }

  it('first on the command line', () => {
    expect(locateConfig(system())).toEqual({ path: '/option.yaml', securePath: null, fake: false });
  });

  it('then in NODEPOOL_CONFIG', () => {
    expect(locateConfig({ ...system(), config: null })).toEqual({
      path: '/env.yaml',
      securePath: null,
      fake: false,
    });
  });

  it('then in /etc/nodepool/nodepool.yaml', () => {
    const { root, env, ...rest } = system();

    expect(locateConfig({ ...rest, root, config: null, env: { ...env, NODEPOOL_CONFIG: '' } })).toEqual({
      path: join(root, 'etc/nodepool/nodepool.yaml'),
      securePath: null,
      fake: false,
    });
  });

  it('then at the running daemon, whose secure.conf and rehearsal it shares', () => {
    const { env, isAlive } = system();
    const { NODEPOOL_STATE_DIR } = env;

    expect(locateConfig({ root: '/nonexistent', isAlive, env: { NODEPOOL_STATE_DIR } } as LocateOptions)).toEqual({
      path: '/srv/pool.yaml',
      securePath: '/srv/secure.conf',
      fake: true,
    });
  });

  it('not at a daemon that is gone', () => {
    const { env } = system();
    const { NODEPOOL_STATE_DIR } = env;
    const options = { root: '/nonexistent', isAlive: () => false, env: { NODEPOOL_STATE_DIR } };

    expect(() => locateConfig(options)).toThrow(
      expect.objectContaining({
        code: 'config',
        message:
          'no configuration is found: neither -c nor NODEPOOL_CONFIG is given, ' +
          '/nonexistent/etc/nodepool/nodepool.yaml does not exist, and no daemon of this user is running; name a file with -c',
      }),
    );
  });

  /** Where daemons run with these configurations, and one that was killed ran with another. */
  function withDaemons(...notes: Partial<RuntimeFile>[]): LocateOptions {
    const directory = aDirectory();
    notes.forEach((note, index) => writeRuntimeFile(directory, { ...DAEMON, ...note, pid: index + 1 }));
    writeRuntimeFile(directory, { ...DAEMON, config: '/srv/killed.yaml', pid: 99 });
    return { root: '/nonexistent', isAlive: (pid) => pid < 99, env: { NODEPOOL_STATE_DIR: directory } };
  }

  it('at several running daemons that have the same one', () => {
    expect(locateConfig(withDaemons({}, {}))).toEqual({
      path: '/srv/pool.yaml',
      securePath: '/srv/secure.conf',
      fake: true,
    });
  });

  it('by hand, where several daemons run with different ones', () => {
    const others = [{ config: '/srv/other.yaml', secure: null, fake: false }, { fake: false }];

    expect(() => locateConfig(withDaemons({}, ...others, {}))).toThrow(
      expect.objectContaining({
        code: 'config',
        message:
          'several daemons of this user run, with different configurations; say which one is meant: ' +
          '-c /srv/pool.yaml -s /srv/secure.conf --fake, or -c /srv/other.yaml, or -c /srv/pool.yaml -s /srv/secure.conf',
      }),
    );
  });

  it('by the daemon itself not at another daemon', () => {
    const { env } = system();
    const { NODEPOOL_STATE_DIR } = env;

    expect(() => locateConfig({ root: '/nonexistent', env: { NODEPOOL_STATE_DIR } })).toThrow(
      'nodepool.yaml does not exist; name a file with -c',
    );
  });

  it('with -s beside any of them', () => {
    expect(locateConfig({ ...system(), secure: '/my.conf' })).toMatchObject({
      path: '/option.yaml',
      securePath: '/my.conf',
    });
  });
});

describe('the state directory is', () => {
  const XDG = { XDG_STATE_HOME: '/home/somebody/state' };

  it.each([
    ['NODEPOOL_STATE_DIR before all', { ...XDG, NODEPOOL_STATE_DIR: '/mine', STATE_DIRECTORY: '/systemd' }, 0, '/mine'],
    ['that of systemd, the first if there are several', { ...XDG, STATE_DIRECTORY: '/a:/b' }, 0, '/a'],
    ['/var/lib/nodepool for root', XDG, 0, '/nonexistent/var/lib/nodepool'],
    ['below XDG_STATE_HOME for anybody else', XDG, 1000, '/home/somebody/state/nodepool'],
    ['below the home without XDG_STATE_HOME', {}, 1000, '/home/somebody/.local/state/nodepool'],
    [
      'below the home with a relative XDG_STATE_HOME',
      { XDG_STATE_HOME: 'state' },
      1000,
      '/home/somebody/.local/state/nodepool',
    ],
  ])('%s', (_name, env, uid, directory) => {
    expect(stateDirectory({ ...BARE_SYSTEM, env, uid })).toBe(directory);
  });

  it('/var/lib/nodepool for the account that may write there', () => {
    const root = aDirectory();
    mkdirSync(join(root, 'var/lib/nodepool'), { recursive: true });

    expect(stateDirectory({ ...BARE_SYSTEM, root })).toBe(join(root, 'var/lib/nodepool'));
  });

  it('made when it is missing', () => {
    const directory = join(aDirectory(), 'a/b');
    ensureStateDirectory(directory);

    expect(readdirSync(directory)).toEqual([]);
  });

  it('refused in one sentence when it cannot be', () => {
    const directory = join(aDirectory({ file: '' }), 'file/state');

    expect(() => ensureStateDirectory(directory)).toThrow(
      expect.objectContaining({
        code: 'config',
        message: expect.stringMatching(
          /^the state directory .* cannot be written \(ENOTDIR.*\); set NODEPOOL_STATE_DIR to one that can$/,
        ) as unknown,
      }),
    );
  });
});

describe('the embedded database', () => {
  it('is another one for each configuration, and for its rehearsals', () => {
    const files = ['/a/pool.yaml', '/b/pool.yaml'].flatMap((path) =>
      [false, true].map((fake) => embeddedDatabase(path, { directory: '/state', fake })),
    );

    expect(new Set(files).size).toBe(4);
    expect(files[0]).toMatch(/^\/state\/pool-[0-9a-f]{8}\.sqlite$/);
  });

  it('is the same one by whatever name the file is called', () => {
    const directory = aDirectory({ 'real.yaml': '' });
    symlinkSync('real.yaml', join(directory, 'link.yaml'));
    const digest = (name: string): string =>
      embeddedDatabase(join(directory, name), { directory: '/state', fake: true });

    expect(digest('link.yaml')).toBe(digest('real.yaml'));
  });
});

describe("a running daemon's note", () => {
  it('is read back as it was written', () => {
    const directory = join(aDirectory(), 'state');
    writeRuntimeFile(directory, DAEMON);

    expect(readRuntimeFiles(directory, () => true)).toEqual([DAEMON]);
    expect(readdirSync(directory)).toEqual(['daemon-42.json']);
  });

  it('is none when its daemon is gone, and when there is none', () => {
    const directory = aDirectory();
    expect(readRuntimeFiles(directory, () => true)).toEqual([]);
    expect(readRuntimeFiles(join(directory, 'missing'), () => true)).toEqual([]);
    writeRuntimeFile(directory, DAEMON);

    expect(readRuntimeFiles(directory, () => false)).toEqual([]);
  });

  it.each(['', '{', '[]', 'null', '{"pid":-1}', JSON.stringify({ ...DAEMON, pid: '42' })])(
    'is none when it is damaged: %s',
    (text) => {
      const directory = aDirectory({ 'daemon-42.json': text });

      expect(readRuntimeFiles(directory, () => true)).toEqual([]);
    },
  );

  it('stands beside those of other daemons, and stays when they take theirs back', () => {
    const directory = aDirectory();
    const other = { ...DAEMON, pid: 7 };
    writeRuntimeFile(directory, DAEMON);
    writeRuntimeFile(directory, other);

    expect(readRuntimeFiles(directory, () => true)).toEqual([other, DAEMON]);
    removeRuntimeFile(directory, 7);
    expect(readRuntimeFiles(directory, () => true)).toEqual([DAEMON]);
    removeRuntimeFile(directory, 7);
    removeRuntimeFile(directory, 42);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('is swept away when its daemon is gone, half written or not, and nothing else is', () => {
    const kept = ['daemon-42.json', 'daemon-x.json', 'nodepoold.log'];
    const gone = ['daemon-7.json', 'daemon-8.json.new'];
    const directory = aDirectory(Object.fromEntries([...kept, ...gone].map((name) => [name, ''])));

    sweepRuntimeFiles(directory, (pid) => pid === 42);
    expect(readdirSync(directory).sort()).toEqual(kept);
  });

  it('that cannot be written is reported in one sentence', () => {
    const directory = aDirectory();
    writeIn(directory, 'file', '');

    expect(() => writeRuntimeFile(join(directory, 'file'), DAEMON)).toThrow(
      expect.objectContaining({ code: 'config', message: expect.stringContaining('cannot be written') as unknown }),
    );
  });
});
