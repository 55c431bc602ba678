import { describe, expect, it } from 'vitest';
import type { Config, DatabaseConfig } from '../../../src/config/types.ts';
import type { ConfigState } from '../../../src/config/watch.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { createConfigRefresh } from '../../../src/process/config-refresh.ts';

const database: DatabaseConfig = { kind: 'sqlite', file: '/a.sqlite' };

async function refreshWith(state: ConfigState, after: DatabaseConfig): Promise<readonly string[]> {
  let current = { database } as Config;
  const logged: string[] = [];
  const note = (_fields: unknown, message: string): void => void logged.push(message);
  const source = {
    current: () => current,
    check: () => {
      current = { database: after } as Config;
      return Promise.resolve(state);
    },
  };
  await createConfigRefresh(source, { ...silentLog, info: note, warn: note })();
  return logged;
}

describe('a look at the configuration', () => {
  it('logs a change, and nothing when there is none', async () => {
    expect(await refreshWith('changed', { ...database })).toEqual(['the configuration has changed and is in force']);
    expect(await refreshWith('unchanged', database)).toEqual([]);
    expect(await refreshWith('broken', database)).toEqual([]);
  });

  it('warns that another database is not used before the next start', async () => {
    expect(await refreshWith('changed', { kind: 'sqlite', file: '/b.sqlite' })).toEqual([
      'the configuration has changed and is in force',
      'the database in the configuration is another one now; it is used from the next start on',
    ]);
  });
});
