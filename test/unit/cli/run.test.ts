import { setImmediate as nextTurn } from 'node:timers/promises';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodepoolError } from '../../../src/lib/errors.ts';
import type { Store } from '../../../src/store/store.ts';
import { aConfig, aProvider, aProviderImage } from '../../support/builders.ts';
import { openCliPool, type CliPool } from '../../support/cli-pool.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const NOON = Date.UTC(2026, 0, 15, 12);
const MINUTE_MS = 60_000;

let directory: string;
let pool: CliPool;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'nodepool-run-test-'));
  const privateKey = join(directory, 'key');
  writeFileSync(privateKey, '');
  const images = new Map([['ubuntu', aProviderImage({ username: 'jenkins', privateKey })]]);
  pool = await openCliPool({ config: aConfig({ providers: [aProvider({ images })] }) });
});
afterEach(async () => {
  await pool.close();
  rmSync(directory, { recursive: true });
});

/** Time stands still, so that a command is over before its lease has to be extended. */
const runs = (code: number) => ({ clock: createFakeClock(NOON), runAttached: () => Promise.resolve(code) });

async function endOf(id: number): Promise<unknown[]> {
  const { state, endReason } = (await pool.store.requests.find(id))!.request;
  return [state, endReason];
}

describe('run', () => {
  it('hands the words behind -- to ssh on a node of its own, and gives that back', async () => {
    const id = await pool.ready();
    let during: unknown;
    const started: string[] = [];
    const { code, stdout, stderr } = await pool.run(['run', 'small', '--', 'make', '-j', '4', 'a b;$(c)'], {
      ...runs(0),
      runAttached: async (command, args) => {
        started.push(command, ...args);
        during = (await pool.store.readPool()).nodes[0]?.state;
        return 0;
      },
    });
    expect([code, stdout, stderr, during]).toEqual([0, '', '', 'used']);
    expect(started.slice(0, 5)).toEqual(['ssh', '-i', join(directory, 'key'), '-l', 'jenkins']);
    expect(started.slice(-6)).toEqual(['--', '203.0.113.7', 'make', '-j', '4', 'a b;$(c)']);
    expect(await endOf(1)).toEqual(['ended', 'released']);
    expect((await pool.store.readPool()).nodes).toMatchObject([{ id, state: 'delete', reason: 'released' }]);
  });

  it('asks as it is told to', async () => {
    await pool.ready();
    const wish = ['--ttl', '1h', '--priority', '7', '--requestor', 'ci', '--reason', 'nightly'];
    await pool.run(['run', 'small', ...wish, '--', 'true'], runs(0));
    expect((await pool.store.requests.find(1))?.request).toMatchObject({
      count: 1,
      ttlMs: 3_600_000,
      priority: 7,
      requestor: 'ci',
      reason: 'nightly',
    });
  });

  it.each([1, 42, 255])('passes exit code %i on, and gives the node back as failed', async (exit) => {
    const id = await pool.ready();
    const { code, stdout, stderr } = await pool.run(['run', 'small', '--', 'false'], runs(exit));
    expect([code, stdout, stderr]).toEqual([exit, '', `nodepool: node ${id} is given back as failed\n`]);
    expect(await endOf(1)).toEqual(['ended', 'failed']);
  });

  it('gives what runs there a terminal, and with it Ctrl-C, only where somebody sits at one', async () => {
    const options: string[][] = [];
    for (const isInteractive of [true, false]) {
      await pool.ready();
      await pool.run(['run', 'small', '--', 'sh'], {
        ...runs(0),
        isInteractive,
        runAttached: (_command, args) => {
          options.push(args.slice(0, 3));
          return Promise.resolve(0);
        },
      });
    }
    expect(options[0]).toEqual(['-t', '-o', 'LogLevel=ERROR']);
    expect(options[1]?.[0]).toBe('-i');
  });

  /** A store whose extensions are counted; `extend` says what becomes of each. */
  function countExtensions(extend: Store['requests']['extend'] = (...args) => pool.store.requests.extend(...args)) {
    let count = 0;
    let look = (): void => undefined;
    let open = 0;
    const counted: Store['requests']['extend'] = async (id, expiresAt) => {
      try {
        return await extend(id, expiresAt);
      } finally {
        count += 1;
        look();
      }
    };
    const requests = { ...pool.store.requests, extend: counted };
    return {
      openStore: (): Promise<Store> => {
        open += 1;
        return Promise.resolve({ ...pool.store, requests, close: () => Promise.resolve(void (open -= 1)) });
      },
      isOpen: () => open > 0,
      reached: (wanted: number) =>
        new Promise<void>((resolve) => {
          look = () => (count >= wanted ? resolve() : undefined);
          look();
        }),
    };
  }

  it('extends the lease every third of it while the command runs, with no database open in between', async () => {
    await pool.ready();
    const clock = createFakeClock(NOON);
    const { openStore, isOpen, reached } = countExtensions();
    const ends: (number | null)[] = [];
    const { code } = await pool.run(['run', 'small', '--ttl', '30m', '--', 'make'], {
      clock,
      openStore,
      runAttached: async () => {
        for (let third = 1; third <= 3; third += 1) {
          await clock.advance(9 * MINUTE_MS);
          expect(isOpen()).toBe(false);
          await clock.advance(MINUTE_MS);
          await reached(third);
          ends.push((await pool.store.requests.find(1))!.request.expiresAt);
        }
        return 0;
      },
    });
    expect(code).toBe(0);
    expect(ends).toEqual([40, 50, 60].map((minutes) => NOON + minutes * MINUTE_MS));
    expect([await endOf(1), clock.nextAt()]).toEqual([['ended', 'released'], null]);
  });

  it('goes on without its lease, and says that it could not be extended', async () => {
    await pool.ready();
    const clock = createFakeClock(NOON);
    const { code, stderr } = await pool.run(['run', 'small', '--ttl', '30m', '--', 'make'], {
      clock,
      runAttached: async () => {
        await pool.store.requests.end({ id: 1, reason: 'released' });
        await clock.advance(10 * MINUTE_MS);
        return 0;
      },
    });
    expect([code, stderr]).toEqual([
      0,
      'nodepool: the lease of request 1 could not be extended: request 1 has ended: released\n',
    ]);
  });

  it('tries again soon when the database does not take an extension', async () => {
    await pool.ready();
    const clock = createFakeClock(NOON);
    const times: number[] = [];
    const { openStore, reached } = countExtensions(() => {
      times.push(clock.now() - NOON);
      if (times.length > 2) return Promise.resolve(true);
      return Promise.reject(new NodepoolError('database-unavailable', 'the database does not answer'));
    });
    const { code, stderr } = await pool.run(['run', 'small', '--ttl', '30m', '--', 'make'], {
      clock,
      openStore,
      runAttached: async () => {
        for (const [index, ms] of [10 * MINUTE_MS, 10_000, 10_000, 10 * MINUTE_MS].entries()) {
          // What came of the one before is known by then.
          while (clock.nextAt() === null) await nextTurn();
          await clock.advance(ms);
          await reached(index + 1);
        }
        return 0;
      },
    });
    expect([code, times]).toEqual([0, [600_000, 610_000, 620_000, 1_220_000]]);
    const sentence = 'nodepool: the lease of request 1 could not be extended: the database does not answer\n';
    expect(stderr).toBe(sentence.repeat(2));
  });

  it('gives the node back, but not as failed, when no ssh client is there', async () => {
    await pool.ready();
    const text = 'the program ssh is not installed, or not on the PATH';
    const runAttached = (): Promise<never> => Promise.reject(new NodepoolError('refused', text));
    const { code, stderr } = await pool.run(['run', 'small', '--', 'make'], { ...runs(0), runAttached });
    expect([code, stderr]).toEqual([1, `nodepool: ${text}\n`]);
    expect(await endOf(1)).toEqual(['ended', 'released']);
  });

  it('takes no node when the key for it cannot be read', async () => {
    await pool.ready();
    const key = join(directory, 'key');
    rmSync(key);
    const { code, stderr } = await pool.run(['run', 'small', '--', 'make'], runs(0));
    expect([code, stderr]).toEqual([
      1,
      `nodepool: the private key ${key} cannot be read: check private-key of image ubuntu, and who you are\n`,
    ]);
    expect(await pool.store.requests.find(1)).toBeNull();
  });

  it('says that the node could not be given back, and ends as the command ended', async () => {
    await pool.ready();
    const endAndRead = (): Promise<never> =>
      Promise.reject(new NodepoolError('database-unavailable', 'the database does not answer'));
    const { code, stderr } = await pool.run(['run', 'small', '--', 'make'], {
      runAttached: () => Promise.resolve(3),
      openStore: () =>
        Promise.resolve({
          ...pool.store,
          requests: { ...pool.store.requests, endAndRead },
          close: () => Promise.resolve(),
        }),
    });
    expect([code, stderr]).toEqual([
      3,
      'nodepool: the database does not answer; trying again for 30 s\n' +
        'nodepool: request 1 could not be released, its lease will run out: the database does not answer\n',
    ]);
  });
});

describe('run and Ctrl-C', () => {
  /** Presses it for whoever listens. */
  function keyboard() {
    const listeners = new Set<() => void>();
    return {
      press: () => [...listeners].forEach((listener) => listener()),
      onInterrupt: (listener: () => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
  }

  it('while it waits takes the wish back, and runs nothing', async () => {
    await pool.startDaemon();
    const { press, onInterrupt } = keyboard();
    const { code, stderr } = await pool.run(['run', 'small', '--', 'make'], { onInterrupt, onSleep: press });
    expect([code, stderr]).toEqual([
      130,
      'nodepool: request 1 is taken back\nnodepool: interrupted while request 1 waited\n',
    ]);
    expect(await endOf(1)).toEqual(['ended', 'cancelled']);
  });

  it('just before the command gives the node back, and runs nothing', async () => {
    await pool.ready();
    const { press, onInterrupt } = keyboard();
    const openStore = (): Promise<CliPool['store']> =>
      Promise.resolve({ ...pool.store, close: () => Promise.resolve(press()) });
    const { code, stderr } = await pool.run(['run', 'small', '--', 'make'], { onInterrupt, openStore });
    expect([code, stderr]).toEqual([130, 'nodepool: interrupted before the command was run\n']);
    expect(await endOf(1)).toEqual(['ended', 'released']);
  });

  it('while the command runs is the business of the command', async () => {
    const id = await pool.ready();
    const { press, onInterrupt } = keyboard();
    const { code, stderr } = await pool.run(['run', 'small', '--', 'make'], {
      ...runs(130),
      onInterrupt,
      runAttached: () => {
        press();
        press();
        return Promise.resolve(130);
      },
    });
    expect([code, stderr]).toEqual([130, `nodepool: node ${id} is given back as failed\n`]);
    expect(await endOf(1)).toEqual(['ended', 'failed']);
  });
});
