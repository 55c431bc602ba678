/** Which column holds which fact of a record, and how values are stored. */
import { STATE_CODES } from '../lifecycle/node-states.ts';
import type { Value } from './database.ts';
import type { Guard, RecordKind } from './store.ts';

export type Table = 'node' | 'subnode' | 'snapshot_image' | 'dib_image';
export type Columns = Readonly<Record<string, Value>>;

export const TABLE_OF = {
  node: 'node',
  subnode: 'subnode',
  image: 'snapshot_image',
  'disk-image': 'dib_image',
} as const satisfies Record<RecordKind, Table>;

const SLOT_COLUMNS = {
  attemptAt: 'attempt_ms',
  activeAt: 'active_ms',
  reachableAt: 'reachable_ms',
  deleteAt: 'delete_ms',
  ip: 'ip',
  ipPrivate: 'ip_private',
  hostKey: 'host_key',
  hostname: 'hostname',
};

const PATCH_COLUMNS: Readonly<Record<RecordKind, Readonly<Record<string, string>>>> = {
  node: {
    ...SLOT_COLUMNS,
    serverId: 'external_id',
    nodename: 'nodename',
    comment: 'comment',
    reason: 'reason',
    scriptAt: 'script_ms',
    checkedAt: 'checked_ms',
    checkFailures: 'check_failures',
    heldFrom: 'held_from',
    holdUntil: 'hold_until_ms',
    heldBy: 'held_by',
    manager: 'manager_name',
    registerAt: 'register_ms',
    registeredAt: 'registered_ms',
    testAt: 'test_ms',
    jobName: 'job_name',
    jobResult: 'job_result',
    jobDoneAt: 'done_ms',
  },
  subnode: { ...SLOT_COLUMNS, serverId: 'external_id' },
  image: {
    ...SLOT_COLUMNS,
    serverId: 'server_external_id',
    cloudImageId: 'external_id',
    reason: 'reason',
    username: 'username',
    setupAt: 'setup_ms',
    setupDoneAt: 'setup_done_ms',
    saveAt: 'save_ms',
    saveAttempt: 'save_attempt',
    progressBytes: 'progress_bytes',
    withdrawnAt: 'withdrawn_ms',
  },
  'disk-image': {
    filename: 'filename',
    reason: 'reason',
    directory: 'directory',
    host: 'host',
    startedAt: 'started_ms',
    files: 'files',
    uploads: 'uploads',
  },
};

/** All text columns of the classic tables are this long. */
const TEXT_LENGTH = 255;
/** Columns of type TEXT: what is longer must not be cut, because it would mean something else. */
const LONG_TEXTS: ReadonlySet<string> = new Set(['host_key']);
/** Columns that hold a list as JSON. */
const LISTS: ReadonlySet<string> = new Set(['files', 'uploads']);

/** Text as it fits into a classic column: MySQL refuses longer values, and with them the whole group of writes. */
export function clip(text: string): string {
  return text.length <= TEXT_LENGTH ? text : `${text.slice(0, TEXT_LENGTH - 1)}…`;
}

/** The columns that a patch of the store sets. A fact without a column, or without a value, is a mistake of ours. */
export function patchColumns(kind: RecordKind, patch: object): Columns {
  const columns: Record<string, Value> = {};
  for (const [fact, value] of Object.entries(patch) as [string, unknown][]) {
    const column = PATCH_COLUMNS[kind][fact];
    if (column === undefined) throw new Error(`records of the kind ${kind} have no ${fact}`);
    if (value === undefined) throw new Error(`${fact} of a record of the kind ${kind} has no value`);
    columns[column] = stored(column, value);
  }
  return columns;
}

/** The columns that a guard of the store compares. */
export function guardColumns(kind: RecordKind, { state, attempt, ...facts }: Guard): Columns {
  return {
    ...patchColumns(kind, facts),
    ...(state === undefined ? {} : { state: STATE_CODES[state] }),
    ...(attempt === undefined ? {} : { attempt }),
  };
}

/** A fact as its column holds it. */
function stored(column: string, fact: unknown): Value {
  if (fact === null) return null;
  if (LISTS.has(column)) return JSON.stringify(fact);
  if (column === 'held_from') return STATE_CODES[fact as 'ready' | 'used'];
  return typeof fact === 'string' && !LONG_TEXTS.has(column) ? clip(fact) : (fact as Value);
}
