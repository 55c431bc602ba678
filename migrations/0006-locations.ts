/**
 * Where each provider's servers and images are: cloud, region and project. A provider that is pointed somewhere else while
 * it has something would lose sight of it.
 */
import type { Migration } from '../src/store/migrate.ts';
import type { TableSpec } from '../src/store/schema.ts';

const LOCATIONS: TableSpec = {
  name: 'provider_location',
  columns: {
    // Digest of the provider's name, as in `failure`.
    place: 'VARCHAR(64) NOT NULL UNIQUE',
    provider: 'VARCHAR(255) NOT NULL',
    location: 'TEXT NOT NULL',
  },
  indexes: [],
};

export const locations: Migration = {
  name: '0006-locations',
  up: (schema) => schema.table(LOCATIONS),
  down: (schema) => schema.dropTable(LOCATIONS.name),
};
