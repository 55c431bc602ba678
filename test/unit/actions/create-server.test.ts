import { describe, expect, it } from 'vitest';
import { NodepoolError } from '../../../src/lib/errors.ts';
import { serverId } from '../../../src/lib/ids.ts';
import { recordKey, type ImageRecord, type NodeRecord } from '../../../src/lifecycle/records.ts';
import type { Action, ActionOf } from '../../../src/planning/actions.ts';
import type { World } from '../../../src/planning/world.ts';
import type { ServerSpec } from '../../../src/providers/provider.ts';
import type { SupervisedCloud } from '../../../src/providers/supervised.ts';
import { anActionBench, failing, type BenchOptions } from '../../support/action-bench.ts';
import { aConfig, anImage, aNode, aProvider, aProviderImage, aWorld, INSTALLATION } from '../../support/builders.ts';

const NODE = aNode({ id: 7, state: 'building' });
const READY = anImage({ id: 1 });
const TEMPLATE = anImage({ id: 2, state: 'building' });
const KEY = `nodepool-${INSTALLATION}-${recordKey('image', TEMPLATE)}`;

const world = (provider: Parameters<typeof aProvider>[0] = {}): World =>
  aWorld({ config: aConfig({ providers: [aProvider(provider)] }), nodes: [NODE], images: [READY, TEMPLATE] });

function creating(kind: 'node' | 'image', record: NodeRecord | ImageRecord): ActionOf<'create-server'> {
  const slot = { kind, id: record.id, provider: 'cloud', key: recordKey(kind, record) };
  return { kind: 'create-server', subject: `${kind}:${record.id}`, reason: 'next-step', slot, attempt: 0 };
}
const CREATE_NODE = creating('node', NODE);
const CREATE_TEMPLATE = creating('image', TEMPLATE);

/** What the cloud is asked for. */
async function specOf(action: Action, within = world(), options: BenchOptions = {}): Promise<ServerSpec | null> {
  let asked: ServerSpec | null = null;
  const createServer: SupervisedCloud['createServer'] = async (spec, _signal, admitted) => {
    await admitted();
    asked = spec;
    return serverId('new');
  };
  const createKeypair = (): Promise<string> => Promise.resolve(KEY);
  await anActionBench(within, { ...options, cloud: { createServer, createKeypair } }).perform(action);
  return asked;
}

describe('the attempt to create a server', () => {
  it('goes on record when the turn of its call has come, and not before', async () => {
    const seen: number[] = [];
    const bench = anActionBench(world(), {
      cloud: {
        createServer: async (_spec, _signal, admitted) => {
          seen.push(bench.argumentsOf('recordAttempt').length);
          await admitted();
          seen.push(bench.argumentsOf('recordAttempt').length);
          return serverId('new');
        },
      },
    });
    await bench.perform(CREATE_NODE);
    expect(seen).toEqual([0, 1]);
    expect(bench.argumentsOf('patch')).toMatchObject([['node', 7, { attempt: 1 }, { serverId: 'new' }, {}]]);
  });

  it('that loses the fence sends nothing, writes nothing and is no failure', async () => {
    let hasSent = false;
    const createServer: SupervisedCloud['createServer'] = async (_spec, _signal, admitted) => {
      await admitted();
      hasSent = true;
      return serverId('new');
    };
    const store = { recordAttempt: () => Promise.resolve(false) };
    const bench = anActionBench(world(), { cloud: { createServer }, store });
    await expect(bench.perform(CREATE_NODE)).resolves.toBeUndefined();
    expect([hasSent, bench.writes.map(({ call }) => call)]).toEqual([false, ['recordAttempt']]);
  });

  it.each(['throttled', 'conflict'] as const)(
    'that is answered with %s is taken back, and made again soon',
    async (code) => {
      const createServer: SupervisedCloud['createServer'] = async (_spec, _signal, admitted) => {
        await admitted();
        throw new NodepoolError(code, 'not now');
      };
      const bench = anActionBench(world(), { cloud: { createServer } });
      await expect(bench.perform(CREATE_NODE)).rejects.toMatchObject({ code });
      expect(bench.argumentsOf('patch')).toEqual([['node', 7, { attempt: 1 }, { attemptAt: null }]]);
      expect(bench.argumentsOf('moveNode')).toEqual([]);
    },
  );

  it('that meets a conflict for the third time fails the launch: some clouds say so to what can never be done', async () => {
    const createServer: SupervisedCloud['createServer'] = async (_spec, _signal, admitted) => {
      await admitted();
      throw new NodepoolError('conflict', 'Multiple possible networks found');
    };
    const bench = anActionBench(world(), { cloud: { createServer } });
    await bench.perform({ ...CREATE_NODE, attempt: 2 });
    expect(bench.failures).toMatchObject([{ kind: 'launch' }]);
    expect(bench.argumentsOf('moveNode')).toMatchObject([
      [{ event: { reason: 'create-failed', detail: 'Multiple possible networks found' } }],
    ]);
  });

  it('that is not answered may still have its effect, counted from its end', async () => {
    const createServer: SupervisedCloud['createServer'] = async (_spec, _signal, admitted) => {
      await admitted();
      throw new NodepoolError('unavailable', 'time is up');
    };
    const bench = anActionBench(world(), { cloud: { createServer } });
    await expect(bench.perform(CREATE_NODE)).rejects.toMatchObject({ code: 'unavailable' });
    expect(bench.argumentsOf('patch')).toEqual([['node', 7, { attempt: 1 }, { attemptAt: bench.clock.now() }]]);
  });

  it('is not made when the provider refused another while it waited for its turn: nothing more is counted', async () => {
    const bench = anActionBench(world());
    bench.context.failures.errorAt = ({ kind }) => (kind === 'provider' ? 'too many servers' : null);
    await bench.perform(CREATE_NODE);
    expect(bench.argumentsOf('recordAttempt')).toEqual([]);
    expect(bench.argumentsOf('moveNode')).toMatchObject([
      [{ id: 7, to: 'delete', event: { reason: 'create-failed', detail: 'too many servers' } }],
    ]);
  });

  it('of a template is made all the same: an operator may want to know whether the trouble is over', async () => {
    const bench = anActionBench(world());
    bench.context.failures.errorAt = () => 'too many servers';
    await bench.perform(CREATE_TEMPLATE);
    expect(bench.argumentsOf('recordAttempt')).toHaveLength(1);
  });

  it('fails the launch and rests the provider when the quota was used up before its turn came', async () => {
    const bench = anActionBench(world(), { cloud: { createServer: failing('quota') } });
    await bench.perform(CREATE_NODE);
    expect(bench.failures).toMatchObject([{ kind: 'provider', provider: 'cloud' }]);
    expect(bench.argumentsOf('moveNode')).toMatchObject([
      [{ id: 7, to: 'delete', patch: { reason: 'create-failed' } }],
    ]);
  });
});

describe('the server of a node', () => {
  it('gets the key pair, the user data and the volume that its image names', async () => {
    const image = aProviderImage({ keyName: 'jobs', userData: '#cloud-config', volumeGb: 20 });
    const provider = { images: new Map([['ubuntu', image]]), keypair: 'templates' };
    expect(await specOf(CREATE_NODE, world(provider))).toMatchObject({
      keypair: 'jobs',
      userData: '#cloud-config',
      volumeGb: 20,
    });
  });
});

describe('the template of a snapshot', () => {
  it('gets neither user data nor a volume', async () => {
    const image = aProviderImage({ keyName: 'jobs', userData: '#cloud-config', volumeGb: 20 });
    const provider = { images: new Map([['ubuntu', image]]), keypair: 'templates' };
    expect(await specOf(CREATE_TEMPLATE, world(provider))).toMatchObject({
      keypair: 'templates',
      userData: null,
      volumeGb: null,
    });
  });

  it('gets a key pair of its own where the configuration names none', async () => {
    const createKeypair = (): Promise<string> => Promise.resolve(KEY);
    const bench = anActionBench(world(), { cloud: { createKeypair } });
    await bench.perform(CREATE_TEMPLATE);
    expect(bench.calls).toEqual(['createKeypair', 'createServer']);
    expect([...bench.keys.keys()]).toEqual([KEY]);
    expect(await specOf(CREATE_TEMPLATE)).toMatchObject({ keypair: KEY });
  });

  it('gets none of its own where the configuration names one', async () => {
    const bench = anActionBench(world({ keypair: 'templates' }));
    await bench.perform(CREATE_TEMPLATE);
    expect([bench.calls, bench.keys.size]).toEqual([['createServer'], 0]);
  });

  it.each(['quota', 'conflict'] as const)(
    'is not created, and the build alone fails, when its key pair is answered with %s',
    async (code) => {
      const bench = anActionBench(world(), { cloud: { createKeypair: failing(code, 'no key pair') } });
      await bench.perform(CREATE_TEMPLATE);
      expect(bench.calls).toEqual(['createKeypair']);
      expect(bench.failures).toMatchObject([{ kind: 'build', image: 'ubuntu' }]);
      expect(bench.argumentsOf('moveImage')).toMatchObject([
        [{ id: 2, to: 'delete', event: { reason: 'create-failed', detail: 'no key pair' } }],
      ]);
    },
  );

  it('is not created, and the build fails, when its key cannot be kept on this host', async () => {
    const bench = anActionBench(world());
    bench.context.templateKeys.prepare = failing('config', 'the disk is full');
    await bench.perform(CREATE_TEMPLATE);
    expect([bench.calls, bench.failures]).toMatchObject([[], [{ kind: 'build' }]]);
    expect(bench.argumentsOf('moveImage')).toMatchObject([[{ event: { detail: 'the disk is full' } }]]);
  });
});
