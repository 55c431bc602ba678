/** A server that answers with another host key than at the first login is not the one that was launched. */
import { describe, expect, it } from 'vitest';
import { serverId } from '../../../src/lib/ids.ts';
import { recordKey, type NodeRecord } from '../../../src/lifecycle/records.ts';
import type { Action } from '../../../src/planning/actions.ts';
import type { LoginTarget } from '../../../src/remote/shell.ts';
import { anActionBench, failing, type BenchOptions } from '../../support/action-bench.ts';
import { aConfig, aLabel, anImage, aNode, aProvider, aSubnode, aWorld, INSTALLATION } from '../../support/builders.ts';

const config = aConfig({ labels: [aLabel({ readyScript: 'ready.sh' })], providers: [aProvider()] });
const CHECK: Action = { kind: 'check-node', subject: 'node:7', reason: 'check-due', nodeId: 7 };
const PREPARE: Action = { kind: 'prepare-node', subject: 'node:7', reason: 'next-step', nodeId: 7 };
const changed = failing('host-key-changed', 'another key');

const bench = (node: NodeRecord, options: BenchOptions) => anActionBench(aWorld({ config, nodes: [node] }), options);

describe('the periodic check', () => {
  const ready = aNode({ id: 7, hostKey: 'ssh-ed25519 AAAA7', checkFailures: 0 });

  it('shows the key on record', async () => {
    const targets: LoginTarget[] = [];
    const probe = (target: LoginTarget) => {
      targets.push(target);
      return Promise.resolve({ username: 'jenkins', hostKey: 'ssh-ed25519 AAAA7' });
    };
    await bench(ready, { shell: { probe } }).perform(CHECK);
    expect(targets).toMatchObject([{ address: ready.ip, hostKey: 'ssh-ed25519 AAAA7' }]);
  });

  it('retires the node at once, and not as a failed launch', async () => {
    const { argumentsOf, failures, perform } = bench(ready, { shell: { probe: changed } });
    await perform(CHECK);
    expect(argumentsOf('moveNode')).toMatchObject([
      [{ id: 7, from: 'ready', to: 'delete', event: { kind: 'retired', reason: 'host-key-changed' } }],
    ]);
    expect(failures).toEqual([]);
  });

  it('only counts a failure with --no-deletes', async () => {
    const world = aWorld({ config, nodes: [ready], switches: { launches: true, deletes: false, images: true } });
    const { argumentsOf, perform } = anActionBench(world, { shell: { probe: changed } });
    await perform(CHECK);
    expect(argumentsOf('moveNode')).toEqual([]);
    expect(argumentsOf('patch')).toMatchObject([['node', 7, { state: 'ready' }, { checkFailures: 1 }, {}]]);
  });
});

describe('the preparation of a set', () => {
  const reached = {
    serverId: serverId('s'),
    attempt: 1,
    reachableAt: 1,
    ip: '203.0.113.1',
    hostKey: 'ssh-ed25519 AAAA7',
  };
  const subnode = aSubnode({ id: 5, ip: '203.0.113.5', hostKey: 'ssh-ed25519 AAAA5' });
  const set = aNode({ id: 7, state: 'building', ...reached, subnodes: [subnode] });

  it('shows each server its own key, for the files and for the ready script', async () => {
    const targets: LoginTarget[] = [];
    const note = (target: LoginTarget): Promise<void> => Promise.resolve(void targets.push(target));
    await bench(set, { shell: { writeFiles: note, run: note } }).perform(PREPARE);
    const keys = [
      ['203.0.113.5', 'ssh-ed25519 AAAA5'],
      ['203.0.113.1', 'ssh-ed25519 AAAA7'],
    ];
    expect(targets.map(({ address, hostKey }) => [address, hostKey])).toEqual([...keys, ...keys]);
  });

  it.each(['writeFiles', 'run'] as const)('fails the launch, which counts, when %s finds another', async (call) => {
    const { argumentsOf, failures, perform } = bench(set, { shell: { [call]: changed } });
    await perform(PREPARE);
    expect(argumentsOf('moveNode')).toMatchObject([
      [{ from: 'building', to: 'delete', event: { kind: 'launch-failed', reason: 'host-key-changed' } }],
    ]);
    expect(failures).toMatchObject([{ kind: 'launch' }]);
  });
});

describe('the set-up of a template', () => {
  const image = anImage({
    id: 2,
    state: 'building',
    serverId: serverId('t'),
    ip: '203.0.113.2',
    hostKey: 'ssh-ed25519 AAAA2',
  });
  const SET_UP: Action = { kind: 'setup-image', subject: 'image:2', reason: 'next-step', imageId: 2 };
  const key = `nodepool-${INSTALLATION}-${recordKey('image', image)}`;

  it('shows the key on record', async () => {
    const targets: LoginTarget[] = [];
    const run = (target: LoginTarget): Promise<void> => Promise.resolve(void targets.push(target));
    const made = anActionBench(aWorld({ images: [image] }), { shell: { run } });
    made.keys.set(key, 'ssh-rsa AAAA');
    await made.perform(SET_UP);
    expect(targets[0]).toMatchObject({ hostKey: 'ssh-ed25519 AAAA2', privateKeyPath: `/keys/${key}` });
  });

  it('fails the build, which counts', async () => {
    const made = anActionBench(aWorld({ images: [image] }), { shell: { run: changed } });
    made.keys.set(key, 'ssh-rsa AAAA');
    await made.perform(SET_UP);
    expect(made.argumentsOf('moveImage')).toMatchObject([
      [{ to: 'delete', event: { kind: 'build-failed', reason: 'host-key-changed' } }],
    ]);
    expect(made.failures).toMatchObject([{ kind: 'build' }]);
  });

  it('is not begun on a host without the key of the template, which does not count', async () => {
    const made = anActionBench(aWorld({ images: [image] }));
    await made.perform(SET_UP);
    expect(made.calls).toEqual([]);
    expect(made.argumentsOf('moveImage')).toMatchObject([[{ event: { reason: 'script-interrupted' } }]]);
    expect(made.failures).toEqual([]);
  });
});
