/**
 * Statements on one connection. Those that are sent without waiting for one another's answers go to the server in one
 * packet, in their order: under load it is the exchanges that take the time, not the statements.
 */
import type { Knex } from 'knex';

export type Value = string | number | null;

export interface Outcome {
  /** Rows that matched the condition, whether or not their values changed. */
  readonly matched: number;
  /** Id of the (first) inserted row. */
  readonly insertId: number;
}

export interface Statements {
  /** Rows as tuples in the order of the columns. */
  tuples<Row extends readonly unknown[]>(sql: string, values?: readonly Value[]): Promise<Row[]>;
  run(sql: string, values?: readonly Value[]): Promise<Outcome>;
}

interface Waiting {
  readonly sql: string;
  readonly values: readonly Value[];
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Sends statements; answers what the driver says to each. */
type Exchange = (statements: readonly Pick<Waiting, 'sql' | 'values'>[]) => Promise<readonly unknown[]>;

export class Conversation implements Statements {
  readonly #exchange: Exchange;
  #waiting: Waiting[] = [];

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  async tuples<Row extends readonly unknown[]>(sql: string, values: readonly Value[] = []): Promise<Row[]> {
    return (await this.#send(sql, values)) as Row[];
  }

  async run(sql: string, values: readonly Value[] = []): Promise<Outcome> {
    return outcomeOf((await this.#send(sql, values)) as DriverOutcome);
  }

  #send(sql: string, values: readonly Value[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) queueMicrotask(() => void this.#flush());
      this.#waiting.push({ sql, values, resolve, reject });
    });
  }

  /** The server does nothing of what comes after a statement that fails: all that went with it have failed. */
  async #flush(): Promise<void> {
    const group = this.#waiting;
    this.#waiting = [];
    try {
      const answers = await this.#exchange(group);
      group.forEach(({ resolve }, index) => resolve(answers[index]));
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
}

export interface ExchangeOptions {
  readonly knex: Knex;
  readonly connection: unknown;
  /** How long the server may take over the statements of one packet, in milliseconds. */
  readonly timeoutMs: number;
}

/** All statements in one packet. */
export function mysqlExchange({ knex, connection, timeoutMs }: ExchangeOptions): Exchange {
  return async (statements) => {
    const text = statements.map(({ sql }) => sql).join('; ');
    const query = knex.raw(text, statements.flatMap(({ values }) => values) as Knex.RawBinding[]);
    // mysql2 answers with the columns' descriptions too.
    const [answer] = (await query
      .options({ timeout: timeoutMs, rowsAsArray: true })
      .connection(connection)) as unknown as [unknown];
    return statements.length === 1 ? [answer] : (answer as unknown[]);
  };
}

/** One after the other: it takes no time to reach a file. */
export function sqliteExchange({ knex, connection }: Omit<ExchangeOptions, 'timeoutMs'>): Exchange {
  return async (statements) => {
    const answers: unknown[] = [];
    for (const { sql, values } of statements) {
      const query = knex.raw(sql, values as Knex.RawBinding[]).options({ rowsAsArray: true });
      answers.push(await query.connection(connection));
    }
    return answers;
  };
}

interface DriverOutcome {
  readonly affectedRows?: number;
  readonly insertId?: number;
  readonly changes?: number | bigint;
  readonly lastInsertRowid?: number | bigint;
}

function outcomeOf(answer: DriverOutcome): Outcome {
  return {
    matched: Number(answer.affectedRows ?? answer.changes ?? 0),
    insertId: Number(answer.insertId ?? answer.lastInsertRowid ?? 0),
  };
}
