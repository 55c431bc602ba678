import type { Knex } from 'knex';
import type { Clock } from '../../src/lib/clock.ts';
import { systemRandom, type Random } from '../../src/lib/random.ts';
import { connect } from '../../src/store/connect.ts';
import { createStore } from '../../src/store/create-store.ts';
import { migrate } from '../../src/store/migrate.ts';
import type { Store } from '../../src/store/store.ts';

/** A store on an empty database in memory, which is gone when it is closed. */
export async function openMemoryStore({
  clock,
  random = systemRandom,
}: {
  clock: Clock;
  random?: Random;
}): Promise<{ readonly store: Store; readonly knex: Knex }> {
  const knex = connect({ kind: 'sqlite', file: ':memory:' });
  await migrate({ knex, clock, random });
  return { store: createStore({ knex, clock, random }), knex };
}
