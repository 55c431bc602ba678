/** Each service of a real OpenStack is away for a minute, the database too, while nodes are used up: it all recovers. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { connect } from '../../../src/store/connect.ts';
import { createStore } from '../../../src/store/create-store.ts';
import { migrate } from '../../../src/store/migrate.ts';
import { createMariadbDatabase, MariadbServer } from '../../support/mariadb.ts';
import { aLabelEntry, RealPool, type RealPoolOptions } from '../../support/real-pool.ts';
import { aRigProvider, compareHoldings, openRigPool, type RigPool } from '../../support/rig-pool.ts';
import { runRigScript, stopService } from '../../support/rig.ts';

const OUTAGE_MS = 60_000;
/** Time limits of calls under way, rests after failures, and then the cloud's own time. */
const RECOVERY_MS = 420_000;
const NODES = 4;

/** Names of the rig's own process files. */
const SERVICES = [
  'keystone',
  'nova-api',
  'nova-conductor',
  'nova-scheduler',
  'nova-compute-fake',
  'neutron',
  'glance',
  'placement',
  'rabbitmq',
];

describe('a pool whose cloud loses a service for a minute', () => {
  const rig = inject('rig');
  let server: MariadbServer;
  let site: RigPool;

  beforeAll(async () => {
    server = await MariadbServer.create();
    await server.start();
    site = await openRigPool(rig, openPool);
    site.configure({
      providers: [aRigProvider(rig)],
      labels: [aLabelEntry({ name: 'small', 'min-ready': NODES, providers: ['rig'] })],
    });
    site.start();
    await site.pool.full({ small: NODES });
  });
  afterAll(async () => {
    await site.close();
    await server.remove();
  });

  async function openPool(options: RealPoolOptions): Promise<RealPool> {
    const config = await createMariadbDatabase(server.port);
    const knex = connect(config);
    const deps = { knex, clock: systemClock, random: systemRandom };
    await migrate(deps);
    const store = createStore(deps);
    const opened = { config, knex, store, wipe: () => Promise.resolve(), close: () => store.close() };
    return new RealPool(opened, options);
  }

  /** Marks all ready nodes but one for deletion, so that there is work for every service. */
  async function useUp(): Promise<void> {
    const ready = (await site.pool.nodes()).filter(({ state }) => state === 'ready').slice(1);
    for (const { id } of ready) expect((await site.pool.nodepool('delete', String(id))).code).toBe(0);
  }

  async function recovers(): Promise<void> {
    await site.pool.full({ small: NODES });
    const { cloud, rows } = await compareHoldings(site, null, RECOVERY_MS);
    expect(cloud).toEqual(rows);
  }

  it.each(SERVICES)('recovers from a minute without %s', async (service) => {
    await useUp();
    stopService(rig, service);
    await systemClock.sleep(OUTAGE_MS);
    await runRigScript(rig, 'openstack-up');
    await recovers();
  });

  it('recovers from a minute without its database', async () => {
    await useUp();
    await server.stop();
    await systemClock.sleep(OUTAGE_MS);
    await server.start();
    await recovers();
  });
});
