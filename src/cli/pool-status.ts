/**
 * The state of the pool in numbers, computed from configuration and records. Keys are in snake case because
 * `status --output json` prints this value as it is.
 */
import type { Config, LabelConfig, ProviderImageConfig } from '../config/types.ts';
import type { NodeState } from '../lifecycle/node-states.ts';
import type { FailureRecord, ImageRecord, NodeRecord } from '../lifecycle/records.ts';
import type { EventRecord, Lease, PoolRecords } from '../store/store.ts';
import { compare } from './columns.ts';
import { isDaemonLease } from './daemons.ts';
import { ageInSeconds, formatTime } from './output/time.ts';

export type StateCounts = Readonly<Record<NodeState, number>>;

export interface LabelStatus extends StateCounts {
  readonly label: string;
  /** null: the label left the configuration, its nodes are being retired. */
  readonly min_ready: number | null;
  readonly providers: readonly (StateCounts & { readonly provider: string })[];
}

export interface ProviderStatus extends StateCounts {
  readonly provider: string;
  /** null: the provider left the configuration. */
  readonly max_servers: number | null;
  /** Servers that count against max-servers: nodes with their subnodes. */
  readonly servers: number;
}

export interface ImageStatus {
  readonly provider: string;
  readonly image: string;
  readonly state: 'ready' | 'building' | 'missing';
  /** Epoch seconds; null when missing. */
  readonly version: number | null;
  /** Seconds in its state. */
  readonly age: number | null;
  /** What has to happen before nodes can boot from it; null when nothing has. */
  readonly waits_for: string | null;
}

export interface DaemonStatus {
  readonly daemon: string;
  /** What it acts on: `supply`, `provider:NAME`. */
  readonly leases: readonly string[];
  /** Seconds until it counts as dead unless it renews. */
  readonly expires_in: number;
}

export interface FailureStatus {
  readonly provider: string;
  readonly kind: string;
  readonly image: string | null;
  readonly az: string | null;
  readonly count: number;
  /** Seconds since the last one. */
  readonly age: number;
  /** Seconds until it is tried again. */
  readonly retry_in: number;
  readonly error: string;
}

export interface ErrorStatus {
  readonly at: string | null;
  /** `node 7`, `image 3`. */
  readonly subject: string;
  readonly provider: string | null;
  readonly name: string | null;
  readonly event: string;
  readonly reason: string | null;
  readonly detail: string | null;
}

export interface PoolStatus {
  readonly labels: readonly LabelStatus[];
  readonly providers: readonly ProviderStatus[];
  readonly images: readonly ImageStatus[];
  readonly daemons: readonly DaemonStatus[];
  readonly failures: readonly FailureStatus[];
  readonly errors: readonly ErrorStatus[];
}

export interface Facts {
  readonly config: Config;
  readonly records: PoolRecords;
  readonly leases: readonly Lease[];
  /** The newest events that tell of errors. */
  readonly errors: readonly EventRecord[];
  /** Epoch milliseconds. */
  readonly now: number;
}

export function describePool(facts: Facts): PoolStatus {
  const { config, records, now } = facts;
  return {
    labels: describeLabels(config, records.nodes),
    providers: describeProviders(config, records.nodes),
    images: describeImages(facts),
    daemons: describeDaemons(facts.leases, now),
    failures: records.failures.map((failure) => describeFailure(failure, now)),
    errors: facts.errors.map(describeError),
  };
}

const NO_NODES: StateCounts = { building: 0, ready: 0, used: 0, delete: 0, hold: 0, test: 0 };

function countStates(nodes: readonly NodeRecord[]): StateCounts {
  const counts: Record<NodeState, number> = { ...NO_NODES };
  for (const { state } of nodes) counts[state] += 1;
  return counts;
}

/** Labels of the configuration in its order, then those that only nodes still name. */
function describeLabels({ labels }: Config, nodes: readonly NodeRecord[]): LabelStatus[] {
  const byLabel = groupBy(nodes, ({ label }) => label);
  return union(labels.keys(), byLabel.keys()).map((name) =>
    describeLabel(name, labels.get(name), byLabel.get(name) ?? []),
  );
}

function describeLabel(name: string, label: LabelConfig | undefined, nodes: readonly NodeRecord[]): LabelStatus {
  const byProvider = groupBy(nodes, ({ provider }) => provider);
  const providers = union(label?.providers ?? [], byProvider.keys());
  return {
    label: name,
    min_ready: label?.minReady ?? null,
    ...countStates(nodes),
    providers: providers.map((provider) => ({ provider, ...countStates(byProvider.get(provider) ?? []) })),
  };
}

function describeProviders({ providers }: Config, nodes: readonly NodeRecord[]): ProviderStatus[] {
  const byProvider = groupBy(nodes, ({ provider }) => provider);
  return union(providers.keys(), byProvider.keys()).map((name) => {
    const own = byProvider.get(name) ?? [];
    const servers = own.reduce((sum, { subnodes }) => sum + 1 + subnodes.length, 0);
    return { provider: name, max_servers: providers.get(name)?.maxServers ?? null, servers, ...countStates(own) };
  });
}

/** Images that labels in force boot from, and any other that has rows. */
function describeImages({ config, records, now }: Facts): ImageStatus[] {
  const used = [...config.labels.values()]
    .filter(({ minReady }) => minReady >= 0)
    .flatMap(({ image, providers }) => providers.map((provider) => ({ provider, image })));
  const places = new Map(
    [...used, ...records.images].map(({ provider, image }) => [`${provider}/${image}`, { provider, image }]),
  );
  return [...places.values()]
    .toSorted((a, b) => compare(a.provider, b.provider) || compare(a.image, b.image))
    .map((place) => {
      const rows = records.images.filter(({ provider, image }) => provider === place.provider && image === place.image);
      return describeImage(place, { source: config.providers.get(place.provider)?.images.get(place.image), rows, now });
    });
}

interface ImageFacts {
  readonly source: ProviderImageConfig | undefined;
  readonly rows: readonly ImageRecord[];
  readonly now: number;
}

function describeImage(place: { provider: string; image: string }, { source, rows, now }: ImageFacts): ImageStatus {
  const newest = (state: ImageRecord['state']): ImageRecord | undefined =>
    rows.filter((row) => row.state === state).toSorted((a, b) => b.version - a.version)[0];
  const current = newest('ready') ?? newest('building');
  const age = current === undefined ? null : ageInSeconds(now, current.stateAt);
  const state = current === undefined || current.state === 'delete' ? 'missing' : current.state;
  return { ...place, state, version: current?.version ?? null, age, waits_for: describeWait(state, source, current) };
}

function describeWait(
  state: ImageStatus['state'],
  source: ProviderImageConfig | undefined,
  current: ImageRecord | undefined,
): string | null {
  if (state === 'ready') return null;
  if (state === 'building') return current === undefined ? null : describeBuild(current);
  if (source === undefined) return 'nothing, it left the configuration';
  if (source.source.kind === 'snapshot') return 'its build';
  return `an upload of disk image ${source.source.diskimage}; this version does not build disk images`;
}

/** The step that a snapshot build is at. */
function describeBuild(build: ImageRecord): string {
  if (build.saveAt !== null) return 'the cloud to save it';
  if (build.setupDoneAt !== null) return 'the call to save it';
  if (build.setupAt !== null) return 'its set-up script';
  if (build.activeAt !== null) return 'SSH on its template server';
  return build.serverId === null ? 'its template server' : 'its template server to boot';
}

function describeDaemons(leases: readonly Lease[], now: number): DaemonStatus[] {
  return leases
    .filter((lease) => isDaemonLease(lease) && lease.expiresAt > now)
    .map(({ holder, expiresAt }) => ({
      daemon: holder,
      leases: leases
        .filter((lease) => lease.holder === holder && !isDaemonLease(lease) && lease.expiresAt > now)
        .map(({ name }) => name)
        .toSorted(compare),
      expires_in: Math.ceil((expiresAt - now) / 1000),
    }));
}

function describeFailure(failure: FailureRecord, now: number): FailureStatus {
  const { provider, kind, image, az, count } = failure;
  const retryIn = Math.max(0, Math.ceil((failure.retryAt - now) / 1000));
  return {
    provider,
    kind,
    image,
    az,
    count,
    age: ageInSeconds(now, failure.lastAt),
    retry_in: retryIn,
    error: failure.lastError,
  };
}

function describeError({ at, subjectKind, subjectId, provider, name, kind, reason, detail }: EventRecord): ErrorStatus {
  const subject = subjectKind === 'provider' ? `provider ${provider ?? ''}`.trimEnd() : `${subjectKind} ${subjectId}`;
  return { at: formatTime(at), subject, provider, name, event: kind, reason, detail };
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

function union(first: Iterable<string>, second: Iterable<string>): string[] {
  return [...new Set([...first, ...second])];
}
