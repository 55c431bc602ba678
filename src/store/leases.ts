/**
 * Leases: who may act on what. A lease is a row with holder, epoch and expiry, and each change of it is a
 * compare-and-set of its own, so that of two who want it one gets it.
 *
 * Times are those of the callers' clocks, which are taken to be within some seconds of each other. Progress
 * hangs on that, safety does not: `proveLease` guards what must not be done twice.
 */
import type { Clock } from '../lib/clock.ts';
import type { Database, Statements } from './database.ts';
import { placeholders } from './sql.ts';
import type { Lease, Store } from './store.ts';

/**
 * Leases that expired this long ago are deleted: daemons have one each, and are gone. So late, nobody can hold
 * an old epoch of a row that begins anew.
 */
const FORGET_AFTER_MS = 24 * 3600 * 1000;

/** Holder of a lease that was given up. Its row stays, because its epoch must not begin anew. */
const NOBODY = '';

type LeaseRow = readonly [name: string, holder: string, epoch: number, expiresAt: number];

export function createLeases({ database, clock }: { database: Database; clock: Clock }): Store['leases'] {
  return {
    // eslint-disable-next-line max-params -- the contract's: who, what, for how long, and one doubt
    keep: (holder, names, ttlMs, isDead) => {
      const now = clock.now();
      return keepLeases(database, { holder, names, isDead, now, expiresAt: now + ttlMs });
    },
    release: async (holder) => {
      const update = 'UPDATE lease SET holder = ?, expires_at = ? WHERE holder = ?';
      await database.run(update, [NOBODY, clock.now(), holder]);
    },
    list: () => readLeases(database, 'holder <> ?', [NOBODY]),
    heldSince: async (names, since) => {
      if (names.length === 0) return new Set();
      const held = await readLeases(database, `name IN (${placeholders(names.length)})`, names);
      return new Set(held.flatMap(({ name, expiresAt }) => (expiresAt > since ? [name] : [])));
    },
  };
}

interface Claim {
  readonly holder: string;
  readonly names: readonly string[];
  readonly isDead: (lease: Lease) => boolean;
  readonly now: number;
  readonly expiresAt: number;
}

async function keepLeases(database: Database, claim: Claim): Promise<ReadonlyMap<string, Lease>> {
  const { holder, names, isDead, now, expiresAt } = claim;
  if (names.length === 0) return new Map();
  const among = `name IN (${placeholders(names.length)})`;
  await database.run(`UPDATE lease SET expires_at = ? WHERE holder = ? AND ${among}`, [expiresAt, holder, ...names]);
  const leases = new Map((await readLeases(database, among, names)).map((lease) => [lease.name, lease]));
  const held = new Map([...leases].filter(([, lease]) => lease.holder === holder));
  if (held.size === names.length) return held;

  const isTaken = (lease: Lease): boolean => lease.holder !== NOBODY && lease.expiresAt > now && !isDead(lease);
  for (const name of names) {
    const seen = leases.get(name);
    if (held.has(name) || (seen && isTaken(seen))) continue;
    const lease = { name, holder, epoch: (seen?.epoch ?? 0) + 1, expiresAt };
    if (await takeLease(database, lease, seen)) held.set(name, lease);
  }
  await database.run('DELETE FROM lease WHERE expires_at < ?', [now - FORGET_AFTER_MS]);
  return held;
}

/** Takes a lease that was seen as `seen` (undefined: no row). Answers whether nobody was faster. */
async function takeLease(database: Database, lease: Lease, seen: Lease | undefined): Promise<boolean> {
  const { name, holder, epoch, expiresAt } = lease;
  if (!seen) {
    const insert = `${database.insertMissing} INTO lease (name, holder, epoch, expires_at) VALUES (?, ?, ?, ?)`;
    return (await database.run(insert, [name, holder, epoch, expiresAt])).matched === 1;
  }
  const { matched } = await database.run(
    'UPDATE lease SET holder = ?, epoch = ?, expires_at = ? WHERE name = ? AND holder = ? AND epoch = ? AND expires_at = ?',
    [holder, epoch, expiresAt, name, seen.holder, seen.epoch, seen.expiresAt],
  );
  return matched === 1;
}

async function readLeases(database: Database, condition: string, values: readonly string[]): Promise<Lease[]> {
  const select = `SELECT name, holder, epoch, expires_at FROM lease WHERE ${condition} ORDER BY name`;
  const rows = await database.tuples<LeaseRow>(select, values);
  return rows.map(([name, holder, epoch, expiresAt]) => ({ name, holder, epoch, expiresAt }));
}

/**
 * Whether `lease` is still held. In a transaction it stays so until that ends: the row is locked, and whoever
 * wants to take it over waits.
 */
export async function proveLease(statements: Statements, lease: Lease, now: number): Promise<boolean> {
  const { name, holder, epoch } = lease;
  const { matched } = await statements.run(
    'UPDATE lease SET epoch = epoch WHERE name = ? AND holder = ? AND epoch = ? AND expires_at > ?',
    [name, holder, epoch, now],
  );
  return matched === 1;
}

/**
 * Lets one transaction at a time go on from here with `key`, until it ends. The row is really written: locks on
 * gaps or by reading are not known to the other nodes of a Galera cluster.
 */
export async function enterAlone(database: Database, statements: Statements, key: string): Promise<void> {
  // SQLite has one writer at a time anyway.
  if (database.dialect === 'sqlite') return;
  await statements.run(
    'INSERT INTO lease (name, holder, epoch, expires_at) VALUES (?, ?, 1, 0) ON DUPLICATE KEY UPDATE epoch = epoch + 1',
    [key, NOBODY],
  );
}
