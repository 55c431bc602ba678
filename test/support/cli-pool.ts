import type { CliContext } from '../../src/cli/context.ts';
import type { Config } from '../../src/config/types.ts';
import { systemRandom } from '../../src/lib/random.ts';
import type { NewNode, Store } from '../../src/store/store.ts';
import { connect } from '../../src/store/connect.ts';
import { createStore } from '../../src/store/create-store.ts';
import { migrate } from '../../src/store/migrate.ts';
import { aConfig } from './builders.ts';
import { createWaitingClock, runCli, type CliOptions, type CliRun } from './run-cli.ts';

/** A pool on an embedded database in memory, for commands to work on. */
export interface CliPool {
  readonly store: Store;
  /** Runs a command on the pool. While it waits, `onSleep` plays the rest of the world. */
  run(args: readonly string[], options?: CliOptions & { onSleep?: () => unknown }): Promise<CliRun>;
  /** Makes nodes in state `building` and answers their ids. */
  launch(...nodes: Partial<NewNode>[]): Promise<number[]>;
  /** Makes a READY node that has a server. */
  ready(node?: Partial<NewNode>): Promise<number>;
  /** Lets a daemon hold its leases for `ttlMs`. */
  startDaemon(ttlMs?: number): Promise<void>;
  close(): Promise<void>;
}

const HOLDER = 'host/1/daemon';
const LAUNCHER = 'host/2/launcher';

export async function openCliPool({
  config = aConfig(),
  nowMs = Date.UTC(2026, 0, 15, 12),
}: { config?: Config; nowMs?: number } = {}): Promise<CliPool> {
  let onSleep: () => unknown = () => undefined;
  const clock = createWaitingClock(nowMs, () => onSleep());
  const knex = connect({ kind: 'sqlite', file: ':memory:' });
  await migrate({ knex, clock, random: systemRandom });
  const store = createStore({ knex, clock, random: systemRandom });
  const context: Partial<CliContext> = {
    clock,
    loadConfig: () => Promise.resolve(config),
    loadDatabase: () => Promise.resolve(config.database),
    // The command closes its store; the database in memory has to outlive it.
    openStore: () => Promise.resolve({ ...store, close: () => Promise.resolve() }),
  };

  const launch = async (...nodes: Partial<NewNode>[]): Promise<number[]> => {
    // Rows are made under the supply lease; a daemon that holds it gets it back by renewing.
    const leases = await store.leases.keep(LAUNCHER, ['supply'], 15_000, () => true);
    const before = new Set((await store.readPool()).nodes.map(({ id }) => id));
    await store.launchNodes(
      nodes.map((node) => ({
        label: 'small',
        provider: 'cloud',
        target: 'zuul',
        az: null,
        imageId: 1,
        subnodes: 0,
        reason: 'min-ready',
        ...node,
      })),
      leases.get('supply')!,
    );
    await store.leases.release(LAUNCHER);
    return (await store.readPool()).nodes.filter(({ id }) => !before.has(id)).map(({ id }) => id);
  };

  return {
    store,
    launch,
    run: async (args, { onSleep: act = () => undefined, ...options } = {}) => {
      onSleep = act;
      return runCli(args, { ...context, ...options });
    },
    ready: async (node = {}) => {
      const [id = 0] = await launch(node);
      await store.moveNode({
        id,
        from: 'building',
        to: 'ready',
        by: 'launch',
        patch: { hostname: `small-${id}`, nodename: `small-${id}`, ip: '203.0.113.7' },
      });
      return id;
    },
    startDaemon: async (ttlMs = 60_000) => {
      await store.leases.keep(HOLDER, ['supply', 'provider:cloud', `daemon:${HOLDER}`], ttlMs, () => true);
    },
    close: () => store.close(),
  };
}
