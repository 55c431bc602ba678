/** Tokens of the HTTP interface. Of their secrets only digests are here. */
import type { Clock } from '../lib/clock.ts';
import { clip } from './columns.ts';
import type { Database } from './database.ts';
import type { Store, TokenRecord } from './store.ts';

type TokenRow = readonly [id: number, name: string, scopes: string, createdAt: number, expiresAt: number | null];
const COLUMNS = 'id, name, scopes, created_ms, expires_ms';

function fromRow([id, name, scopes, createdAt, expiresAt]: TokenRow): TokenRecord {
  return { id, name, scopes: scopes.split(' ').filter(Boolean), createdAt, expiresAt };
}

export function createTokens({ database, clock }: { database: Database; clock: Clock }): Store['tokens'] {
  return {
    add: async (token, hash) => {
      const { scopes, expiresAt } = token;
      const name = clip(token.name);
      const createdAt = clock.now();
      const insert = 'INSERT INTO token (name, scopes, created_ms, expires_ms, hash) VALUES (?, ?, ?, ?, ?)';
      const values = [name, scopes.join(' '), createdAt, expiresAt, hash];
      return { id: (await database.run(insert, values)).insertId, name, scopes, createdAt, expiresAt };
    },
    list: async () => (await database.tuples<TokenRow>(`SELECT ${COLUMNS} FROM token ORDER BY id`)).map(fromRow),
    findByHash: async (hash) => {
      const [row] = await database.tuples<TokenRow>(`SELECT ${COLUMNS} FROM token WHERE hash = ?`, [hash]);
      return row ? fromRow(row) : null;
    },
    remove: async (id) => (await database.run('DELETE FROM token WHERE id = ?', [id])).matched === 1,
  };
}
