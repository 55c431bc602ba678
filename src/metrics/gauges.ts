/** Counts the pool for its gauges. Pure; looks nothing up that a node may name but the configuration has not. */
import type { Config } from '../config/types.ts';
import type { NodeState } from '../lifecycle/node-states.ts';
import type { NodeRecord, RequestRecord } from '../lifecycle/records.ts';
import { METRIC_STATES, metricKey } from './catalogue.ts';

/** Names that gauges are kept for. A name that once had gauges keeps them, at zero, or its last value would stay. */
export interface GaugeNames {
  readonly labels: ReadonlySet<string>;
  readonly providers: ReadonlySet<string>;
  readonly targets: ReadonlySet<string>;
  readonly managers: ReadonlySet<string>;
}

export const NO_GAUGE_NAMES: GaugeNames = {
  labels: new Set(),
  providers: new Set(),
  targets: new Set(),
  managers: new Set(),
};

/** `seen` with all names of the configuration and of the nodes. */
export function gaugeNames(config: Config, nodes: readonly NodeRecord[], seen: GaugeNames): GaugeNames {
  const labels = new Set([...seen.labels, ...config.labels.keys()]);
  const providers = new Set([...seen.providers, ...config.providers.keys()]);
  const targets = new Set([...seen.targets, ...config.targets.keys()]);
  const managers = new Set(seen.managers);
  for (const node of nodes) {
    labels.add(node.label);
    providers.add(node.provider);
    targets.add(node.target);
    if (node.manager !== null) managers.add(node.manager);
  }
  return { labels, providers, targets, managers };
}

/** Servers by state. */
type Counts = Record<NodeState, number>;
type Table = ReadonlyMap<string, Counts>;

interface Tally {
  readonly all: Counts;
  readonly labels: Table;
  readonly providers: Table;
  readonly targets: Table;
  readonly managers: Table;
}

/** All gauges of the pool by key, zeros included, for all of `names`. A node counts 1 plus its label's subnodes. */
export function poolGauges(config: Config, nodes: readonly NodeRecord[], names: GaugeNames): Map<string, number> {
  const { all, labels, providers, targets, managers } = tallyPool(config, nodes, names);
  const gauges = new Map<string, number>();
  for (const state of METRIC_STATES) gauges.set(metricKey('nodes', { state }), all[state]);
  addTable(gauges, targets, (target, state) => metricKey('targetNodes', { target, state }));
  addTable(gauges, managers, (manager, state) => metricKey('managerNodes', { manager, state }));
  addTable(gauges, labels, (label, state) => metricKey('labelNodes', { label, state }));
  addTable(gauges, providers, (provider, state) => metricKey('providerNodes', { provider, state }));
  for (const provider of names.providers) {
    // To statsd, a gauge with a sign is a difference: the -1 that drains a provider would count down for ever.
    const maxServers = Math.max(0, config.providers.get(provider)?.maxServers ?? 0);
    gauges.set(metricKey('providerMaxServers', { provider }), maxServers);
  }
  return gauges;
}

/** Requests that wait, by key, for each label of `names`. */
export function requestGauges(requests: readonly RequestRecord[], { labels }: GaugeNames): Map<string, number> {
  const gauges = new Map([...labels].map((label) => [metricKey('waitingRequests', { label }), 0]));
  for (const { label, state } of requests) {
    if (state !== 'waiting') continue;
    const key = metricKey('waitingRequests', { label });
    gauges.set(key, (gauges.get(key) ?? 0) + 1);
  }
  return gauges;
}

function tallyPool(config: Config, nodes: readonly NodeRecord[], names: GaugeNames): Tally {
  const tally: Tally = {
    all: zeroCounts(),
    labels: zeroTable(names.labels),
    providers: zeroTable(names.providers),
    targets: zeroTable(names.targets),
    managers: zeroTable(names.managers),
  };
  for (const node of nodes) {
    const { label, provider, target, manager, state } = node;
    const servers = 1 + (config.labels.get(label)?.subnodes ?? node.subnodes.length);
    const holder = manager === null ? tally.targets.get(target) : tally.managers.get(manager);
    for (const counts of [tally.all, tally.labels.get(label), tally.providers.get(provider), holder]) {
      if (counts !== undefined) counts[state] += servers;
    }
  }
  return tally;
}

function zeroCounts(): Counts {
  return Object.fromEntries(METRIC_STATES.map((state) => [state, 0])) as Counts;
}

function zeroTable(names: ReadonlySet<string>): Table {
  return new Map([...names].map((name) => [name, zeroCounts()]));
}

/** Names that become the same key when characters are replaced are counted together. */
function addTable(gauges: Map<string, number>, table: Table, key: (name: string, state: NodeState) => string): void {
  for (const [name, counts] of table) {
    for (const state of METRIC_STATES) {
      const full = key(name, state);
      gauges.set(full, (gauges.get(full) ?? 0) + counts[state]);
    }
  }
}
