import type { Clock } from '../lib/clock.ts';
import type { PauseRecord } from '../lifecycle/records.ts';
import type { Database } from './database.ts';
import { digestKey } from './sql.ts';
import type { Store } from './store.ts';

export type PauseRow = readonly [image: string, provider: string | null, at: number, reason: string | null];
export const PAUSE_COLUMNS = 'image, provider, at_ms, reason';

export function pauseFromRow([image, provider, at, reason]: PauseRow): PauseRecord {
  return { image, provider, at, reason };
}

/** Pauses of images, one for each image and provider. */
export function createPauses({ database, clock }: { database: Database; clock: Clock }): Store['pauses'] {
  return {
    set: async ({ image, provider, reason }) => {
      const replace = `REPLACE INTO image_pause (place, ${PAUSE_COLUMNS}) VALUES (?, ?, ?, ?, ?)`;
      await database.run(replace, [digestKey(image, provider), image, provider, clock.now(), reason]);
    },
    end: async ({ image, provider }) => {
      const remove = 'DELETE FROM image_pause WHERE place = ?';
      return (await database.run(remove, [digestKey(image, provider)])).matched === 1;
    },
  };
}
