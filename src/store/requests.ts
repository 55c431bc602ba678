/** Requests for nodes and the leases under which they have them. */
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { REQUEST_STATE_CODES } from '../lifecycle/request-states.ts';
import { repeatContested } from './contested.ts';
import type { Database } from './database.ts';
import { endRequests, type EndOutcome } from './end-requests.ts';
import { openFromStock } from './grant-from-stock.ts';
import { entryOf, grantNodes, lockRows, writeEntries, type GrantDeps } from './grant-nodes.ts';
import { Grouped } from './grouped.ts';
import type { Opening } from './new-requests.ts';
import { openRequests } from './open-requests.ts';
import { purgeOldest } from './purge.ts';
import { readWithNodes } from './read-requests.ts';
import { REQUEST_COLUMNS, requestFromRow, type RequestRow } from './request-rows.ts';
import { Stock } from './stock.ts';
import type { OpenedRequest, RequestEnding, RequestWithNodes, Store } from './store.ts';

interface RequestsDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly random: Random;
}

export type Requests = Store['requests'] & {
  /** Resolves when nothing is waiting or on its way. */
  idle(): Promise<void>;
};

/** Requests made, ended or looked up together. */
const GROUP = { largestGroup: 200 };
/** Ends are gathered for so long, in milliseconds: the database has more time for those who wait for nodes. */
const END_PACE_MS = 25;
/** Another process may take the same nodes, but not so often: after this, those that it got in the way of wait. */
const LAST_TRY = 4;
/** READY nodes read for those who will ask next. */
const SPARE = 100;

export function createRequests({ database, clock, random }: RequestsDeps): Requests {
  const transact: Transact = (work) =>
    database.transaction((statements) => work({ database, statements, now: clock.now() }));
  const openings = groupOpenings({ database, clock, random }, transact);
  const finds = new Grouped<number, RequestWithNodes | null>(async (ids) => {
    const found = await database.session((statements) => readWithNodes(statements, ids));
    return ids.map((id) => found.get(id) ?? null);
  }, GROUP);
  const endings = new Grouped<RequestEnding, EndOutcome>(
    (group) => repeatContested(1, (tries) => transact((deps) => endRequests({ isCareful: tries > 0, ...deps }, group))),
    { pace: { clock, ms: END_PACE_MS }, ...GROUP },
  );
  return {
    open: (request, targets) => openings.submit({ request, targets }),
    find: (id) => finds.submit(id),
    ended: async (limit) => {
      const select = `SELECT ${REQUEST_COLUMNS} FROM request WHERE ended_ms IS NOT NULL ORDER BY ended_ms DESC, id DESC LIMIT ?`;
      const rows = await database.tuples<RequestRow>(select, [limit]);
      return rows.flatMap((row) => requestFromRow(row) ?? []);
    },
    grant: (grants) => transact((deps) => grantNodes(deps, grants)),
    end: async (ending) => (await endings.submit(ending)).hasEnded,
    endAndRead: async (ending) => (await endings.submit(ending)).found,
    extend: (id, expiresAt) => transact((deps) => extendLease(deps, id, expiresAt)),
    purge: (before) => purgeOldest(database, { table: 'request', time: 'ended_ms', before }),
    idle: async () => {
      await Promise.all([openings.idle(), finds.idle(), endings.idle()]);
    },
  };
}

type Transact = <T>(work: (deps: GrantDeps) => Promise<T>) => Promise<T>;

function groupOpenings({ database, clock, random }: RequestsDeps, transact: Transact): Grouped<Opening, OpenedRequest> {
  // Where an exchange with the server costs nothing, there is nothing to gain.
  const stock = new Stock(clock, database.dialect === 'mysql' ? SPARE : 0);
  return new Grouped((group) => {
    const sets = stock.take(group);
    return repeatContested(LAST_TRY, (tries) => {
      if (sets !== null && tries === 0) return transact((deps) => openFromStock({ random, ...deps }, group, sets));
      if (sets !== null) stock.contested();
      const isLastTry = tries === LAST_TRY;
      return transact((deps) => openRequests({ random, stock, isLastTry, ...deps }, group));
    });
  }, GROUP);
}

type LeaseRow = readonly [id: number, label: string, state: number, expiresAt: number | null];

async function extendLease(deps: GrantDeps, id: number, expiresAt: number): Promise<boolean> {
  const { statements, now } = deps;
  const columns = 'id, label_name, state, expires_ms';
  const [row] = await lockRows<LeaseRow>(deps, { table: 'request', columns, ids: [id] });
  if (row === undefined) return false;
  const [, label, state, endsAt] = row;
  if (state !== REQUEST_STATE_CODES.granted || endsAt === null || endsAt <= now) return false;
  await statements.run('UPDATE request SET expires_ms = ?, revision = revision + 1 WHERE id = ?', [expiresAt, id]);
  const event = { kind: 'extended', reason: 'request', detail: new Date(expiresAt).toISOString() };
  await writeEntries(statements, [entryOf('request', { id, provider: null, label }, event)], now);
  return true;
}
