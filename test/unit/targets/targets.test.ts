import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Submission } from '../../../src/gearman/jobs.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { createTargets, type HandedNode, type Targets } from '../../../src/targets/targets.ts';
import { aConfig, aTarget } from '../../support/builders.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const NODE: HandedNode = {
  nodename: 'small-cloud-7',
  host: '203.0.113.7',
  label: 'small',
  username: 'jenkins',
  privateKeyPath: '/var/lib/jenkins/.ssh/id_rsa',
  userHome: '/home/jenkins',
  hostKey: null,
  isOnTest: false,
};

interface Scene {
  readonly targets: Targets;
  /** Jobs that were submitted, each with what ends it. */
  readonly jobs: (Submission & { readonly answer: (text: string) => void })[];
}

/** A target of Zuul, with Gearman servers at which these functions have workers. */
function openScene(functions: readonly string[], isConnected = true): Scene {
  const jobs: Scene['jobs'] = [];
  const connection = { describe: () => ({ connected: isConnected }) };
  const gearman = {
    hasWorkers: (name: string) => functions.includes(name),
    connections: () => [connection] as never,
    submit: (job: Submission) =>
      new Promise<Buffer>((resolve) => jobs.push({ ...job, answer: (text) => resolve(Buffer.from(text)) })),
  };
  const targets = createTargets({ clock: createFakeClock(), log: silentLog, gearman, onCall: () => undefined });
  onTestFinished(() => targets.close());
  targets.configure(
    aConfig({ targets: [aTarget({ name: 'zuul', assignViaGearman: true }), aTarget({ name: 'open' })] }),
  );
  return { targets, jobs };
}

describe('a node for launchers', () => {
  it.each([
    ['when no server answers', false, [], 'there is no connection at the Gearman servers'],
    [
      'while no launcher is there',
      true,
      ['node_assign:other'],
      'no launcher has registered the function node_assign:zuul at the Gearman servers',
    ],
  ])('is not offered %s', (_, isConnected, functions, message) => {
    const { targets } = openScene(functions, isConnected);
    expect(() => targets.requireReady('zuul')).toThrow(message);
    expect(() => targets.requireReady('open')).not.toThrow();
    expect(() => openScene(['node_assign:zuul']).targets.requireReady('zuul')).not.toThrow();
  });

  it('is managed by the one that takes it', async () => {
    const { targets, jobs } = openScene(['node_assign:zuul']);
    const manager = targets.register('zuul', NODE, new AbortController().signal);
    jobs[0]!.answer('{"manager": "launcher01"}');
    expect([await manager, jobs.map(({ name }) => name)]).toEqual(['launcher01', ['node_assign:zuul']]);
  });

  it('that is taken when it is gone already is revoked at once', async () => {
    const { targets, jobs } = openScene(['node_assign:zuul']);
    const going = new AbortController();
    const handover = targets.register('zuul', NODE, going.signal);
    going.abort();
    await expect(handover).rejects.toMatchObject({
      code: 'aborted',
      message: 'handing over node small-cloud-7 was abandoned',
    });
    jobs[0]!.answer('{"manager": "launcher01"}');
    await turn();
    expect(jobs.slice(1)).toMatchObject([{ name: 'node_revoke:launcher01', payload: '{"name":"small-cloud-7"}' }]);
    await expect(targets.register('zuul', NODE, going.signal)).rejects.toMatchObject({ code: 'aborted' });
    expect(jobs).toHaveLength(2);
  });
});
