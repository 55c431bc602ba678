/**
 * Reads the pool, as rarely and as little as possible. Sums over the tables (one statement) tell whether
 * anything changed. If so, the tables whose sums differ are read in one transaction, and of these only the rows
 * whose revision, state or state time differ from what is known: while a pool of ten thousand fills, few rows
 * change between two passes.
 *
 * The sums see every write of this program (each counts up `revision`) and what people and the original do by
 * hand: insertions, deletions, changes of state. Other columns changed by foreign SQL are seen with the row's
 * next change.
 */
import type {
  DiskImageRecord,
  FailureRecord,
  ImageRecord,
  IntentRecord,
  JobRecord,
  PauseRecord,
  PoolRecords,
  RequestRecord,
} from '../lifecycle/records.ts';
import type { Database, Statements } from './database.ts';
import { DISK_IMAGE_COLUMNS, diskImageFromRow, type DiskImageRow } from './disk-image-rows.ts';
import { FAILURE_COLUMNS, failureFromRow, type FailureRow } from './failures.ts';
import { INTENT_COLUMNS, intentFromRow, type IntentRow } from './intents.ts';
import { JOB_COLUMNS, jobFromRow, type JobRow } from './jobs.ts';
import { NodeSets } from './node-sets.ts';
import { PAUSE_COLUMNS, pauseFromRow, type PauseRow } from './pauses.ts';
import { OPEN_REQUESTS, REQUEST_COLUMNS, requestFromRow, type RequestRow } from './request-rows.ts';
import { IMAGE_COLUMNS, imageFromRow, type ImageRow } from './rows.ts';
import { TableReader } from './table-reader.ts';

/** `state * id`, so that two rows that swap their states do not cancel out. */
const ROW_SUMS = 'COUNT(*), SUM(id), SUM(revision), SUM(state * id), SUM(state_time), SUM(created_ms)';
const SUMS = {
  node: `${ROW_SUMS}) FROM node`,
  subnode: `${ROW_SUMS}) FROM subnode`,
  image: `${ROW_SUMS}) FROM snapshot_image`,
  diskImage: `${ROW_SUMS}) FROM dib_image`,
  // Each order has an id of its own, also one that renews another.
  pause: 'COUNT(*), SUM(id)) FROM image_pause',
  failure: 'COUNT(*), SUM(count), SUM(last_ms), SUM(retry_ms)) FROM failure',
  intent: 'COUNT(*), SUM(id)) FROM intent WHERE finished_ms IS NULL',
  request: `COUNT(*), SUM(id), SUM(revision), SUM(state * id)) FROM request WHERE ${OPEN_REQUESTS}`,
  // Rules are made and removed, never changed.
  job: 'COUNT(*), SUM(id)) FROM job',
};
type Part = keyof typeof SUMS;
const PARTS = Object.keys(SUMS) as Part[];
const FINGERPRINT = `SELECT ${PARTS.map((part) => `(SELECT CONCAT_WS(',', ${SUMS[part]})`).join(', ')}`;

/** Per part a text that changes when the part does. */
type Fingerprint = ReadonlyMap<Part, string>;

interface Reading {
  readonly fingerprint: Fingerprint;
  readonly records: PoolRecords;
}

const NOTHING: Reading = {
  fingerprint: new Map(),
  records: { nodes: [], images: [], diskImages: [], pauses: [], failures: [], intents: [], requests: [], jobs: [] },
};

export class PoolReader {
  readonly #database: Database;
  readonly #sets = new NodeSets();
  readonly #images = new TableReader<ImageRow, ImageRecord>({
    table: 'snapshot_image',
    columns: IMAGE_COLUMNS,
    toRecord: imageFromRow,
  });
  readonly #diskImages = new TableReader<DiskImageRow, DiskImageRecord>({
    table: 'dib_image',
    columns: DISK_IMAGE_COLUMNS,
    toRecord: diskImageFromRow,
  });
  readonly #requests = new TableReader<RequestRow, RequestRecord>({
    table: 'request',
    columns: REQUEST_COLUMNS,
    condition: OPEN_REQUESTS,
    toRecord: requestFromRow,
  });
  #last = NOTHING;
  #writesSeen = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(database: Database) {
    this.#database = database;
  }

  /** Subnode rows of the last reading whose node is gone: somebody deleted it by hand. */
  get orphans(): readonly number[] {
    return this.#sets.orphans;
  }

  readPool(): Promise<PoolRecords> {
    const reading = this.#turn.then(() => this.#read());
    // The next reading starts after this one, however it ends; its own caller sees the error.
    this.#turn = reading.catch(() => undefined);
    return reading;
  }

  async #read(): Promise<PoolRecords> {
    const { writes } = this.#database;
    // After a write of our own it need not be asked whether anything changed.
    const mayBeSame = this.#last !== NOTHING && writes === this.#writesSeen;
    if (mayBeSame && this.#changedParts(await readFingerprint(this.#database)).size === 0) return this.#last.records;
    this.#last = await this.#database.snapshot((statements) => this.#readChanged(statements));
    this.#writesSeen = writes;
    return this.#last.records;
  }

  #changedParts(fingerprint: Fingerprint): Set<Part> {
    return new Set(PARTS.filter((part) => this.#last.fingerprint.get(part) !== fingerprint.get(part)));
  }

  async #readChanged(statements: Statements): Promise<Reading> {
    const fingerprint = await readFingerprint(statements);
    const changed = this.#changedParts(fingerprint);
    if (changed.size === 0) return this.#last;
    await this.#refreshTables(statements, changed);
    return { fingerprint, records: await this.#recordsAfter(statements, changed) };
  }

  async #refreshTables(statements: Statements, changed: ReadonlySet<Part>): Promise<void> {
    const { nodes, subnodes } = this.#sets;
    const readers = { node: nodes, subnode: subnodes, image: this.#images, diskImage: this.#diskImages };
    const parts = Object.entries({ ...readers, request: this.#requests });
    const stale = parts.filter(([part]) => changed.has(part as Part));
    await Promise.all(stale.map(([, reader]) => reader.refresh(statements)));
  }

  async #recordsAfter(statements: Statements, changed: ReadonlySet<Part>): Promise<PoolRecords> {
    const { records } = this.#last;
    return {
      nodes: changed.has('node') || changed.has('subnode') ? this.#sets.assemble() : records.nodes,
      images: changed.has('image') ? this.#images.records() : records.images,
      diskImages: changed.has('diskImage') ? this.#diskImages.records() : records.diskImages,
      pauses: changed.has('pause') ? await readPauses(statements) : records.pauses,
      failures: changed.has('failure') ? await readFailures(statements) : records.failures,
      intents: changed.has('intent') ? await readIntents(statements) : records.intents,
      requests: changed.has('request') ? this.#requests.records() : records.requests,
      jobs: changed.has('job') ? await readJobs(statements) : records.jobs,
    };
  }
}

async function readFingerprint(statements: Statements): Promise<Fingerprint> {
  const [sums = []] = await statements.tuples<readonly string[]>(FINGERPRINT);
  return new Map(PARTS.map((part, index) => [part, sums[index] ?? '']));
}

async function readPauses(statements: Statements): Promise<PauseRecord[]> {
  const rows = await statements.tuples<PauseRow>(`SELECT ${PAUSE_COLUMNS} FROM image_pause ORDER BY id`);
  return rows.map(pauseFromRow);
}

async function readFailures(statements: Statements): Promise<FailureRecord[]> {
  const rows = await statements.tuples<FailureRow>(`SELECT ${FAILURE_COLUMNS} FROM failure ORDER BY place`);
  return rows.map(failureFromRow);
}

async function readIntents(statements: Statements): Promise<IntentRecord[]> {
  const select = `SELECT ${INTENT_COLUMNS} FROM intent WHERE finished_ms IS NULL ORDER BY id`;
  return (await statements.tuples<IntentRow>(select)).flatMap((row) => intentFromRow(row) ?? []);
}

async function readJobs(statements: Statements): Promise<JobRecord[]> {
  return (await statements.tuples<JobRow>(`SELECT ${JOB_COLUMNS} FROM job ORDER BY id`)).map(jobFromRow);
}
