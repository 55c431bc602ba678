/** A private key on this host that cannot be used: the operator has to learn of it, and nothing waits for it for hours. */
import { describe, expect, it } from 'vitest';
import { serverId } from '../../../src/lib/ids.ts';
import { recordKey } from '../../../src/lifecycle/records.ts';
import type { Action } from '../../../src/planning/actions.ts';
import { anActionBench, failing, HOST_KEY } from '../../support/action-bench.ts';
import { aNode, aWorld, NOW } from '../../support/builders.ts';

const WORDS = 'the private key /etc/nodepool/id_rsa cannot be read (ENOENT)';
const unusable = failing('config', WORDS);
const launched = aNode({
  id: 7,
  state: 'building',
  serverId: serverId('s'),
  attempt: 1,
  attemptAt: NOW,
  ip: '203.0.113.1',
});
const ready = aNode({ id: 7, checkFailures: 2 });
const about = { subject: 'node:7', reason: 'next-step' } as const;
const slot = { kind: 'node', id: 7, provider: 'cloud', key: recordKey('node', launched) } as const;
const PROBE: Action = { ...about, kind: 'probe-server', slot, address: '203.0.113.1', addressPrivate: null };
const PREPARE: Action = { ...about, kind: 'prepare-node', nodeId: 7 };
const CHECK: Action = { ...about, kind: 'check-node', nodeId: 7 };

describe('a private key that cannot be used', () => {
  it.each([
    ['first login', PROBE],
    ['preparation', PREPARE],
  ])('fails the launch at its %s, which counts, with the words that say why', async (_, action) => {
    const shell = { probe: unusable, writeFiles: unusable };
    const { argumentsOf, failures, perform } = anActionBench(aWorld({ nodes: [launched] }), { shell });
    await perform(action);
    expect(argumentsOf('moveNode')).toMatchObject([
      [{ to: 'delete', event: { kind: 'launch-failed', reason: 'key-unusable', detail: WORDS } }],
    ]);
    expect(failures).toMatchObject([{ kind: 'launch' }]);
  });

  it('says nothing about a ready node, which is checked again when that is due', async () => {
    const { argumentsOf, perform } = anActionBench(aWorld({ nodes: [ready] }), { shell: { probe: unusable } });
    await perform(CHECK);
    expect(argumentsOf('moveNode')).toEqual([]);
    expect(argumentsOf('patch')).toEqual([
      [
        'node',
        7,
        { state: 'ready' },
        { checkedAt: NOW, checkFailures: 0 },
        { kind: 'check-failed', reason: 'check-due', detail: WORDS },
      ],
    ]);
  });
});

describe('the periodic check of a node without a host key on record', () => {
  it('puts that on record which it shows', async () => {
    const { argumentsOf, perform } = anActionBench(aWorld({ nodes: [{ ...ready, hostKey: null }] }));
    await perform(CHECK);
    expect(argumentsOf('patch')).toMatchObject([['node', 7, {}, { checkFailures: 0, hostKey: HOST_KEY }]]);
  });
});
