/** What does not need a running pool. */
import { StatusAnswer } from '../../src/gearman/status.ts';
import { countQueueDemand } from '../../src/demand/queue-demand.ts';
import { plan } from '../../src/planning/plan.ts';
import { aConfig, aLabel, aNode, aProvider, aRequest, aWorld, createIds } from '../../test/support/builders.ts';
import { median } from '../bench/measure.ts';

const ROUNDS = 20;

/** Median of some runs, in milliseconds; the first ones are slow and do not count. */
function time(run: () => unknown): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const startedAt = performance.now();
    run();
    return performance.now() - startedAt;
  });
  return median(times.slice(ROUNDS / 4));
}

export function measurePlanning(): Readonly<Record<string, number>> {
  const labels = Array.from({ length: 10 }, (_, index) => aLabel({ name: `label-${index}` }));
  const config = aConfig({ labels, providers: [aProvider({ maxServers: 1000 })] });
  const nodeIds = createIds();
  const nodes = Array.from({ length: 1000 }, (_, index) =>
    aNode({ label: `label-${index % 10}`, state: 'used' }, nodeIds),
  );
  const ids = createIds();
  const requests = Array.from({ length: 10_000 }, (_, index) =>
    aRequest({ label: `label-${index % 10}`, count: 1 + (index % 3), priority: index % 7 }, ids),
  );
  return {
    'pass, 10000 waiting, 1000 nodes ms': time(() => plan(aWorld({ config, nodes, requests }))),
    'the same without requests ms': time(() => plan(aWorld({ config, nodes }))),
  };
}

export function measureQueues(): Readonly<Record<string, number>> {
  const lines = Array.from({ length: 2000 }, (_, index) => `build:job-${index}:label-${index % 50}\t3\t1\t20`);
  const labels = new Map(Array.from({ length: 50 }, (_, index) => [`label-${index}`, null]));
  const read = (): unknown => {
    const answer = new StatusAnswer();
    for (const line of lines) answer.take(line);
    const last = answer.take('.');
    return last !== null && 'table' in last ? countQueueDemand([last.table], labels) : null;
  };
  return { '2000 functions, parsed and counted ms': time(read) };
}
