import { describe, expect, it } from 'vitest';
import { serverId } from '../../../src/lib/ids.ts';
import { recordKey, type NodeRecord } from '../../../src/lifecycle/records.ts';
import type { Action } from '../../../src/planning/actions.ts';
import { hostKeyOf } from '../../../src/providers/fake/host-key.ts';
import type { LoginTarget, Shell } from '../../../src/remote/shell.ts';
import { anActionBench, failing, HOST_KEY, type ActionBench, type BenchOptions } from '../../support/action-bench.ts';
import { aConfig, anImage, aNode, aProvider, aSubnode, aWorld, INSTALLATION, NOW } from '../../support/builders.ts';

const NODE = aNode({ id: 7, state: 'building', serverId: serverId('s'), attempt: 1, attemptAt: NOW - 5000 });
const TEMPLATE = anImage({ id: 2, state: 'building', serverId: serverId('t'), attempt: 1, attemptAt: NOW - 5000 });
const KEY = `nodepool-${INSTALLATION}-${recordKey('image', TEMPLATE)}`;
const ADDRESS = '203.0.113.9';
const OWN = HOST_KEY;
const FOREIGN = hostKeyOf('foreign');
const field = (text: string): Buffer => Buffer.concat([Buffer.from([0, 0, 0, text.length]), Buffer.from(text)]);
const RSA = `ssh-rsa ${Buffer.concat(['ssh-rsa', 'e', 'n'].map(field)).toString('base64')}`;

const slot = { kind: 'node', id: 7, provider: 'cloud', key: recordKey('node', NODE) } as const;
const PROBE: Action = {
  kind: 'probe-server',
  subject: 'node:7',
  reason: 'next-step',
  slot,
  address: ADDRESS,
  addressPrivate: null,
};
const PROBE_TEMPLATE: Action = {
  ...PROBE,
  subject: 'image:2',
  slot: { kind: 'image', id: 2, provider: 'cloud', key: recordKey('image', TEMPLATE) },
};
const KNOCK: Action = { kind: 'knock-server', subject: 'node:7', reason: 'next-step', slot, address: ADDRESS };
const ATTACH: Action = {
  kind: 'attach-floating-ip',
  subject: 'node:7',
  reason: 'next-step',
  slot,
  serverId: serverId('s'),
};

function bench(options: BenchOptions = {}, node: NodeRecord = NODE): ActionBench {
  const made = anActionBench(aWorld({ nodes: [node], images: [TEMPLATE] }), options);
  made.keys.set(KEY, 'ssh-rsa AAAA');
  return made;
}

const consoleWith =
  (...keys: readonly string[]) =>
  (): Promise<string> =>
    Promise.resolve(
      ['-----BEGIN SSH HOST KEY KEYS-----', ...keys, '-----END SSH HOST KEY KEYS-----', 'login:'].join('\n'),
    );

describe('a knock', () => {
  it('that is answered hints that a listing is worth its call, and is repeated soon', async () => {
    const hints: unknown[] = [];
    const { context, perform, writes } = bench();
    context.book.hint = (...hint) => void hints.push(hint);
    expect(await perform(KNOCK)).toEqual({ restMs: 250 });
    expect([hints, writes]).toEqual([[['cloud', NOW]], []]);
  });

  it('that is not answered leaves no trace, and is repeated after half a second', async () => {
    const { calls, perform, writes } = bench({ shell: { knock: failing('unreachable') } });
    expect(await perform(KNOCK)).toEqual({ restMs: 500 });
    expect([calls, writes]).toEqual([['knock'], []]);
  });

  it('is repeated the later the longer the server has been built, at least every ten seconds', async () => {
    const restAfter = async (ageMs: number, knock: Shell['knock']): Promise<unknown> =>
      bench({ shell: { knock } }, { ...NODE, attemptAt: NOW - ageMs }).perform(KNOCK);
    const answered = (): Promise<void> => Promise.resolve();
    expect(await restAfter(120_000, answered)).toEqual({ restMs: 2000 });
    expect(await restAfter(120_000, failing('unreachable'))).toEqual({ restMs: 2000 });
    expect(await restAfter(3_600_000, answered)).toEqual({ restMs: 10_000 });
  });

  it('at a server that drops what comes ends after five seconds', async () => {
    const { clock, perform } = bench({ shell: { knock: () => new Promise(() => undefined) } });
    let rest: unknown = null;
    void perform(KNOCK).then((answer) => (rest = answer));
    await clock.advance(4999);
    expect(rest).toBeNull();
    await clock.advance(1);
    expect(rest).toEqual({ restMs: 500 });
  });
});

describe('a floating IP', () => {
  it('that is attached makes the cloud be listed soon, and is asked for once', async () => {
    const { calls, perform, writes } = bench();
    expect(await perform(ATTACH)).toEqual({ restMs: 2000 });
    expect([calls, writes]).toEqual([['attachFloatingIp', 'hint'], []]);
  });

  it('that no listing shows is asked for ever more rarely', async () => {
    const { perform } = bench({}, { ...NODE, attemptAt: NOW - 300_000 });
    expect(await perform(ATTACH)).toEqual({ restMs: 5000 });
  });

  it('that the quota forbids fails the launch, and rests the whole provider', async () => {
    const { argumentsOf, failures, perform } = bench({ cloud: { attachFloatingIp: failing('quota') } });
    await perform(ATTACH);
    expect(failures).toMatchObject([{ kind: 'provider', provider: 'cloud' }]);
    expect(argumentsOf('moveNode')).toMatchObject([[{ to: 'delete', patch: { reason: 'floating-ip-failed' } }]]);
  });

  it('that the cloud refuses counts against the image', async () => {
    const { failures, perform } = bench({ cloud: { attachFloatingIp: failing('rejected') } });
    await perform(ATTACH);
    expect(failures).toMatchObject([{ kind: 'launch', provider: 'cloud', image: 'ubuntu' }]);
  });

  it.each(['conflict', 'throttled', 'unavailable', 'not-found'] as const)(
    'that is answered with %s is tried again, and the launch goes on',
    async (code) => {
      const { failures, perform, writes } = bench({ cloud: { attachFloatingIp: failing(code) } });
      await expect(perform(ATTACH)).rejects.toMatchObject({ code });
      expect([failures, writes]).toEqual([[], []]);
    },
  );
});

describe('the first login', () => {
  it('puts the host key on record', async () => {
    const { argumentsOf, perform } = bench();
    await perform(PROBE);
    expect(argumentsOf('patch')).toMatchObject([['node', 7, {}, { reachableAt: NOW, ip: ADDRESS, hostKey: OWN }]]);
  });

  it('puts the host keys of subnodes and templates on record, too', async () => {
    const subnode = aSubnode({ id: 5, state: 'building', serverId: serverId('s-5'), attempt: 1 });
    const set = { ...NODE, subnodes: [subnode] };
    const { argumentsOf, perform } = bench({}, set);
    const key = recordKey('subnode', subnode);
    await perform({ ...PROBE, subject: 'subnode:5', slot: { kind: 'subnode', id: 5, provider: 'cloud', key } });
    await perform(PROBE_TEMPLATE);
    expect(argumentsOf('readySubnode')).toMatchObject([[5, { hostKey: OWN }]]);
    expect(argumentsOf('patch')).toMatchObject([['image', 2, {}, { hostKey: OWN, username: 'root' }]]);
  });

  it('is tried again half a second after nobody answered', async () => {
    const { perform } = bench({ shell: { probe: failing('unreachable') } });
    expect(await perform(PROBE)).toEqual({ restMs: 500 });
  });

  it('that fails for long is told to whoever asks for the plan, with what was answered', async () => {
    const answerAfter = async (age: number): Promise<unknown> => {
      const { perform } = bench(
        { shell: { probe: failing('login-refused', 'refuses the key') } },
        { ...NODE, activeAt: NOW - age },
      );
      return perform(PROBE);
    };
    expect(await answerAfter(20_000)).toEqual({ restMs: 500 });
    expect(await answerAfter(20_001)).toEqual({ restMs: 500, error: 'refuses the key' });
  });

  it.each([
    ['that is the last before the boot time limit fails the launch with what it was answered', 59_501, 1],
    ['that is not the last only ends', 59_500, 0],
  ])('%s', async (_, age, moves) => {
    const node = { ...NODE, activeAt: NOW - age };
    const { argumentsOf, perform } = bench({ shell: { probe: failing('login-refused', 'refuses the key') } }, node);
    await perform(PROBE);
    const event = { kind: 'launch-failed', reason: 'boot-timeout', detail: 'refuses the key' };
    expect(argumentsOf('moveNode')).toMatchObject(moves === 0 ? [] : [[{ to: 'delete', event }]]);
  });

  it('on a template has ten minutes', async () => {
    const refused = async (activeAt: number): Promise<number> => {
      const images = [{ ...TEMPLATE, activeAt }];
      const made = anActionBench(aWorld({ images }), { shell: { probe: failing('unreachable') } });
      made.keys.set(KEY, 'ssh-rsa AAAA');
      await made.perform(PROBE_TEMPLATE);
      return made.argumentsOf('moveImage').length;
    };
    expect([await refused(NOW - 599_500), await refused(NOW - 599_501)]).toEqual([0, 1]);
  });

  it('shows a key that is on record already, and fails the launch at once when another answers', async () => {
    const targets: LoginTarget[] = [];
    const known = { ...NODE, hostKey: OWN };
    const probe = (target: LoginTarget): Promise<never> => {
      targets.push(target);
      return failing('host-key-changed', 'another key')();
    };
    const { argumentsOf, failures, perform } = bench({ shell: { probe } }, known);
    await perform(PROBE);
    expect(targets).toMatchObject([{ hostKey: OWN }]);
    expect(failures).toMatchObject([{ kind: 'launch' }]);
    expect(argumentsOf('moveNode')).toMatchObject([
      [{ to: 'delete', event: { kind: 'launch-failed', reason: 'host-key-changed', detail: 'another key' } }],
    ]);
  });
});

describe('a console that shows host keys', () => {
  it('proves the first login when the key is among them', async () => {
    const { argumentsOf, perform } = bench({ cloud: { readConsole: consoleWith(RSA, OWN) } });
    await perform(PROBE);
    expect(argumentsOf('patch')).toHaveLength(1);
  });

  it('condemns a server that shows another key of the same type', async () => {
    const { argumentsOf, perform } = bench({ cloud: { readConsole: consoleWith(FOREIGN) } });
    await perform(PROBE);
    expect(argumentsOf('patch')).toEqual([]);
    expect(argumentsOf('moveNode')).toMatchObject([[{ patch: { reason: 'host-key-changed' } }]]);
  });

  it('proves nothing when it shows none of the same type', async () => {
    const { argumentsOf, perform } = bench({ cloud: { readConsole: consoleWith(RSA) } });
    await perform(PROBE);
    expect(argumentsOf('patch')).toHaveLength(1);
  });

  it('is read for each server of the image; one without keys is the last that is read', async () => {
    const showing = bench({ cloud: { readConsole: consoleWith(OWN) } });
    const silent = bench({ cloud: { readConsole: () => Promise.resolve('booting\n') } });
    for (const { perform } of [showing, silent]) for (let times = 0; times < 3; times += 1) await perform(PROBE);
    const reads = ({ calls }: ActionBench): number => calls.filter((call) => call === 'readConsole').length;
    expect([reads(showing), reads(silent)]).toEqual([3, 1]);
  });

  it('is asked of a template, whatever the nodes of that image showed', async () => {
    const { calls, perform } = bench({ cloud: { readConsole: () => Promise.resolve('') } });
    await perform(PROBE);
    await perform(PROBE_TEMPLATE);
    expect(calls.filter((call) => call === 'readConsole')).toHaveLength(2);
  });

  it('that cannot be read, or not in time, keeps nobody from being taken', async () => {
    const refused = bench({ cloud: { readConsole: failing('unavailable') } });
    await refused.perform(PROBE);
    expect(refused.argumentsOf('patch')).toHaveLength(1);
    const slow = bench({ cloud: { readConsole: () => new Promise(() => undefined) } });
    void slow.perform(PROBE);
    await slow.clock.advance(20_000);
    expect(slow.argumentsOf('patch')).toHaveLength(1);
  });
});

describe('a template with a key of its own', () => {
  it('is logged in to with that key', async () => {
    const targets: LoginTarget[] = [];
    const probe = (target: LoginTarget) => {
      targets.push(target);
      return Promise.resolve({ username: 'ubuntu', hostKey: OWN });
    };
    await bench({ shell: { probe } }).perform(PROBE_TEMPLATE);
    expect(targets).toMatchObject([{ privateKeyPath: `/keys/${KEY}` }]);
  });

  it('goes on with that when the configuration names one meanwhile', async () => {
    const targets: LoginTarget[] = [];
    const probe = (target: LoginTarget) => {
      targets.push(target);
      return Promise.resolve({ username: 'ubuntu', hostKey: OWN });
    };
    const config = aConfig({ providers: [aProvider({ keypair: 'templates' })] });
    const made = anActionBench(aWorld({ config, images: [TEMPLATE] }), { shell: { probe } });
    made.keys.set(KEY, 'ssh-rsa AAAA');
    await made.perform(PROBE_TEMPLATE);
    expect(targets).toMatchObject([{ privateKeyPath: `/keys/${KEY}` }]);
  });

  it('fails its build at once on a host that does not have the key, which does not count', async () => {
    const { argumentsOf, calls, failures, keys, perform } = bench();
    keys.clear();
    await perform(PROBE_TEMPLATE);
    expect([calls, failures]).toEqual([[], []]);
    expect(argumentsOf('moveImage')).toMatchObject([
      [
        {
          to: 'delete',
          event: {
            reason: 'script-interrupted',
            detail: `the key of its template is not on this host (/keys/${KEY}): it was begun elsewhere`,
          },
        },
      ],
    ]);
  });
});
