/**
 * The part of knex's insides that the embedded client is built on. knex does not declare these paths, so its
 * version is pinned exactly and `test/store` runs everything over the client.
 */
declare module 'knex/lib/dialects/better-sqlite3/index.js' {
  import type { Knex } from 'knex';

  export default class BetterSqlite3Client extends Knex.Client {
    readonly driver: new (file: string, options: { timeout: number }) => unknown;
    _driver(): unknown;
    _formatBindings(bindings: readonly unknown[] | undefined): unknown[];
  }
}
