import { onTestFinished } from 'vitest';
import { STATE_CODES } from '../../src/lifecycle/node-states.ts';
import { connect } from '../../src/store/connect.ts';
import type { OpenedDatabase } from './with-database.ts';

/**
 * Lets no node on MariaDB become READY, however slow the test is to look: a daemon that writes it waits, until the
 * returned function is called or the database is stopped.
 */
export async function holdBack({ config, knex }: OpenedDatabase): Promise<() => Promise<void>> {
  const { ready } = STATE_CODES;
  const wait = "GET_LOCK(CONCAT(DATABASE(), '.ready'), 3600)";
  const pass = "RELEASE_LOCK(CONCAT(DATABASE(), '.ready'))";
  const own = connect(config);
  const holder = await own.transaction();
  await holder.raw(`DO ${wait}`);
  await knex.raw(
    `CREATE TRIGGER hold_back BEFORE UPDATE ON node FOR EACH ROW SET @passed = IF(NEW.state = ${ready}, ${wait} + ${pass}, 0)`,
  );
  onTestFinished(async () => {
    // Where the database was stopped there is nothing to end.
    await holder.rollback().catch(() => undefined);
    await own.destroy();
  });
  return async () => {
    // Where it was stopped, the lock has gone with it.
    await holder.raw(`DO ${pass}`).catch(() => undefined);
    await knex.raw('DROP TRIGGER hold_back');
  };
}
