import type { Knex } from 'knex';
import { query } from './harness.ts';

/** All tables with columns and indexes, as text to compare. */
export async function pictureSchema(knex: Knex): Promise<string[]> {
  return (knex.client as Knex.Client).driverName === 'mysql2' ? pictureMysql(knex) : pictureSqlite(knex);
}

async function pictureMysql(knex: Knex): Promise<string[]> {
  const columns = await query<Record<string, string | null>>(
    knex,
    `SELECT table_name AS t, column_name AS c, column_type AS type, is_nullable AS n, column_default AS d, extra AS e
     FROM information_schema.columns WHERE table_schema = DATABASE()`,
  );
  const indexes = await query<Record<string, string>>(
    knex,
    `SELECT table_name AS t, index_name AS i, GROUP_CONCAT(column_name ORDER BY seq_in_index) AS c
     FROM information_schema.statistics WHERE table_schema = DATABASE() GROUP BY table_name, index_name`,
  );
  return [
    ...columns.map(({ t, c, type, n, d, e }) => `${t}.${c} ${type} null:${n} default:${d} ${e}`),
    ...indexes.map(({ t, i, c }) => `${t} index ${i} (${c})`),
  ].sort();
}

async function pictureSqlite(knex: Knex): Promise<string[]> {
  const columns = await query<Record<string, string | number | null>>(
    knex,
    `SELECT m.name AS t, c.name AS c, c.type AS type, c."notnull" AS n, c.dflt_value AS d, c.pk AS p
     FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'`,
  );
  const indexes = await query<Record<string, string>>(
    knex,
    "SELECT m.tbl_name AS t, m.name AS i, c.name AS c FROM sqlite_master m, pragma_index_info(m.name) c WHERE m.type = 'index'",
  );
  return [
    ...columns.map(({ t, c, type, n, d, p }) => `${t}.${c} ${type} notnull:${n} default:${d} key:${p}`),
    ...indexes.map(({ t, i, c }) => `${t} index ${i} (${c})`),
  ].sort();
}
