import { describe, expect, it } from 'vitest';
import { NodepoolError } from '../../../src/lib/errors.ts';
import type { NodeRecord } from '../../../src/lifecycle/records.ts';
import type { Action } from '../../../src/planning/actions.ts';
import type { HandedNode, Targets } from '../../../src/targets/targets.ts';
import { anActionBench, failing, type ActionBench, type BenchOptions } from '../../support/action-bench.ts';
import { aConfig, aNode, aWorld, NOW } from '../../support/builders.ts';
import { aJenkinsTarget } from '../../support/hand-over.ts';

const CONFIG = aConfig({ targets: [aJenkinsTarget()] });
const NODE = aNode({ id: 7, target: 'jenkins', ip: '203.0.113.7', hostKey: 'ssh-ed25519 AAAA' });

const bench = (options: BenchOptions = {}, node: NodeRecord = NODE, config = CONFIG): ActionBench =>
  anActionBench(aWorld({ config, nodes: [node] }), options);

const action = (kind: 'register-node' | 'unregister-node' | 'start-test' | 'pass-test'): Action => ({
  kind,
  subject: 'handover:7',
  reason: 'handover',
  nodeId: 7,
});

describe('the registration of a node', () => {
  const REGISTER = action('register-node');

  it('is on record before it is tried, and after it has worked', async () => {
    const order: string[] = [];
    const patch = (...[, , , facts]: readonly unknown[]): Promise<boolean> => {
      order.push(...Object.keys(facts as object));
      return Promise.resolve(true);
    };
    const register = (): Promise<null> => {
      order.push('register');
      return Promise.resolve(null);
    };
    const { perform, argumentsOf } = bench({ store: { patch }, targets: { register } });
    await perform(REGISTER);
    expect(order).toEqual(['registerAt', 'register', 'registeredAt']);
    expect(argumentsOf('patch')).toEqual([
      ['node', 7, { state: 'ready', registerAt: null }, { registerAt: NOW }],
      ['node', 7, {}, { registeredAt: NOW }, { kind: 'registered', reason: 'handover', detail: 'jenkins' }],
    ]);
  });

  it('tells all that is needed to use the node, and whether it is on test', async () => {
    const told: unknown[] = [];
    const register = (...args: Parameters<Targets['register']>): Promise<null> => {
      told.push(args.slice(0, 2));
      return Promise.resolve(null);
    };
    await bench({ targets: { register } }).perform(REGISTER);
    await bench({ targets: { register } }, { ...NODE, state: 'test' }).perform(REGISTER);
    const handed: HandedNode = {
      nodename: 'small-cloud-7',
      host: '203.0.113.7',
      label: 'small',
      username: 'jenkins',
      privateKeyPath: '/var/lib/jenkins/.ssh/id_rsa',
      userHome: '/home/jenkins',
      hostKey: 'ssh-ed25519 AAAA',
      isOnTest: false,
    };
    expect(told).toEqual([
      ['jenkins', handed],
      ['jenkins', { ...handed, isOnTest: true }],
    ]);
  });

  it('keeps who manages the node from then on', async () => {
    const { perform, argumentsOf } = bench({ targets: { register: () => Promise.resolve('launcher-1') } });
    await perform(REGISTER);
    expect(argumentsOf('patch')[1]?.slice(2)).toEqual([
      {},
      { registeredAt: NOW, manager: 'launcher-1' },
      { kind: 'registered', reason: 'handover', detail: 'jenkins: launcher-1' },
    ]);
  });

  it('is written down at last although the database is away when the answer comes', async () => {
    let tries = 0;
    const patch = (...args: readonly unknown[]): Promise<boolean> => {
      if ('registerAt' in (args[3] as object)) return Promise.resolve(true);
      tries += 1;
      return tries < 3 ? failing('database-unavailable')() : Promise.resolve(true);
    };
    const { perform, clock } = bench({ store: { patch }, targets: { register: () => Promise.resolve('launcher-1') } });
    const done = perform(REGISTER);
    await clock.advance(2000);
    await done;
    expect(tries).toBe(3);
  });

  it('leaves no trace when it is sure to fail: the node was offered to nobody', async () => {
    const requireReady = (): never => {
      throw new NodepoolError('unavailable', 'no connection');
    };
    const unready = bench({ targets: { requireReady } });
    expect(await unready.perform(REGISTER)).toEqual({ restMs: 5000, error: 'no connection' });
    const withoutImage = bench({}, { ...NODE, label: 'gone' });
    await expect(withoutImage.perform(REGISTER)).rejects.toMatchObject({ code: 'aborted' });
    expect([unready.writes, withoutImage.writes]).toEqual([[], []]);
  });

  it('is not tried when somebody else has the node by then', async () => {
    const { perform, calls } = bench({ store: { patch: () => Promise.resolve(false) } });
    await perform(REGISTER);
    expect(calls).toEqual(['requireReady']);
  });

  it('that failed stays on record as one that may have worked', async () => {
    const { perform, argumentsOf } = bench({ targets: { register: failing('unavailable') } });
    await expect(perform(REGISTER)).rejects.toMatchObject({ code: 'unavailable' });
    expect(argumentsOf('patch').map(([, , , facts]) => facts)).toEqual([{ registerAt: NOW }]);
  });
});

describe('an offer to launchers', () => {
  const offers = async (register: Targets['register']): Promise<unknown[]> => {
    const told: unknown[] = [];
    const targetBook = { recordOffer: (...args: unknown[]) => void told.push(args) };
    const { perform } = bench({ targets: { register }, targetBook });
    await Promise.allSettled([perform(action('register-node'))]);
    return told;
  };

  it('that was refused is told of, and one that was taken; of a server that is lost nobody knows', async () => {
    const [[target, { error, now }]] = (await offers(failing('command-failed'))) as [
      [string, { error: string; now: number }],
    ];
    expect([target, typeof error, now]).toEqual(['jenkins', 'string', NOW]);
    expect(await offers(() => Promise.resolve('launcher01'))).toEqual([['jenkins', { error: null, now: NOW }]]);
    expect(await offers(failing('unavailable'))).toEqual([]);
    expect(await offers(() => Promise.resolve(null))).toEqual([]);
  });
});

describe('taking a node from its target', () => {
  const UNREGISTER = action('unregister-node');

  it('tells whoever has it, and then forgets that it was there', async () => {
    const told: unknown[] = [];
    const unregister = (...args: Parameters<Targets['unregister']>): Promise<void> =>
      Promise.resolve(void told.push(args.slice(0, 2)));
    const { perform, writes } = bench({ targets: { unregister } }, { ...NODE, state: 'delete', manager: 'launcher-1' });
    await perform(UNREGISTER);
    expect(told).toEqual([['jenkins', { nodename: 'small-cloud-7', manager: 'launcher-1' }]]);
    expect(writes.map(({ args }) => args)).toEqual([['node', 7, {}, { registerAt: null, registeredAt: null }]]);
  });

  it('is repeated when it failed', async () => {
    const { perform, writes } = bench({ targets: { unregister: failing('unavailable') } });
    await expect(perform(UNREGISTER)).rejects.toMatchObject({ code: 'unavailable' });
    expect(writes).toEqual([]);
  });
});

describe('an acceptance test', () => {
  const tested = { ...NODE, state: 'test' as const };

  it('is on record before it is started', async () => {
    const { perform, writes, calls } = bench({ targets: { startTest: failing('unavailable') } }, tested);
    await expect(perform(action('start-test'))).rejects.toMatchObject({ code: 'unavailable' });
    expect([writes.map(({ args }) => args.slice(1, 4)), calls]).toEqual([
      [[7, { state: 'test', testAt: null }, { testAt: NOW }]],
      ['startTest'],
    ]);
  });

  it('is started once, by whoever has recorded it', async () => {
    const { perform, calls } = bench({ store: { patch: () => Promise.resolve(false) } }, tested);
    await perform(action('start-test'));
    expect(calls).toEqual([]);
  });

  it('that was passed lets jobs find the node, which is READY then and has no job of its own', async () => {
    const { perform, argumentsOf, calls } = bench({}, tested);
    await perform(action('pass-test'));
    expect([calls, argumentsOf('moveNode')]).toEqual([
      ['release'],
      [
        [
          expect.objectContaining({
            from: 'test',
            to: 'ready',
            by: 'event',
            patch: { reason: null, jobName: null, jobResult: null, jobDoneAt: null },
          }),
        ],
      ],
    ]);
  });

  it('that was passed is not over before jobs can find the node', async () => {
    const { perform, writes } = bench({ targets: { release: failing('unavailable') } }, tested);
    await expect(perform(action('pass-test'))).rejects.toMatchObject({ code: 'unavailable' });
    expect(writes).toEqual([]);
  });
});

describe('a look at a target', () => {
  const CHECK: Action = { kind: 'check-target', subject: 'target:jenkins', reason: 'status-needed', target: 'jenkins' };

  it('takes down what its Jenkins says, with the time at which it was asked', async () => {
    const recorded: unknown[] = [];
    const status = { isQuietingDown: true, computers: [] };
    const { perform, clock } = bench({
      targets: { status: () => clock.advance(500).then(() => status) },
      targetBook: { recordStatus: (...args) => void recorded.push(args) },
    });
    await perform(CHECK);
    expect(recorded).toEqual([['jenkins', NOW, status]]);
  });

  it('takes down why it does not answer, and is no failure', async () => {
    const recorded: unknown[] = [];
    const { perform } = bench({
      targets: { status: failing('unavailable', 'no answer') },
      targetBook: { recordProblem: (...args) => void recorded.push(args) },
    });
    await perform(CHECK);
    expect(recorded).toEqual([['jenkins', { error: 'no answer', now: NOW }]]);
  });

  it('that was given up says nothing about it', async () => {
    const { perform, calls } = bench({ targets: { status: failing('aborted') } });
    await expect(perform(CHECK)).rejects.toMatchObject({ code: 'aborted' });
    expect(calls).toEqual(['status']);
  });
});
