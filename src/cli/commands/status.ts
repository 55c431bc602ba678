import type { NodeState } from '../../lifecycle/node-states.ts';
import type { OutputOptions } from '../options.ts';
import { listLeases } from '../daemons.ts';
import type { DiskImageStatus } from '../disk-image-status.ts';
import { explainReason } from '../explain-event.ts';
import type { ImageStatus, UploadStatus, WithdrawnStatus } from '../image-status.ts';
import { renderResult } from '../output/format.ts';
import { drawListing, type Column } from '../output/listing.ts';
import {
  describePool,
  type DaemonStatus,
  type ErrorStatus,
  type FailureStatus,
  type PoolStatus,
  type ProviderStatus,
  type StateCounts,
} from '../pool-status.ts';
import type { RequestStatus } from '../request-status.ts';
import type { Session } from '../session.ts';

/** Kinds of events that tell of something that went wrong. */
const ERROR_EVENTS = ['launch-failed', 'build-failed'];
const SHOWN_ERRORS = 10;

export async function showStatus(session: Session, { output }: OutputOptions): Promise<void> {
  const config = await session.loadConfig();
  await session.withStore(async (store) => {
    const [records, leases, errors] = await Promise.all([
      store.readPool(),
      listLeases(store, session.context),
      store.events.latest(ERROR_EVENTS, SHOWN_ERRORS),
    ]);
    const status = describePool({ config, records, leases, errors, now: session.context.clock.now() });
    session.print(await renderResult(output, status, () => drawStatus(status)));
  });
}

function drawStatus(status: PoolStatus): string {
  const daemons =
    status.daemons.length === 0 ? 'No daemon is running.\n' : `Daemons\n${drawListing(DAEMON_COLUMNS, status.daemons)}`;
  const blocks = [
    `Labels\n${drawListing(LABEL_COLUMNS, labelRows(status))}`,
    ...drawUnlessEmpty('Requests', REQUEST_COLUMNS, status.requests),
    `Providers\n${drawListing(PROVIDER_COLUMNS, status.providers)}`,
    `Images\n${drawListing(IMAGE_COLUMNS, status.images)}`,
    ...drawUnlessEmpty('Disk images', DISK_IMAGE_COLUMNS, status.disk_images),
    ...drawUnlessEmpty('Uploads', UPLOAD_COLUMNS, status.uploads),
    ...drawUnlessEmpty('Withdrawn images', WITHDRAWN_COLUMNS, status.withdrawn_images),
    daemons,
  ];
  if (status.failures.length > 0) blocks.push(drawFailures(status.failures));
  blocks.push(...drawUnlessEmpty('Last errors', ERROR_COLUMNS, status.errors));
  return blocks.join('\n');
}

function drawUnlessEmpty<Row>(title: string, columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  return rows.length === 0 ? [] : [`${title}\n${drawListing(columns, rows)}`];
}

function drawFailures(failures: readonly FailureStatus[]): string {
  const newest = failures.toSorted((a, b) => a.age - b.age).slice(0, SHOWN_ERRORS);
  const rest = failures.length - newest.length;
  const more = rest === 0 ? '' : `and ${rest} more places (--output json has all)\n`;
  return `Failures since the last success\n${drawListing(FAILURE_COLUMNS, newest)}${more}`;
}

interface LabelRow extends StateCounts {
  readonly label: string;
  readonly provider: string;
  readonly minReady: string;
}

/** A row per label, and behind it one per provider with nodes of it. A label with one provider needs one row only. */
function labelRows({ labels }: PoolStatus): LabelRow[] {
  return labels.flatMap(({ label, min_ready: target, providers, ...sums }) => {
    const minReady = describeMinReady(target);
    const [only, ...others] = providers;
    if (only !== undefined && others.length === 0) return [{ ...only, label, minReady }];
    const stocked = providers.filter((counts) => SHOWN_STATES.some(([state]) => counts[state] > 0));
    const total = { ...sums, label, provider: '(all)', minReady };
    return [total, ...stocked.map((counts) => ({ ...counts, label, minReady: '' }))];
  });
}

function describeMinReady(minReady: number | null): string {
  if (minReady === null) return 'removed';
  return minReady < 0 ? 'disabled' : String(minReady);
}

function describeMaxServers(maxServers: number | null): string {
  if (maxServers === null) return 'removed';
  return maxServers < 0 ? 'draining' : String(maxServers);
}

/** In the order of a node's life. */
const SHOWN_STATES: readonly [NodeState, string][] = [
  ['ready', 'Ready'],
  ['building', 'Building'],
  ['test', 'Test'],
  ['used', 'Used'],
  ['hold', 'Hold'],
  ['delete', 'Delete'],
];

function countColumns<Row extends StateCounts>(): Column<Row>[] {
  return SHOWN_STATES.map(([state, title]) => ({ title, key: state, value: (row) => row[state] }));
}

const LABEL_COLUMNS: readonly Column<LabelRow>[] = [
  { title: 'Label', key: 'label', value: ({ label }) => label },
  { title: 'Provider', key: 'provider', value: ({ provider }) => provider },
  { title: 'Min-Ready', key: 'min_ready', value: ({ minReady }) => minReady },
  ...countColumns<LabelRow>(),
];

const REQUEST_COLUMNS: readonly Column<RequestStatus>[] = [
  { title: 'Label', key: 'label', value: ({ label }) => label },
  { title: 'Waiting', key: 'waiting', value: ({ waiting }) => waiting },
  { title: 'Nodes wanted', key: 'nodes_wanted', value: ({ nodes_wanted: wanted }) => wanted },
  { title: 'Granted', key: 'granted', value: ({ granted }) => granted },
];

const PROVIDER_COLUMNS: readonly Column<ProviderStatus>[] = [
  { title: 'Provider', key: 'provider', value: ({ provider }) => provider },
  { title: 'Max-Servers', key: 'max_servers', value: ({ max_servers: maxServers }) => describeMaxServers(maxServers) },
  { title: 'Servers', key: 'servers', value: ({ servers }) => servers },
  ...countColumns<ProviderStatus>(),
];

const IMAGE_COLUMNS: readonly Column<ImageStatus>[] = [
  { title: 'Provider', key: 'provider', value: ({ provider }) => provider },
  { title: 'Image', key: 'image', value: ({ image }) => image },
  { title: 'State', key: 'state', value: ({ state }) => state },
  { title: 'Version', key: 'version', value: ({ version }) => version },
  { title: 'Age', key: 'age', unit: 'age', value: ({ age }) => age },
  { title: 'Waits for', key: 'waits_for', value: ({ waits_for: waitsFor }) => waitsFor },
];

const DISK_IMAGE_COLUMNS: readonly Column<DiskImageStatus>[] = [
  { title: 'Disk image', key: 'disk_image', value: ({ disk_image: image }) => image },
  { title: 'State', key: 'state', value: ({ state }) => state },
  { title: 'Version', key: 'version', value: ({ version }) => version },
  { title: 'Age', key: 'age', unit: 'age', value: ({ age }) => age },
  { title: 'Building for', key: 'building_for', unit: 'age', value: ({ building_for: seconds }) => seconds },
  { title: 'Waits for', key: 'waits_for', value: ({ waits_for: waitsFor }) => waitsFor },
];

const UPLOAD_COLUMNS: readonly Column<UploadStatus>[] = [
  { title: 'ID', key: 'id', value: ({ id }) => id },
  { title: 'Provider', key: 'provider', value: ({ provider }) => provider },
  { title: 'Image', key: 'image', value: ({ image }) => image },
  { title: 'Build', key: 'build', value: ({ build }) => build },
  { title: 'Sent', key: 'sent_bytes', unit: 'bytes', value: ({ sent_bytes: bytes }) => bytes },
  { title: 'Of', key: 'total_bytes', unit: 'bytes', value: ({ total_bytes: bytes }) => bytes },
  { title: 'Percent', key: 'percent', value: ({ percent }) => percent },
  { title: 'Age', key: 'age', unit: 'age', value: ({ age }) => age },
];

const WITHDRAWN_COLUMNS: readonly Column<WithdrawnStatus>[] = [
  { title: 'ID', key: 'id', value: ({ id }) => id },
  { title: 'Provider', key: 'provider', value: ({ provider }) => provider },
  { title: 'Image', key: 'image', value: ({ image }) => image },
  { title: 'Version', key: 'version', value: ({ version }) => version },
  { title: 'Since', key: 'withdrawn_at', value: ({ withdrawn_at: since }) => since },
  { title: 'Why', key: 'reason', value: ({ reason }) => (reason === null ? null : explainReason(reason)) },
  { title: 'Launches', key: 'launches', value: describeLaunches },
];

function describeLaunches({ launches_ok: ok, launches_failed: failed }: WithdrawnStatus): string | null {
  return ok + failed === 0 ? null : `${failed} of ${ok + failed} failed`;
}

const DAEMON_COLUMNS: readonly Column<DaemonStatus>[] = [
  { title: 'Daemon', key: 'daemon', value: ({ daemon }) => daemon },
  { title: 'Acts on', key: 'leases', value: ({ leases }) => leases.join(', ') },
  { title: 'Expires in', key: 'expires_in', unit: 'age', value: ({ expires_in: expiresIn }) => expiresIn },
];

const FAILURE_COLUMNS: readonly Column<FailureStatus>[] = [
  { title: 'Provider', key: 'provider', value: ({ provider }) => provider },
  { title: 'Of', key: 'kind', value: ({ kind }) => kind },
  { title: 'Image', key: 'image', value: ({ image }) => image },
  { title: 'AZ', key: 'az', value: ({ az }) => az },
  { title: 'Count', key: 'count', value: ({ count }) => count },
  { title: 'Age', key: 'age', unit: 'age', value: ({ age }) => age },
  { title: 'Retry in', key: 'retry_in', unit: 'age', value: ({ retry_in: retryIn }) => retryIn },
  { title: 'Last error', key: 'error', value: ({ error }) => error },
];

const ERROR_COLUMNS: readonly Column<ErrorStatus>[] = [
  { title: 'Time', key: 'at', value: ({ at }) => at },
  { title: 'Subject', key: 'subject', value: ({ subject }) => subject },
  { title: 'Provider', key: 'provider', value: ({ provider }) => provider },
  { title: 'Name', key: 'name', value: ({ name }) => name },
  { title: 'Event', key: 'event', value: ({ event }) => event },
  { title: 'Reason', key: 'reason', value: ({ reason }) => reason },
  { title: 'Detail', key: 'detail', value: ({ detail }) => detail },
];
