import { describe, expect, it } from 'vitest';
import type { NodeRecord } from '../../../src/lifecycle/records.ts';
import { EMPTY_MEMORY } from '../../../src/planning/memory.ts';
import { aConfig, aLabel, aNode, aProvider, NOW } from '../../support/builders.ts';
import { ago, minutes, orders, QUIET_CONFIG, situation, type Situation } from '../../support/planned.ts';

const FIRED_AT = ago(60_000);
const memory = {
  ...EMPTY_MEMORY,
  cron: { lookedAt: NOW, firedAt: { imageUpdate: null, cleanup: null, check: FIRED_AT } },
};
const failing = (id: number): NodeRecord =>
  aNode({
    id,
    checkFailures: 3,
    checkedAt: ago(minutes(15)),
    reachableAt: ago(minutes(30)),
    stateAt: ago(minutes(30)),
  });
const retired = (overrides: Situation): string[] =>
  orders(situation({ memory, ...overrides })).filter((order) => order.startsWith('retire-node'));

describe('nodes that fail their check', () => {
  it('go at once while other servers of the provider answer', () => {
    const healthy = aNode({ id: 9, checkedAt: ago(50_000) });
    expect(retired({ nodes: [failing(1), failing(2), healthy] })).toHaveLength(2);
  });

  it('go one by one when nothing at the provider answers, as when our own network is at fault', () => {
    const nodes = [1, 2, 3, 4, 5].map(failing);
    expect(retired({ nodes })).toEqual(['retire-node node:1: unreachable (counts)']);
  });

  it('stay while the launch is under way that tells whether servers there can be reached', () => {
    const launching = aNode({ id: 8, state: 'building' });
    expect(retired({ nodes: [failing(1), failing(2), launching] })).toEqual([]);
  });

  it('follow as soon as a new server there has answered', () => {
    const launched = aNode({ id: 8, state: 'building', reachableAt: ago(100), serverId: null });
    expect(retired({ nodes: [failing(1), failing(2), launched] })).toHaveLength(2);
  });
});

describe('the check', () => {
  it('leaves out a node whose image left the provider, because nobody knows how to log in', () => {
    const labels = [aLabel({ minReady: 0, providers: [] })];
    const config = aConfig({ labels, providers: [aProvider({ images: new Map() })] });
    const nodes = [aNode({ id: 1, stateAt: ago(minutes(5)) })];
    const checks = (used: typeof config): string[] =>
      orders(situation({ memory, config: used, nodes })).filter((order) => order.startsWith('check-node'));
    expect([checks(config), checks(QUIET_CONFIG)]).toEqual([[], ['check-node node:1: check-due']]);
  });
});
