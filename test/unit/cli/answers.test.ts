import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IntentRecord } from '../../../src/lifecycle/records.ts';
import { openCliPool, type CliPool } from '../../support/cli-pool.ts';

let pool: CliPool;

beforeEach(async () => {
  pool = await openCliPool();
});
afterEach(() => pool.close());

/** Answers every open intent as the daemon would. */
function answering(reply: { result: unknown } | { error: string }, seen: IntentRecord[] = []) {
  return async (): Promise<void> => {
    for (const intent of (await pool.store.readPool()).intents) {
      seen.push(intent);
      await pool.store.intents.finish(intent.id, reply);
    }
  };
}

const PLAN = {
  actions: [
    { kind: 'launch-nodes', subject: 'supply', reason: 'min-ready', text: 'launch 2 of small at cloud for zuul' },
    { kind: 'create-server', subject: 'node:7', reason: 'next-step', text: 'create the server of node:7' },
    { kind: 'create-server', subject: 'node:8', reason: 'next-step', text: 'create the server of node:8' },
  ],
  notes: [{ about: 'image trusty at rax', text: 'waits for an upload of disk image trusty' }],
  next_wake_in_seconds: 41.7,
};

describe('plan', () => {
  beforeEach(() => pool.startDaemon());

  it('tells what would be done under the reasons for it, then what not, then when the daemon looks again', async () => {
    const { code, stdout } = await pool.run(['plan'], { onSleep: answering({ result: PLAN }) });
    expect(code).toBe(0);
    expect(stdout).toBe(`\
To be done now:
  launch-nodes, because fewer READY nodes than min-ready:
    launch 2 of small at cloud for zuul
  create-server, because the next step of its life cycle is due:
    create the server of node:7
    create the server of node:8

Not done now:
  image trusty at rax: waits for an upload of disk image trusty

The next look is due in 42 s, or as soon as something changes.
`);
  });

  it('says when there is nothing to do', async () => {
    const { stdout } = await pool.run(['plan'], {
      onSleep: answering({ result: { actions: [], notes: [], next_wake_in_seconds: 0.2 } }),
    });
    expect(stdout).toBe(
      'Nothing is to be done now.\n\nThe next look is due in less than a second, or as soon as something changes.\n',
    );
  });

  it('gives machines the plan as it is', async () => {
    const { stdout } = await pool.run(['plan', '-o', 'json'], { onSleep: answering({ result: PLAN }) });
    expect(JSON.parse(stdout)).toEqual(PLAN);
  });

  it('fails with the sentence of the daemon', async () => {
    const { code, stderr } = await pool.run(['plan'], { onSleep: answering({ error: 'not now' }) });
    expect(code).toBe(1);
    expect(stderr).toContain('nodepool: not now\n');
  });

  it('waits ten seconds for an answer, or as long as it is told', async () => {
    let sleeps = 0;
    const { code, stderr } = await pool.run(['plan'], { onSleep: () => (sleeps += 1) });
    expect([code, sleeps]).toEqual([1, 40]);
    expect(stderr).toContain('nodepool: the daemon did not answer within 10 s; it may be busy and answer later\n');
    sleeps = 0;
    await pool.run(['plan', '--timeout', '2'], { onSleep: () => (sleeps += 1) });
    expect(sleeps).toBe(8);
  });
});

describe('without a daemon', () => {
  it.each([
    [['plan'], 'make a plan'],
    [['alien-list'], 'list servers'],
    [['alien-image-list'], 'list images'],
    [['image-update', 'cloud', 'ubuntu'], 'build images'],
  ])('%j says so, and leaves no intent behind', async (args, what) => {
    expect(await pool.run(args)).toEqual({
      code: 1,
      stdout: '',
      stderr: `nodepool: no daemon is running to ${what}; start nodepoold first\n`,
    });
    expect((await pool.store.readPool()).intents).toEqual([]);
  });

  it('that lets its lease run out it is the same', async () => {
    await pool.startDaemon(1000);
    expect((await pool.run(['plan'], { onSleep: answering({ result: PLAN }) })).code).toBe(0);
    expect((await pool.run(['plan'], { clock: clockLater(5000) })).code).toBe(1);
  });

  it('that is just starting waits for it', async () => {
    let sleeps = 0;
    const reply = answering({ result: PLAN });
    const { code } = await pool.run(['plan'], { onSleep: () => (++sleeps === 3 ? pool.startDaemon() : reply()) });
    expect(code).toBe(0);
  });
});

function clockLater(ms: number) {
  let now = Date.UTC(2026, 0, 15, 12) + ms;
  return {
    now: () => now,
    sleep: (pause: number) => {
      now += pause;
      return Promise.resolve();
    },
  };
}

describe('alien-list', () => {
  beforeEach(() => pool.startDaemon());

  it('lists servers of all providers, and warns of those that did not answer', async () => {
    const seen: IntentRecord[] = [];
    const result = {
      rows: [{ provider: 'cloud', hostname: 'stray', server_id: 's-1', ip: null }],
      warnings: ['provider rax did not answer: time-out'],
    };
    const { code, stdout, stderr } = await pool.run(['alien-list'], { onSleep: answering({ result }, seen) });
    expect(code).toBe(0);
    expect(stdout).toBe(`\
+----------+----------+-----------+----+
| Provider | Hostname | Server ID | IP |
+----------+----------+-----------+----+
| cloud    | stray    | s-1       |    |
+----------+----------+-----------+----+
`);
    expect(stderr).toContain('nodepool: provider rax did not answer: time-out\n');
    expect(seen).toMatchObject([{ kind: 'alien-list', args: { provider: null } }]);
  });

  it('asks for one provider only', async () => {
    const seen: IntentRecord[] = [];
    await pool.run(['alien-list', 'cloud'], { onSleep: answering({ result: { rows: [], warnings: [] } }, seen) });
    expect(seen).toMatchObject([{ args: { provider: 'cloud' } }]);
  });

  it('knows no other providers than the configuration', async () => {
    const { code, stderr } = await pool.run(['alien-list', 'clod']);
    expect([code, stderr]).toEqual([1, 'nodepool: there is no provider clod (did you mean cloud?)\n']);
  });
});

describe('alien-image-list', () => {
  it('lists snapshots', async () => {
    await pool.startDaemon();
    const result = { rows: [{ provider: 'cloud', name: 'old', image_id: 'i-1' }], warnings: [] };
    const { stdout } = await pool.run(['alien-image-list'], { onSleep: answering({ result }) });
    expect(stdout).toBe(`\
+----------+------+----------+
| Provider | Name | Image ID |
+----------+------+----------+
| cloud    | old  | i-1      |
+----------+------+----------+
`);
  });
});
