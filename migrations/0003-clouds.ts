/**
 * What real clouds ask for: the key that a server showed at the first login, so that another server at its address is
 * recognised, and how often an image was asked to be saved. `host_key` is a TEXT: an RSA key is longer than 255.
 */
import type { Migration } from '../src/store/migrate.ts';

const HOST_KEY = { host_key: 'TEXT' };

const COLUMNS = {
  node: HOST_KEY,
  subnode: HOST_KEY,
  snapshot_image: { ...HOST_KEY, save_attempt: 'INTEGER NOT NULL DEFAULT 0' },
};

export const clouds: Migration = {
  name: '0003-clouds',
  up: async (schema) => {
    for (const [table, columns] of Object.entries(COLUMNS)) await schema.extend(table, columns);
    await schema.run('UPDATE snapshot_image SET save_attempt = 1 WHERE save_attempt = 0 AND save_ms IS NOT NULL');
  },
  down: async (schema) => {
    for (const [table, columns] of Object.entries(COLUMNS)) await schema.shrink(table, Object.keys(columns));
  },
};
