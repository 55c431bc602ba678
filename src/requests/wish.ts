/** What somebody asks for, checked against the configuration and its limits before it becomes a request. */
import type { Config, LabelConfig } from '../config/types.ts';
import { NodepoolError } from '../lib/errors.ts';
import { hintAt } from '../lib/near-name.ts';
import { LONGEST_NAME, LONGEST_REASON, oneLineFault } from '../lib/one-line.ts';
import { openTargets } from '../lifecycle/targets.ts';
import type { NewRequest } from '../store/store.ts';

export interface Wish {
  readonly label: string;
  readonly count: number;
  readonly priority: number;
  /** How long the lease is to last; null: as the configuration says. */
  readonly ttlMs: number | null;
  readonly requestor: string;
  readonly reason: string | null;
  readonly tokenId: number | null;
  readonly idempotencyKey: string | null;
}

/** Priorities go from minus this to this. */
export const HIGHEST_PRIORITY = 100;
const SHORTEST_TTL_MS = 1000;

/** The request that the wish becomes. Throws `refused` with what is wrong about it, and what to do. */
export function checkWish(wish: Wish, config: Config): NewRequest {
  const label = requireLabel(wish.label, config);
  requireRoom(label, wish.count, config);
  requireNumber('priority', wish.priority, { least: -HIGHEST_PRIORITY, most: HIGHEST_PRIORITY });
  requireText('requestor', wish.requestor, LONGEST_NAME);
  if (wish.reason !== null) requireText('reason', wish.reason, LONGEST_REASON);
  return { ...wish, ttlMs: checkTtl(wish.ttlMs, config), hasDefaultTtl: wish.ttlMs === null };
}

/** How long a lease is to last. Throws `refused` when it is too long or too short. */
export function checkTtl(ttlMs: number | null, { requests }: Config): number {
  if (ttlMs === null) return requests.ttlMs;
  const unit = 'seconds; max-ttl of requests is the most';
  requireNumber('ttl', ttlMs / 1000, { least: SHORTEST_TTL_MS / 1000, most: requests.maxTtlMs / 1000, unit });
  return ttlMs;
}

function requireLabel(name: string, { labels }: Config): LabelConfig {
  const label = labels.get(name);
  if (label === undefined) throw refusal(`there is no label ${sayName(name)}${hintAt(name, [...labels.keys()])}`);
  if (label.minReady < 0) throw refusal(`label ${name} is disabled: its min-ready is -1`);
  return label;
}

function requireRoom(label: LabelConfig, count: number, config: Config): void {
  if (count < 1) throw refusal('count must be at least 1');
  if (openTargets(config).length === 0) {
    const why = 'every target hands its nodes to Jenkins or Gearman; add one that does not to the configuration';
    throw refusal(`nodes cannot be asked for: ${why}`);
  }
  const most = mostNodes(label, config);
  if (count > most) throw refusal(`label ${label.name} can have ${most} nodes at once, not ${count}`);
}

/** Nodes of a label that its providers may have at once, as far as `max-servers` goes. */
function mostNodes({ providers, subnodes }: LabelConfig, config: Config): number {
  return providers.reduce((sum, name) => {
    const { maxServers = 0 } = config.providers.get(name) ?? {};
    return sum + Math.floor(Math.max(0, maxServers) / (1 + subnodes));
  }, 0);
}

interface Range {
  readonly least: number;
  readonly most: number;
  /** Ends the sentence. */
  readonly unit?: string;
}

function requireNumber(name: string, value: number, { least, most, unit = '' }: Range): void {
  if (value >= least && value <= most) return;
  throw refusal(`${name} must be between ${least} and ${most}${unit && ` ${unit}`}`);
}

function requireText(name: string, text: string, longest: number): void {
  const fault = oneLineFault(text, longest);
  if (fault !== null) throw refusal(`${name} ${fault}`);
}

function sayName(name: string): string {
  return JSON.stringify(name.slice(0, 60));
}

function refusal(text: string): NodepoolError {
  return new NodepoolError('refused', text);
}
