import { describe, expect, it } from 'vitest';
import { serverId } from '../../../src/lib/ids.ts';
import type { FailureRecord, ImageRecord } from '../../../src/lifecycle/records.ts';
import type { Action, Reason } from '../../../src/planning/actions.ts';
import { anActionBench, type ActionBench } from '../../support/action-bench.ts';
import { anImage, aNode, aWorld, NOW } from '../../support/builders.ts';

describe('a launch', () => {
  const node = aNode({ id: 7, state: 'building', imageId: 2, serverId: serverId('s'), ip: '203.0.113.1' });
  const bench = (image: Partial<ImageRecord> = {}, overrides: Partial<typeof node> = {}): ActionBench =>
    anActionBench(aWorld({ nodes: [{ ...node, ...overrides }], images: [anImage({ id: 2, ...image })] }));
  const end = (reason: Reason): Action => ({
    kind: 'retire-node',
    subject: 'node:7',
    reason,
    nodeId: 7,
    detail: null,
    isFailure: true,
    consoleOf: null,
  });
  const PREPARE: Action = { kind: 'prepare-node', subject: 'node:7', reason: 'next-step', nodeId: 7 };

  it('that ends with a READY node speaks for its image', async () => {
    const { perform, argumentsOf } = bench();
    await perform(PREPARE);
    expect(argumentsOf('countLaunch')).toEqual([[2, true]]);
  });

  it.each<Reason>(['server-error', 'boot-timeout', 'script-failed'])(
    'that ends with %s speaks against it',
    async (reason) => {
      const { perform, argumentsOf } = bench();
      await perform(end(reason));
      expect(argumentsOf('countLaunch')).toEqual([[2, false]]);
    },
  );

  it.each<Reason>(['create-failed', 'launch-timeout', 'server-gone', 'label-removed', 'state-timeout', 'key-unusable'])(
    'that ends with %s says nothing about it',
    async (reason) => {
      const { perform, argumentsOf } = bench();
      await perform(end(reason));
      expect(argumentsOf('countLaunch')).toEqual([]);
    },
  );

  it('says nothing when it was over already, or its end is somebody else’s', async () => {
    const ready = bench({}, { state: 'ready' });
    await ready.perform(end('server-error'));
    const lost = anActionBench(aWorld({ nodes: [node], images: [anImage({ id: 2 })] }), {
      store: { moveNode: () => Promise.resolve(false) },
    });
    await lost.perform(end('server-error'));
    await lost.perform(PREPARE);
    expect([ready.argumentsOf('countLaunch'), lost.argumentsOf('countLaunch')]).toEqual([[], []]);
  });

  it('is counted while its image is new, and when its image is there', async () => {
    const counted = async (image: Partial<ImageRecord>): Promise<number> => {
      const { perform, argumentsOf } = bench(image);
      await perform(PREPARE);
      return argumentsOf('countLaunch').length;
    };
    expect(await counted({ launchesOk: 12, launchesFailed: 7 })).toBe(1);
    expect(await counted({ launchesOk: 12, launchesFailed: 8 })).toBe(0);
    expect(await counted({ id: 3 })).toBe(0);
  });
});

describe('a withdrawal', () => {
  const WITHDRAW: Action = {
    kind: 'withdraw-image',
    subject: 'image:2',
    reason: 'withdrawn',
    imageId: 2,
    detail: '3 of its first 3 launches failed; back to image 1',
  };
  const failure = (overrides: Partial<FailureRecord>): FailureRecord => ({
    kind: 'launch',
    provider: 'cloud',
    image: 'ubuntu',
    az: null,
    count: 5,
    lastAt: NOW,
    lastError: 'no',
    retryAt: NOW + 60_000,
    ...overrides,
  });
  const failures = [
    failure({}),
    failure({ az: 'z' }),
    failure({ image: 'debian' }),
    failure({ provider: 'else' }),
    failure({ kind: 'build' }),
    failure({ kind: 'provider', image: null }),
  ];

  it('is written down with its reason, and told', async () => {
    const { perform, argumentsOf, metrics } = anActionBench(aWorld({ images: [anImage({ id: 2 })] }));
    await perform(WITHDRAW);
    expect(argumentsOf('patch')).toEqual([
      [
        'image',
        2,
        { state: 'ready' },
        { withdrawnAt: NOW, reason: 'withdrawn' },
        { kind: 'withdrawn', reason: 'withdrawn', detail: WITHDRAW.detail },
      ],
    ]);
    expect(metrics).toEqual([{ call: 'imageWithdrawn', args: [{ image: 'ubuntu', provider: 'cloud' }] }]);
  });

  it('absolves the places where its launches failed, in every zone, and no others', async () => {
    const { perform, cleared } = anActionBench(aWorld({ images: [anImage({ id: 2 })], failures }));
    await perform(WITHDRAW);
    expect(cleared.map(({ kind, provider, image, az }) => [kind, provider, image, az])).toEqual([
      ['launch', 'cloud', 'ubuntu', null],
      ['launch', 'cloud', 'ubuntu', 'z'],
    ]);
  });

  it('of an image that is gone has no consequence', async () => {
    const world = aWorld({ images: [anImage({ id: 2 })], failures });
    const { perform, cleared, metrics } = anActionBench(world, { store: { patch: () => Promise.resolve(false) } });
    await perform(WITHDRAW);
    expect([cleared, metrics]).toEqual([[], []]);
  });
});
