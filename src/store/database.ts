/**
 * Statements and transactions over knex: one place that translates errors, repeats what lost against another
 * transaction, and hides what differs between the two databases.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Knex } from 'knex';
import type { Clock } from '../lib/clock.ts';
import { isNodepoolError } from '../lib/errors.ts';
import type { Random } from '../lib/random.ts';
import { Conversation, mysqlExchange, sqliteExchange } from './conversation.ts';
import type { Outcome, Statements, Transaction, Value } from './conversation.ts';
import { isConflict, translateDatabaseError } from './database-errors.ts';

export type { Outcome, Statements, Transaction, Value } from './conversation.ts';

export interface DatabaseDeps {
  readonly knex: Knex;
  readonly clock: Clock;
  readonly random: Random;
}

/** Together about five seconds, SQLite's own short waits included. */
const TRIES = 40;
/** So often the other transaction may be one of this process, which needs only its turn. */
const TRIES_WITHOUT_PAUSE = 5;
const LONGEST_PAUSE_MS = 200;
const STATEMENT_TIMEOUT_MS = 20_000;

/** A connection of the pool; knex throws one away that has a reason in `__knex__disposed`. */
interface Connection {
  __knex__disposed?: unknown;
  destroy?(): void;
}

interface Client {
  readonly driverName: string;
  acquireConnection(): Promise<Connection>;
  releaseConnection(connection: Connection): Promise<void>;
}

/**
 * All errors are `database-unavailable` or `database-unusable` when something outside explains them. A lost
 * connection in mid-commit leaves open whether the transaction took effect: callers look again.
 */
export class Database implements Statements {
  readonly dialect: 'mysql' | 'sqlite';
  /** How sentences for the operator name this database. */
  readonly place: string;
  /** `INSERT`, which does nothing when a row with this key is there. */
  readonly insertMissing: string;
  /** How many statements and transactions that may write have ended here, well or not. */
  writes = 0;
  readonly #deps: DatabaseDeps;
  readonly #client: Client;
  readonly #timeoutMs: number;

  /** @param timeoutMs how long MySQL may take over one statement before the connection is given up */
  constructor(deps: DatabaseDeps, timeoutMs = STATEMENT_TIMEOUT_MS) {
    this.#deps = deps;
    this.#timeoutMs = timeoutMs;
    this.#client = deps.knex.client as Client;
    this.dialect = this.#client.driverName === 'mysql2' ? 'mysql' : 'sqlite';
    this.insertMissing = this.dialect === 'mysql' ? 'INSERT IGNORE' : 'INSERT OR IGNORE';
    this.place = (deps.knex.userParams as { place: string }).place;
  }

  tuples<Row extends readonly unknown[]>(sql: string, values?: readonly Value[]): Promise<Row[]> {
    return this.session((statements) => statements.tuples<Row>(sql, values));
  }

  run(sql: string, values?: readonly Value[]): Promise<Outcome> {
    return this.#countingWrite(this.session((statements) => statements.run(sql, values)));
  }

  /** Runs `work` on one connection, each of its statements for itself. It must stand being run again. */
  session<T>(work: (statements: Statements) => Promise<T>): Promise<T> {
    return this.#attempt((connection) => work(this.#statementsOn(connection)));
  }

  /** Runs `work` in a transaction that may write; again from the start if it lost against another one. */
  transaction<T>(work: (statements: Transaction) => Promise<T>): Promise<T> {
    // SQLite must ask for the write lock at once: taking it after a read fails for good if somebody wrote in between.
    return this.#countingWrite(
      this.#transact(this.dialect === 'mysql' ? 'START TRANSACTION' : 'BEGIN IMMEDIATE', work),
    );
  }

  /** Runs `work`, which only reads, on one state of the database. */
  snapshot<T>(work: (statements: Statements) => Promise<T>): Promise<T> {
    return this.#transact(this.dialect === 'mysql' ? 'START TRANSACTION WITH CONSISTENT SNAPSHOT' : 'BEGIN', work);
  }

  #countingWrite<T>(writing: Promise<T>): Promise<T> {
    return writing.finally(() => (this.writes += 1));
  }

  #transact<T>(begin: string, work: (statements: Transaction) => Promise<T>): Promise<T> {
    return this.#attempt(async (connection) => {
      const statements = this.#statementsOn(connection);
      // MySQL gets it in one packet with the first statement of `work`, which fails when it does.
      const begun = statements.run(begin);
      if (this.dialect === 'sqlite') await begun;
      else {
        begun.catch(() => {
          // That statement tells.
        });
      }
      try {
        const result = await work(statements);
        await statements.commit();
        return result;
      } catch (error) {
        // A rollback can fail only with its connection, and then the server rolls back by itself.
        await statements.rollback().catch((failure: unknown) => discard(connection, failure));
        throw error;
      }
    });
  }

  async #attempt<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const { clock, random } = this.#deps;
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#withConnection(work);
      } catch (error) {
        if (!isConflict(error) || tries === TRIES) throw translateDatabaseError(error, this.place);
      }
      if (tries <= TRIES_WITHOUT_PAUSE) await nextTurn();
      else await clock.sleep(Math.ceil(random.fraction() * Math.min(LONGEST_PAUSE_MS, tries * 10)));
    }
  }

  async #withConnection<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.#client.acquireConnection();
    try {
      return await work(connection);
    } catch (error) {
      const isBroken = isNodepoolError(translateDatabaseError(error, this.place), 'database-unavailable');
      // After a broken or timed-out conversation nobody knows what the next answer belongs to.
      if (isBroken && !isConflict(error)) discard(connection, error);
      throw error;
    } finally {
      await this.#client.releaseConnection(connection);
    }
  }

  #statementsOn(connection: Connection): Conversation {
    const { knex } = this.#deps;
    const options = { knex, connection, timeoutMs: this.#timeoutMs };
    return new Conversation(this.dialect === 'mysql' ? mysqlExchange(options) : sqliteExchange(options));
  }
}

function discard(connection: Connection, reason: unknown): void {
  connection.__knex__disposed = reason;
  connection.destroy?.();
}
