import { describe, expect, it } from 'vitest';
import { serverId, type ServerId } from '../../../src/lib/ids.ts';
import type { Action, Reason } from '../../../src/planning/actions.ts';
import { anActionBench, failing, type ActionBench, type BenchOptions } from '../../support/action-bench.ts';
import { anImage, aNode, aWorld } from '../../support/builders.ts';

const NODE = aNode({ id: 7, state: 'building', serverId: serverId('s') });
const IMAGE = anImage({ id: 2, state: 'building', serverId: serverId('t') });

const retiring = (reason: Reason, consoleOf: ServerId | null, nodeId = 7): Action => ({
  kind: 'retire-node',
  subject: `node:${nodeId}`,
  reason,
  nodeId,
  detail: null,
  isFailure: true,
  consoleOf,
});
const RETIRE = retiring('boot-timeout', serverId('s'));

function bench(readConsole: () => Promise<string>, options: BenchOptions = {}): ActionBench {
  const nodes = [NODE, ...[11, 12, 13, 14].map((id) => aNode({ ...NODE, id })), aNode({ id: 8, state: 'ready' })];
  return anActionBench(aWorld({ nodes, images: [IMAGE] }), { ...options, cloud: { readConsole } });
}
const consoleOf = (text: string) => bench(() => Promise.resolve(text));

/** The texts of the events that tell what a console showed. */
const kept = ({ argumentsOf }: ActionBench): unknown[] => argumentsOf('event').map(([, event]) => event);

describe('the console of a server whose launch failed', () => {
  it('is kept with the events of its node, with the reason that it is to explain', async () => {
    const { argumentsOf, perform } = consoleOf('booting\nKernel panic\n');
    await perform(RETIRE);
    expect(argumentsOf('event')).toEqual([
      [
        { kind: 'node', id: 7, name: 'small', provider: 'cloud' },
        { kind: 'console', reason: 'boot-timeout', detail: 'booting\nKernel panic' },
      ],
    ]);
  });

  it('is kept with the events of an image whose template it was', async () => {
    const made = consoleOf('no space left');
    const action = { reason: 'server-error', detail: null, isFailure: true, consoleOf: serverId('t') } as const;
    await made.perform({ kind: 'retire-image', subject: 'image:2', imageId: 2, ...action });
    expect(made.argumentsOf('event')).toMatchObject([[{ kind: 'image', id: 2 }, { detail: 'no space left' }]]);
  });

  it('is kept by its last 60 lines, and 8192 characters of these', async () => {
    const long = consoleOf(Array.from({ length: 100 }, (_, line) => `line ${line}\n`).join(''));
    await long.perform(RETIRE);
    expect(kept(long)).toMatchObject([{ detail: expect.stringMatching(/^line 40\n[^]*\nline 99$/) as string }]);
    const wide = consoleOf(`${'x'.repeat(10_000)}end`);
    await wide.perform(RETIRE);
    expect(kept(wide)).toMatchObject([{ detail: `${'x'.repeat(8189)}end` }]);
  });

  it('is kept without what would do something to a terminal', async () => {
    const made = consoleOf('\u001b[2J\u001b[1;31mred\u001b[0m\r\nwith\ttab\u0007\u0000\r\n');
    await made.perform(RETIRE);
    expect(kept(made)).toMatchObject([{ detail: 'red\nwith\ttab' }]);
  });

  it('is no event when the cloud has none', async () => {
    const made = consoleOf('\r\n \r\n');
    await made.perform(RETIRE);
    expect(kept(made)).toEqual([]);
  });

  it('is read when the launch has failed on record, and by whoever put it there', async () => {
    const order: string[] = [];
    const readConsole = (): Promise<string> => Promise.resolve(void order.push('read')).then(() => 'x');
    const moveNode = (): Promise<boolean> => Promise.resolve(order.push('move') === 1);
    const won = bench(readConsole, { store: { moveNode } });
    await won.perform(RETIRE);
    expect(order).toEqual(['move', 'read']);
    const lost = bench(readConsole, { store: { moveNode: () => Promise.resolve(false) } });
    await lost.perform(RETIRE);
    expect(lost.calls).toEqual([]);
  });

  it('is not read where no server can tell, nor of a node that was ready', async () => {
    const { calls, perform } = consoleOf('x');
    await perform(retiring('create-failed', null));
    await perform(retiring('server-error', serverId('s'), 8));
    expect(calls).toEqual([]);
  });

  it('changes nothing when it cannot be read, or the database is away by then', async () => {
    const refused = bench(failing('unavailable'));
    await expect(refused.perform(RETIRE)).resolves.toBeUndefined();
    expect(refused.argumentsOf('moveNode')).toHaveLength(1);
    const away = consoleOf('x');
    away.context.store.events.add = failing('database-unavailable');
    await expect(away.perform(RETIRE)).resolves.toBeUndefined();
  });

  it('is waited for no longer than 20 seconds', async () => {
    const { clock, perform } = bench(() => new Promise(() => undefined));
    let hasEnded = false;
    void perform(RETIRE).then(() => (hasEnded = true));
    await clock.advance(19_999);
    expect(hasEnded).toBe(false);
    await clock.advance(1);
    expect(hasEnded).toBe(true);
  });

  it('is one of three that are read at once: more would say the same, and listings wait behind them', async () => {
    const answers: ((text: string) => void)[] = [];
    const { calls, perform } = bench(() => new Promise((resolve) => answers.push(resolve)));
    const failed = [7, 11, 12, 13].map((id) => perform(retiring('boot-timeout', serverId('s'), id)));
    await failed[3];
    const reads = (): number => calls.filter((call) => call === 'readConsole').length;
    expect(reads()).toBe(3);
    for (const answer of answers) answer('x');
    await Promise.all(failed);
    void perform(retiring('boot-timeout', serverId('s'), 14));
    await new Promise(setImmediate);
    expect(reads()).toBe(4);
  });
});
