/**
 * Statements on one connection. Those that are sent without waiting for one another's answers go to the server in one
 * packet, in their order: under load it is the exchanges that take the time, not the statements.
 */
import type { Knex } from 'knex';
import { Contested } from './contested.ts';

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
  /** @param mustMatch so many rows, or nothing that comes after is done, and it rejects with `Contested` */
  run(sql: string, values?: readonly Value[], mustMatch?: number): Promise<Outcome>;
}

export interface Transaction extends Statements {
  /** Ends it, in one packet with what is sent before; what is sent after it is refused. Otherwise it ends with its work. */
  commit(): Promise<void>;
}

interface Statement {
  readonly sql: string;
  readonly values: readonly Value[];
  readonly mustMatch: number | undefined;
}

interface Waiting extends Statement {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Sends statements; answers what the driver says to each. */
type Exchange = (statements: readonly Statement[]) => Promise<readonly unknown[]>;

export class Conversation implements Transaction {
  readonly #exchange: Exchange;
  #waiting: Waiting[] = [];
  #isCommitted = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  async tuples<Row extends readonly unknown[]>(sql: string, values: readonly Value[] = []): Promise<Row[]> {
    return (await this.#send({ sql, values, mustMatch: undefined })) as Row[];
  }

  async run(sql: string, values: readonly Value[] = [], mustMatch?: number): Promise<Outcome> {
    return outcomeOf((await this.#send({ sql, values, mustMatch })) as DriverOutcome);
  }

  async commit(): Promise<void> {
    if (this.#isCommitted) return;
    const committed = this.run('COMMIT');
    this.#isCommitted = true;
    await committed;
  }

  /** Of what has failed, whether or not its end was sent as well. */
  async rollback(): Promise<void> {
    this.#isCommitted = false;
    await this.run('ROLLBACK');
  }

  #send(statement: Statement): Promise<unknown> {
    return new Promise((resolve, reject) => {
      // It would take effect by itself, even where the rest is taken back.
      if (this.#isCommitted) throw new Error(`a statement after the end of its transaction: ${statement.sql}`);
      if (this.#waiting.length === 0) queueMicrotask(() => void this.#flush());
      this.#waiting.push({ resolve, reject, ...statement });
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

/**
 * A statement with which MySQL fails, and rejects with `Contested`, unless the condition holds. Its column has a name, for
 * mysql2 compiles code for each set of names, and a column without one is named after its expression, with all its values.
 */
export function proofOf(condition: string): string {
  return `SELECT EXP(IF(${condition}, 0, 1000)) AS proof`;
}
/** That the statement before it matched so many rows. */
const PROOF = proofOf('ROW_COUNT() = ?');
const ER_DATA_OUT_OF_RANGE = 1690;

/** Values in one packet: servers of old take a megabyte at most. */
const MOST_VALUES = 5000;

/** As few packets as there may be. */
export function mysqlExchange({ knex, connection, timeoutMs }: ExchangeOptions): Exchange {
  const send = async (statements: readonly Pick<Statement, 'sql' | 'values'>[]): Promise<readonly unknown[]> => {
    const text = statements.map(({ sql }) => sql).join('; ');
    const query = knex.raw(text, statements.flatMap(({ values }) => values) as Knex.RawBinding[]);
    const options = { timeout: timeoutMs, rowsAsArray: true };
    // mysql2 answers with the columns' descriptions too.
    const [answer] = (await query.options(options).connection(connection)) as unknown as [unknown];
    return statements.length === 1 ? [answer] : (answer as unknown[]);
  };
  const sendPacket = async (packet: readonly Statement[]): Promise<readonly unknown[]> => {
    const proved = packet.map(({ sql, values, mustMatch }) => {
      const proof = mustMatch === undefined ? [] : [{ sql: PROOF, values: [mustMatch] }];
      return [{ sql, values }, ...proof];
    });
    try {
      const answers = [...(await send(proved.flat()))];
      return proved.map(({ length }) => answers.splice(0, length)[0]);
    } catch (error) {
      const { errno, sqlMessage = '' } = error as { errno?: number; sqlMessage?: string };
      if (errno === ER_DATA_OUT_OF_RANGE && /\bexp\(/i.test(sqlMessage)) throw new Contested();
      throw error;
    }
  };
  return async (statements) => {
    const answers: unknown[] = [];
    for (const packet of packetsOf(statements)) answers.push(...(await sendPacket(packet)));
    return answers;
  };
}

function packetsOf(statements: readonly Statement[]): Statement[][] {
  const packets: Statement[][] = [];
  let room = 0;
  for (const statement of statements) {
    room -= statement.values.length;
    if (packets.length > 0 && room >= 0) packets.at(-1)?.push(statement);
    else {
      packets.push([statement]);
      room = MOST_VALUES - statement.values.length;
    }
  }
  return packets;
}

/** One after the other: it takes no time to reach a file. */
export function sqliteExchange({ knex, connection }: Omit<ExchangeOptions, 'timeoutMs'>): Exchange {
  return async (statements) => {
    const answers: unknown[] = [];
    for (const { sql, values, mustMatch } of statements) {
      const query = knex.raw(sql, values as Knex.RawBinding[]).options({ rowsAsArray: true });
      const answer: unknown = await query.connection(connection);
      if (mustMatch !== undefined && outcomeOf(answer as DriverOutcome).matched !== mustMatch) throw new Contested();
      answers.push(answer);
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
