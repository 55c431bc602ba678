/**
 * The columns of the listings: those of the original first, in its order, then new ones. Images are in
 * `image-columns.ts`. Nodes are sorted as the original sorts them, by provider and label, then by id.
 */
import type { NodeRecord, ServerSlot, SubnodeRecord } from '../lifecycle/records.ts';
import { sha256Fingerprint } from '../remote/ssh/host-key.ts';
import { toObjects, type Column } from './output/listing.ts';
import { ageInSeconds, formatTime } from './output/time.ts';

/** What the server showed at its first login, as known_hosts files have it. */
export const HOST_KEY: Column<ServerSlot> = {
  title: 'Host key',
  key: 'host_key',
  isDetail: true,
  value: ({ hostKey }) => hostKey,
};

/** The same as `ssh` shows it when it asks. */
export const FINGERPRINT: Column<ServerSlot> = {
  title: 'Host key fingerprint',
  key: 'host_key_fingerprint',
  value: ({ hostKey }) => (hostKey === null ? null : sha256Fingerprint(hostKey)),
};

const HELD_UNTIL: Column<NodeRecord> = {
  title: 'Held until',
  key: 'hold_until',
  value: ({ holdUntil }) => formatTime(holdUntil),
};

/** @param now epoch milliseconds; ages are whole seconds. */
export function nodeColumns(now: number): readonly Column<NodeRecord>[] {
  return [
    { title: 'ID', key: 'id', value: ({ id }) => id },
    { title: 'Provider', key: 'provider', value: ({ provider }) => provider },
    { title: 'AZ', key: 'az', value: ({ az }) => az },
    { title: 'Label', key: 'label', value: ({ label }) => label },
    { title: 'Target', key: 'target', value: ({ target }) => target },
    { title: 'Manager', key: 'manager', value: ({ manager }) => manager },
    { title: 'Hostname', key: 'hostname', value: ({ hostname }) => hostname },
    { title: 'NodeName', key: 'nodename', value: ({ nodename }) => nodename },
    { title: 'Server ID', key: 'server_id', value: ({ serverId }) => serverId },
    { title: 'IP', key: 'ip', value: ({ ip }) => ip },
    { title: 'State', key: 'state', value: ({ state }) => state },
    { title: 'Age', key: 'age', unit: 'age', value: ({ stateAt }) => ageInSeconds(now, stateAt) },
    { title: 'Comment', key: 'comment', value: ({ comment }) => comment },
    { title: 'Reason', key: 'reason', value: ({ reason }) => reason },
    { title: 'Request', key: 'request', value: ({ requestId }) => requestId },
    { title: 'Job', key: 'job', isDetail: true, value: ({ jobName }) => jobName },
    { ...HELD_UNTIL, isDetail: true },
    { title: 'Private IP', key: 'ip_private', isDetail: true, value: ({ ipPrivate }) => ipPrivate },
    HOST_KEY,
    {
      title: 'Subnodes',
      key: 'subnodes',
      isDetail: true,
      value: ({ subnodes }) => toObjects(subnodeColumns(now), subnodes),
    },
  ];
}

/** The same for nodes that were just held: until when belongs to the answer. */
export function heldNodeColumns(now: number): readonly Column<NodeRecord>[] {
  return nodeColumns(now).map((column) => (column.key === HELD_UNTIL.key ? HELD_UNTIL : column));
}

export function subnodeColumns(now: number): readonly Column<SubnodeRecord>[] {
  return [
    { title: 'ID', key: 'id', value: ({ id }) => id },
    { title: 'Hostname', key: 'hostname', value: ({ hostname }) => hostname },
    { title: 'Server ID', key: 'server_id', value: ({ serverId }) => serverId },
    { title: 'IP', key: 'ip', value: ({ ip }) => ip },
    { title: 'Private IP', key: 'ip_private', value: ({ ipPrivate }) => ipPrivate },
    HOST_KEY,
    { title: 'State', key: 'state', value: ({ state }) => state },
    { title: 'Age', key: 'age', unit: 'age', value: ({ stateAt }) => ageInSeconds(now, stateAt) },
  ];
}

/** What `info` tells of a node. */
export function nodeFacts(now: number): readonly Column<NodeRecord>[] {
  return [
    ...nodeColumns(now),
    { title: 'Held from', key: 'held_from', value: ({ heldFrom }) => heldFrom },
    { title: 'Held by rule', key: 'held_by', value: ({ heldBy }) => heldBy },
    { title: 'Told its target', key: 'registered_at', value: ({ registeredAt }) => formatTime(registeredAt) },
    { title: 'Test started', key: 'test_at', value: ({ testAt }) => formatTime(testAt) },
    { title: 'Job result', key: 'job_result', value: ({ jobResult }) => jobResult },
    { title: 'Job ended', key: 'job_ended_at', value: ({ jobDoneAt }) => formatTime(jobDoneAt) },
    { title: 'Image row', key: 'image_row', value: ({ imageId }) => imageId },
    FINGERPRINT,
    { title: 'Create calls', key: 'create_calls', value: ({ attempt }) => attempt },
    { title: 'Created', key: 'created_at', value: ({ createdAt }) => formatTime(createdAt) },
    { title: 'Server active', key: 'active_at', value: ({ activeAt }) => formatTime(activeAt) },
    { title: 'SSH answered', key: 'reachable_at', value: ({ reachableAt }) => formatTime(reachableAt) },
    { title: 'Script started', key: 'script_at', value: ({ scriptAt }) => formatTime(scriptAt) },
    { title: 'Last good check', key: 'checked_at', value: ({ checkedAt }) => formatTime(checkedAt) },
    { title: 'Failed checks', key: 'failed_checks', value: ({ checkFailures }) => checkFailures },
  ];
}

/** A server that belongs to no row, as the daemon reports it. */
export interface AlienServer {
  readonly provider: string;
  readonly hostname: string | null;
  readonly server_id: string;
  readonly ip: string | null;
}

export const ALIEN_COLUMNS: readonly Column<AlienServer>[] = [
  { title: 'Provider', key: 'provider', value: ({ provider }) => provider },
  { title: 'Hostname', key: 'hostname', value: ({ hostname }) => hostname },
  { title: 'Server ID', key: 'server_id', value: ({ server_id: id }) => id },
  { title: 'IP', key: 'ip', value: ({ ip }) => ip },
];

/** A snapshot that belongs to no row. */
export interface AlienImage {
  readonly provider: string;
  readonly name: string | null;
  readonly image_id: string;
}

export const ALIEN_IMAGE_COLUMNS: readonly Column<AlienImage>[] = [
  { title: 'Provider', key: 'provider', value: ({ provider }) => provider },
  { title: 'Name', key: 'name', value: ({ name }) => name },
  { title: 'Image ID', key: 'image_id', value: ({ image_id: id }) => id },
];

export function sortNodes<T extends { provider: string; label: string; id: number }>(nodes: readonly T[]): T[] {
  return nodes.toSorted((a, b) => compare(a.provider, b.provider) || compare(a.label, b.label) || a.id - b.id);
}

// Plain comparison, not the locale's: the same order everywhere.
export function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
