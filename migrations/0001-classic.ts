/**
 * The tables of the original in their last complete layout (0.3.1). A database of any release from 0.1 to 0.5
 * is adopted as it is: what its layout lacks is added, its rows stay. Going back drops nothing, because nobody
 * can tell whose rows these are.
 */
import type { Migration } from '../src/store/migrate.ts';
import type { TableSpec } from '../src/store/schema.ts';

const TEXT = 'VARCHAR(255)';
const NAME = 'VARCHAR(255) NOT NULL';
const STATE = { state: 'INTEGER', state_time: 'INTEGER' };

const TABLES: readonly TableSpec[] = [
  {
    name: 'dib_image',
    columns: { image_name: NAME, filename: TEXT, version: 'INTEGER', ...STATE },
    indexes: [['image_name']],
    core: ['id', 'image_name', 'version', 'state'],
  },
  {
    name: 'snapshot_image',
    columns: {
      provider_name: NAME,
      image_name: NAME,
      hostname: TEXT,
      version: 'INTEGER',
      external_id: TEXT,
      server_external_id: TEXT,
      ...STATE,
    },
    indexes: [['provider_name'], ['image_name']],
    core: ['id', 'provider_name', 'image_name', 'version', 'external_id', 'state'],
  },
  {
    name: 'node',
    columns: {
      provider_name: NAME,
      label_name: NAME,
      target_name: NAME,
      manager_name: TEXT,
      hostname: TEXT,
      nodename: TEXT,
      external_id: TEXT,
      az: TEXT,
      ip: TEXT,
      ip_private: TEXT,
      ...STATE,
      comment: TEXT,
    },
    indexes: [['provider_name'], ['label_name'], ['target_name'], ['hostname'], ['nodename']],
    core: ['id', 'provider_name', 'label_name', 'target_name', 'external_id', 'state'],
  },
  {
    name: 'subnode',
    columns: { node_id: 'INTEGER NOT NULL', hostname: TEXT, external_id: TEXT, ip: TEXT, ip_private: TEXT, ...STATE },
    indexes: [['node_id'], ['hostname']],
    core: ['id', 'node_id', 'external_id', 'state'],
  },
  {
    name: 'job',
    columns: { name: TEXT, hold_on_failure: 'INTEGER' },
    indexes: [['name']],
    core: ['id', 'name', 'hold_on_failure'],
  },
];

export const classic: Migration = {
  name: '0001-classic',
  up: async (schema) => {
    for (const table of TABLES) await schema.table(table);
  },
  down: async () => undefined,
};
