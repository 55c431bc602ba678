import { describe, expect, it } from 'vitest';
import type { JobRecord } from '../../../src/lifecycle/records.ts';
import type { Action } from '../../../src/planning/actions.ts';
import { anActionBench, type ActionBench } from '../../support/action-bench.ts';
import { aNode, aWorld, NOW } from '../../support/builders.ts';
import { aJobRule } from '../../support/hand-over.ts';

const NODE = aNode({ id: 7, state: 'used', jobName: 'unit', jobResult: 'FAILURE', jobDoneAt: NOW });

describe('a node that a rule wants', () => {
  const HOLD: Action = { kind: 'hold-node', subject: 'node:7', reason: 'auto-hold', nodeId: 7, jobId: 3 };
  const bench = (rule: Partial<JobRecord> = {}): ActionBench =>
    anActionBench(aWorld({ nodes: [NODE], jobs: [aJobRule({ id: 3, ...rule })] }));

  it('is held for it, with what failed and why that is of interest', async () => {
    const { perform, argumentsOf } = bench({ reason: 'bug 12', holdMs: 5000 });
    await perform(HOLD);
    const patch = {
      heldFrom: 'used',
      heldBy: 3,
      holdUntil: NOW + 5000,
      comment: 'bug 12: unit failed',
      reason: 'auto-hold',
    };
    const event = { kind: 'held', reason: 'auto-hold', detail: 'bug 12: unit failed' };
    expect(argumentsOf('moveNode')).toEqual([[{ id: 7, from: 'used', to: 'hold', by: 'cleanup', patch, event }]]);
  });

  it('is held until an operator says otherwise where the rule sets no time', async () => {
    const { perform, argumentsOf } = bench();
    await perform(HOLD);
    expect(argumentsOf('moveNode')[0]).toMatchObject([
      { patch: { holdUntil: null, comment: 'automatic hold: unit failed' } },
    ]);
  });
});

describe('a job that only its Jenkins has told of', () => {
  const note = (seen: 'started' | 'ended'): Action => ({
    kind: 'note-job',
    subject: 'node:7',
    reason: 'job-seen',
    nodeId: 7,
    seen,
  });
  const bench = anActionBench(aWorld({ nodes: [NODE] }));

  it('takes a READY node into use', async () => {
    await bench.perform(note('started'));
    expect(bench.argumentsOf('moveNode')).toMatchObject([[{ id: 7, from: 'ready', to: 'used', by: 'event' }]]);
  });

  it('leaves a held node held, and keeps it from being READY once more', async () => {
    const held = anActionBench(aWorld({ nodes: [{ ...NODE, state: 'hold', heldFrom: 'ready' }] }));
    await held.perform(note('started'));
    expect(held.argumentsOf('moveNode')).toEqual([]);
    expect(held.argumentsOf('patch')).toMatchObject([
      ['node', 7, { state: 'hold', heldFrom: 'ready' }, { heldFrom: 'used' }, { kind: 'job-started' }],
    ]);
  });

  it('ends at the time when that was seen, with no result, unless an event has told of it meanwhile', async () => {
    await bench.perform(note('ended'));
    expect(bench.argumentsOf('patch')).toMatchObject([
      ['node', 7, { state: 'used', jobDoneAt: null }, { jobDoneAt: NOW }, { kind: 'job-ended', reason: 'job-seen' }],
    ]);
  });
});
