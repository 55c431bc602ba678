import type { Knex } from 'knex';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { createBatcher } from './batcher.ts';
import { Database } from './database.ts';
import { createDiskImages } from './disk-images.ts';
import { createEvents } from './events.ts';
import { createFailures } from './failures.ts';
import { createImages } from './images.ts';
import { createIntents } from './intents.ts';
import { createJobs } from './jobs.ts';
import { createLaunchCounts } from './launch-counts.ts';
import { createLeases } from './leases.ts';
import { createLocations } from './locations.ts';
import { createNodes } from './nodes.ts';
import { createPauses } from './pauses.ts';
import { PoolReader } from './pool-reader.ts';
import { createRequests } from './requests.ts';
import { createSlots } from './slots.ts';
import type { Store } from './store.ts';
import { createTokens } from './tokens.ts';

/** The store over a connection from `connect`, on a schema that `migrate` has made. `close` closes the connection. */
export function createStore({ knex, clock, random }: { knex: Knex; clock: Clock; random: Random }): Store {
  const database = new Database({ knex, clock, random });
  const batcher = createBatcher({ database, clock });
  const launchCounts = createLaunchCounts(database);
  const reader = new PoolReader(database);
  const deps = { database, batcher, clock, random, orphans: () => reader.orphans };
  const requests = createRequests(deps);
  return {
    installation: createInstallation(database, random),
    readPool: () => reader.readPool(),
    ...createNodes(deps),
    ...createImages(deps),
    ...createDiskImages(deps),
    ...createSlots(deps),
    countLaunch: (imageId, hasWorked) => launchCounts.submit({ imageId, hasWorked }),
    events: createEvents(deps),
    failures: createFailures(deps),
    intents: createIntents(deps),
    leases: createLeases(deps),
    locations: createLocations(deps),
    pauses: createPauses(deps),
    requests,
    tokens: createTokens(deps),
    jobs: createJobs(deps),
    close: async () => {
      await Promise.all([batcher.idle(), launchCounts.idle(), requests.idle()]);
      await knex.destroy();
    },
  };
}

/** Whoever asks first makes the UUID; of several at once, one. */
function createInstallation(database: Database, random: Random): () => Promise<string> {
  const read = async (): Promise<string | undefined> =>
    (await database.tuples<[string]>('SELECT uuid FROM installation'))[0]?.[0];
  let known: string | undefined;
  return async () => {
    known ??= await read();
    if (known === undefined) {
      await database.run(`${database.insertMissing} INTO installation (id, uuid) VALUES (1, ?)`, [random.uuid()]);
      known = await read();
    }
    return known!;
  };
}
