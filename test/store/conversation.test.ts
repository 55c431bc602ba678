/** Statements that go together: their answers, what comes of one that fails, and how many exchanges they take. */
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { Contested } from '../../src/store/contested.ts';
import { Database, type Statements } from '../../src/store/database.ts';
import { DATABASES } from '../support/with-database.ts';
import { countQueries, useStore } from './harness.ts';

const ADD = "INSERT INTO job (name, hold_on_failure) VALUES (?, '1')";
const NAMES = 'SELECT name FROM job ORDER BY id';

describe.each(DATABASES)('statements on %s', (kind) => {
  const test = useStore(kind);
  const open = (): Database => new Database({ knex: test.knex, clock: systemClock, random: systemRandom });
  const names = async (database: Database): Promise<string[]> =>
    (await database.tuples<[string]>(NAMES)).map(([name]) => name);
  const addTo = (statements: Statements, ...added: string[]) => added.map((name) => statements.run(ADD, [name]));

  it('that do not wait for one another are answered in their order, in one exchange with MariaDB', async () => {
    const database = open();
    await database.tuples(NAMES);
    const queries = countQueries(test.knex);
    const answers = await database.transaction(async (statements) =>
      Promise.all([
        statements.run(ADD, ['a']),
        statements.tuples(NAMES),
        ...addTo(statements, 'b', 'c'),
        statements.tuples('SELECT COUNT(*) FROM job WHERE name <> ?', ['a']),
        statements.commit(),
      ]),
    );
    expect(queries()).toBe(kind === 'MariaDB' ? 1 : 7);
    const [first, before, , third, count] = answers;
    expect([before, count]).toEqual([[['a']], [[2]]]);
    expect(third).toMatchObject({ matched: 1, insertId: (first as { insertId: number }).insertId + 2 });
    expect(await names(database)).toEqual(['a', 'b', 'c']);
  });

  it('that fail take back the whole transaction, the end that was sent with them too', async () => {
    const database = open();
    const failing = database.transaction(async (statements) =>
      Promise.all([
        ...addTo(statements, 'a'),
        statements.run('UPDATE no_such_table SET x = 1'),
        ...addTo(statements, 'b'),
        statements.commit(),
      ]),
    );
    await expect(failing).rejects.toThrow();
    expect(await names(database)).toEqual([]);
    // The connection is as good as before.
    await database.transaction((statements) => Promise.all(addTo(statements, 'c')));
    expect(await names(database)).toEqual(['c']);
  });

  it('that come after the end of their transaction are refused: nobody could take them back', async () => {
    const database = open();
    const work = database.transaction(async (statements) => {
      await Promise.all([...addTo(statements, 'a'), statements.commit()]);
      await Promise.all(addTo(statements, 'late'));
    });
    await expect(work).rejects.toThrow('a statement after the end of its transaction: INSERT INTO job');
    expect(await names(database)).toEqual(['a']);
    await database.transaction((statements) => Promise.all(addTo(statements, 'c')));
    expect(await names(database)).toEqual(['a', 'c']);
  });

  it('that match another number of rows than they must do so too', async () => {
    const database = open();
    await Promise.all(addTo(database, 'a', 'b'));
    const rename = (matching: string, mustMatch: number): Promise<unknown> =>
      database.transaction((statements) =>
        Promise.all([
          ...addTo(statements, 'c'),
          statements.run('UPDATE job SET name = CONCAT(name, ?) WHERE name LIKE ?', ['!', matching], mustMatch),
          statements.commit(),
        ]),
      );
    await expect(rename('a', 2)).rejects.toBeInstanceOf(Contested);
    await expect(rename('%', 2)).rejects.toBeInstanceOf(Contested);
    expect(await names(database)).toEqual(['a', 'b']);
    await rename('%', 3);
    expect(await names(database)).toEqual(['a!', 'b!', 'c!']);
  });

  it('that change nothing about the rows that they match have matched them all the same', async () => {
    const database = open();
    await Promise.all(addTo(database, 'a'));
    await database.transaction((statements) => statements.run("UPDATE job SET name = 'a' WHERE name = 'a'", [], 1));
  });

  it('with more values than one packet should hold take several, in their order', async () => {
    const database = open();
    const many = Array.from({ length: 3000 }, (_, index) => `job-${index}`);
    const row = "(?, '1')";
    const insertion = `INSERT INTO job (name, hold_on_failure) VALUES ${many.map(() => row).join(', ')}`;
    const counts = await database.transaction((statements) =>
      Promise.all(
        [1, 2, 3].flatMap(() => [statements.run(insertion, many), statements.tuples('SELECT COUNT(*) FROM job')]),
      ),
    );
    expect(counts.filter(Array.isArray)).toEqual([[[3000]], [[6000]], [[9000]]]);
  });
});
