import { describe, expect, it } from 'vitest';
import { gaugeNames, NO_GAUGE_NAMES, poolGauges, requestGauges } from '../../../src/metrics/gauges.ts';
import type { Config } from '../../../src/config/types.ts';
import type { NodeRecord } from '../../../src/lifecycle/records.ts';
import { aConfig, aLabel, aNode, aProvider, aRequest, aSubnode, aTarget } from '../../support/builders.ts';

function gaugesOf(config: Config, nodes: readonly NodeRecord[], seen = NO_GAUGE_NAMES): Record<string, number> {
  return Object.fromEntries(poolGauges(config, nodes, gaugeNames(config, nodes, seen)));
}

function nonZero(gauges: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(gauges).filter(([, value]) => value !== 0));
}

const STATES = ['building', 'ready', 'used', 'delete', 'hold', 'test'];
const zerosBelow = (prefix: string): Record<string, number> =>
  Object.fromEntries(STATES.map((state) => [`${prefix}.${state}`, 0]));

describe('poolGauges', () => {
  it('sends a zero for every state of every name in the configuration of an empty pool', () => {
    expect(gaugesOf(aConfig(), [])).toEqual({
      ...zerosBelow('nodepool.nodes'),
      ...zerosBelow('nodepool.target.zuul.nodes'),
      ...zerosBelow('nodepool.label.small.nodes'),
      ...zerosBelow('nodepool.provider.cloud.nodes'),
      'nodepool.provider.cloud.max_servers': 96,
    });
  });

  it('counts a node with the subnodes of its label, also those that have no row yet', () => {
    const config = aConfig({ labels: [aLabel({ subnodes: 2 })] });
    const node = aNode({ state: 'building', subnodes: [aSubnode()] });
    expect(nonZero(gaugesOf(config, [node, aNode()]))).toEqual({
      'nodepool.nodes.building': 3,
      'nodepool.nodes.ready': 3,
      'nodepool.target.zuul.nodes.building': 3,
      'nodepool.target.zuul.nodes.ready': 3,
      'nodepool.label.small.nodes.building': 3,
      'nodepool.label.small.nodes.ready': 3,
      'nodepool.provider.cloud.nodes.building': 3,
      'nodepool.provider.cloud.nodes.ready': 3,
      'nodepool.provider.cloud.max_servers': 96,
    });
  });

  it('counts a node whose label, provider and target left the configuration, with the subnodes that it has', () => {
    const node = aNode({ label: 'old', provider: 'gone', target: 'closed', subnodes: [aSubnode()], state: 'delete' });
    expect(nonZero(gaugesOf(aConfig(), [node]))).toEqual({
      'nodepool.nodes.delete': 2,
      'nodepool.target.closed.nodes.delete': 2,
      'nodepool.label.old.nodes.delete': 2,
      'nodepool.provider.gone.nodes.delete': 2,
      'nodepool.provider.cloud.max_servers': 96,
    });
  });

  it('counts a node under its manager instead of its target once it has one', () => {
    const gauges = gaugesOf(aConfig(), [aNode({ manager: 'jenkins01' })]);
    expect(gauges['nodepool.manager.jenkins01.nodes.ready']).toBe(1);
    expect(gauges['nodepool.target.zuul.nodes.ready']).toBe(0);
  });

  it('keeps sending zeros for names that left', () => {
    const before = aConfig({
      labels: [aLabel(), aLabel({ name: 'big', providers: ['old'] })],
      providers: [aProvider(), aProvider({ name: 'old', maxServers: 5 })],
      targets: [aTarget(), aTarget({ name: 'retired' })],
    });
    const seen = gaugeNames(before, [aNode({ manager: 'jenkins01' })], NO_GAUGE_NAMES);
    expect(gaugesOf(aConfig(), [], seen)).toMatchObject({
      ...zerosBelow('nodepool.label.big.nodes'),
      ...zerosBelow('nodepool.provider.old.nodes'),
      ...zerosBelow('nodepool.target.retired.nodes'),
      ...zerosBelow('nodepool.manager.jenkins01.nodes'),
      'nodepool.provider.old.max_servers': 0,
    });
  });

  it('shows a drained provider as one without places, not as a change by -1', () => {
    const config = aConfig({ providers: [aProvider({ maxServers: -1 })] });
    expect(gaugesOf(config, [])['nodepool.provider.cloud.max_servers']).toBe(0);
  });

  it('adds up names that become the same key', () => {
    const labels = [aLabel({ name: 'a b' }), aLabel({ name: 'a|b' })];
    const gauges = gaugesOf(aConfig({ labels }), [aNode({ label: 'a b' }), aNode({ label: 'a|b' })]);
    expect(gauges['nodepool.label.a_b.nodes.ready']).toBe(2);
  });
});

describe('requestGauges', () => {
  it('counts the requests that wait, with a zero for labels that nobody waits for', () => {
    const config = aConfig({ labels: [aLabel({ name: 'big' }), aLabel({ name: 'small' })] });
    const requests = [
      aRequest({ label: 'big' }),
      aRequest({ label: 'big', count: 5 }),
      aRequest({ label: 'small', state: 'granted' }),
    ];
    expect(Object.fromEntries(requestGauges(requests, gaugeNames(config, [], NO_GAUGE_NAMES)))).toEqual({
      'nodepool.label.big.requests.waiting': 2,
      'nodepool.label.small.requests.waiting': 0,
    });
  });
});
