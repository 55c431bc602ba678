/**
 * The state of the pool in numbers, computed from configuration and records. Keys are in snake case because
 * `status --output json` prints this value as it is.
 */
import type { Config, LabelConfig } from '../config/types.ts';
import { groupBy } from '../lib/group-by.ts';
import type { NodeState } from '../lifecycle/node-states.ts';
import type { FailureRecord, NodeRecord, PoolRecords } from '../lifecycle/records.ts';
import type { EventRecord, Lease } from '../store/store.ts';
import { compare } from './columns.ts';
import { isDaemonLease } from './daemons.ts';
import { describeDiskImages, type DiskImageStatus } from './disk-image-status.ts';
import { describeSubject } from './explain-event.ts';
import {
  describeImages,
  describeUploads,
  describeWithdrawn,
  type ImageStatus,
  type UploadStatus,
  type WithdrawnStatus,
} from './image-status.ts';
import { ageInSeconds, formatTime } from './output/time.ts';
import { describeRequests, type RequestStatus } from './request-status.ts';

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

export interface DaemonStatus {
  readonly daemon: string;
  /** What it acts on: `supply`, `provider:NAME`, `diskimage:NAME`, `images:UUID` (an images directory). */
  readonly leases: readonly string[];
  /** Seconds until it counts as dead unless it renews. */
  readonly expires_in: number;
}

export interface FailureStatus {
  /** Empty: of a disk image, which belongs to none. */
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
  readonly requests: readonly RequestStatus[];
  readonly providers: readonly ProviderStatus[];
  readonly images: readonly ImageStatus[];
  readonly disk_images: readonly DiskImageStatus[];
  /** Those under way, and those that wait for their turn. */
  readonly uploads: readonly UploadStatus[];
  readonly withdrawn_images: readonly WithdrawnStatus[];
  readonly daemons: readonly DaemonStatus[];
  readonly failures: readonly FailureStatus[];
  readonly errors: readonly ErrorStatus[];
}

export interface Facts {
  readonly config: Config;
  readonly records: PoolRecords;
  /** Those that somebody holds. */
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
    requests: describeRequests(records.requests),
    providers: describeProviders(config, records.nodes),
    images: describeImages(facts),
    disk_images: describeDiskImages(facts),
    uploads: describeUploads(facts),
    withdrawn_images: describeWithdrawn(facts),
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

function describeDaemons(leases: readonly Lease[], now: number): DaemonStatus[] {
  return leases.filter(isDaemonLease).map(({ holder, expiresAt }) => {
    const held = leases.filter((lease) => lease.holder === holder && !isDaemonLease(lease));
    const expiresIn = Math.ceil((expiresAt - now) / 1000);
    return { daemon: holder, leases: held.map(({ name }) => name).toSorted(compare), expires_in: expiresIn };
  });
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

function describeError(event: EventRecord): ErrorStatus {
  const { at, provider, name, kind, reason, detail } = event;
  return { at: formatTime(at), subject: describeSubject(event), provider, name, event: kind, reason, detail };
}

function union(first: Iterable<string>, second: Iterable<string>): string[] {
  return [...new Set([...first, ...second])];
}
