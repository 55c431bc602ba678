import type { Database } from './database.ts';
import { digestKey } from './sql.ts';
import type { Store } from './store.ts';

/** Where providers have what they have. */
export function createLocations({ database }: { database: Database }): Store['locations'] {
  return {
    all: async () =>
      new Map(await database.tuples<[string, string]>('SELECT provider, location FROM provider_location')),
    set: async (provider, location) => {
      const key = digestKey(provider);
      if (location === null) await database.run('DELETE FROM provider_location WHERE place = ?', [key]);
      else
        await database.run('REPLACE INTO provider_location (place, provider, location) VALUES (?, ?, ?)', [
          key,
          provider,
          location,
        ]);
    },
  };
}
