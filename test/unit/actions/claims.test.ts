/** What must happen once, when two daemons have planned it from the same rows: one of them stood still for a while. */
import { expect, it } from 'vitest';
import { serverId } from '../../../src/lib/ids.ts';
import { recordKey } from '../../../src/lifecycle/records.ts';
import type { Action } from '../../../src/planning/actions.ts';
import type { Store } from '../../../src/store/store.ts';
import { anActionBench, type BenchOptions } from '../../support/action-bench.ts';
import { aConfig, aLabel, anImage, aNode, aWorld, INSTALLATION } from '../../support/builders.ts';
import { aJenkinsTarget } from '../../support/hand-over.ts';

/** A server that answers. */
const SERVER = { serverId: serverId('s'), ip: '203.0.113.7', hostKey: 'ssh-ed25519 AAAA', hostname: 'h' };

/** A row that is changed by compare-and-set, as the store does it. */
function aRow(row: Record<string, unknown>): Pick<Store, 'patch'> {
  return {
    patch: (_kind, _id, guard, patch) => {
      const holds = Object.entries(guard).every(([key, value]) => row[key] === value);
      if (holds) Object.assign(row, patch);
      return Promise.resolve(holds);
    },
  };
}

/** Two daemons perform an action on one world and one row, one after the other. */
async function performTwice(world: ReturnType<typeof aWorld>, action: Action, options: BenchOptions): Promise<void> {
  for (let daemon = 0; daemon < 2; daemon += 1) await anActionBench(world, options).perform(action);
}

it('a node is offered to launchers once', async () => {
  const node = aNode({ id: 7, target: 'jenkins', hostKey: 'ssh-ed25519 AAAA' });
  const config = aConfig({ targets: [aJenkinsTarget({ assignViaGearman: true })] });
  const offers: string[] = [];
  const register = (): Promise<string> => Promise.resolve(`launcher-${offers.push(node.label)}`);
  const row = { ...node };
  const action: Action = { kind: 'register-node', subject: 'handover:7', reason: 'handover', nodeId: 7 };
  await performTwice(aWorld({ config, nodes: [node] }), action, { store: aRow(row), targets: { register } });
  expect([offers.length, row.manager]).toEqual([1, 'launcher-1']);
});

it('a ready script runs once', async () => {
  const node = aNode({ id: 7, state: 'building', ...SERVER });
  const config = aConfig({ labels: [aLabel({ readyScript: 'ready.sh' })] });
  let runs = 0;
  const shell = { run: () => Promise.resolve(void (runs += 1)), writeFiles: () => Promise.resolve() };
  const action: Action = { kind: 'prepare-node', subject: 'node:7', reason: 'next-step', nodeId: 7 };
  await performTwice(aWorld({ config, nodes: [node] }), action, { store: aRow({ ...node }), shell });
  expect(runs).toBe(1);
});

it('a set-up script runs once', async () => {
  const image = anImage({ id: 7, state: 'building', ...SERVER });
  let runs = 0;
  const run = (): Promise<void> => Promise.resolve(void (runs += 1));
  const row = { ...image };
  const perform = async (): Promise<void> => {
    const made = anActionBench(aWorld({ images: [image] }), { store: aRow(row), shell: { run } });
    made.keys.set(`nodepool-${INSTALLATION}-${recordKey('image', image)}`, 'ssh-rsa AAAA');
    await made.perform({ kind: 'setup-image', subject: 'image:7', reason: 'next-step', imageId: 7 });
  };
  await perform();
  const once = runs;
  await perform();
  expect([once > 0, runs]).toEqual([true, once]);
});
