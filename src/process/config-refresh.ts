import { isDeepStrictEqual } from 'node:util';
import type { ConfigSource } from '../config/watch.ts';
import type { Log } from '../lib/log.ts';

/**
 * Looks at the configuration, and logs what came of it. The database is the one thing that does not follow a
 * change: what is under way has its rows in the old one.
 */
export function createConfigRefresh(
  source: ConfigSource,
  log: Log,
): (how?: { readonly force: boolean }) => Promise<void> {
  const { database } = source.current();
  return async (how = { force: false }) => {
    const state = await source.check(how);
    if (state !== 'changed') return;
    log.info({}, 'the configuration has changed and is in force');
    if (!isDeepStrictEqual(source.current().database, database)) {
      log.warn({}, 'the database in the configuration is another one now; it is used from the next start on');
    }
  };
}
