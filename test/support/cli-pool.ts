import type { CliContext } from '../../src/cli/context.ts';
import type { Config } from '../../src/config/types.ts';
import type { ImageFile, IntentRecord } from '../../src/lifecycle/records.ts';
import type { NewNode, Store } from '../../src/store/store.ts';
import { aConfig, anImageFile } from './builders.ts';
import { createWaitingClock, runCli, type CliOptions, type CliRun } from './run-cli.ts';
import { openMemoryStore } from './memory-store.ts';

/** A pool on an embedded database in memory, for commands to work on. */
export interface CliPool {
  readonly store: Store;
  /** Runs a command on the pool. While it waits, `onSleep` plays the rest of the world. */
  run(args: readonly string[], options?: CliOptions & { onSleep?: () => unknown }): Promise<CliRun>;
  /** Makes nodes in state `building` and answers their ids. */
  launch(...nodes: Partial<NewNode>[]): Promise<number[]>;
  /** Makes a READY node that has a server. */
  ready(node?: Partial<NewNode>): Promise<number>;
  /** Makes a row of a provider image, which is being built, or with a disk image uploaded. */
  image(image?: { provider?: string; image?: string; diskImageId?: number }): Promise<number>;
  /** Makes a row of a disk image that is being built, or (with files) is READY. */
  diskImage(build?: { image?: string; version?: number; files?: readonly ImageFile[] | null }): Promise<number>;
  /** Lets a daemon hold its leases, and `leases`, for `ttlMs`. */
  startDaemon(ttlMs?: number, leases?: readonly string[]): Promise<void>;
  /** Answers the oldest open request as the daemon does. A string is its refusal. */
  answer(respond: (args: IntentRecord['args']) => unknown): Promise<void>;
  close(): Promise<void>;
}

const HOLDER = 'host/1/daemon';
const LAUNCHER = 'host/2/launcher';

/** Of images that are made here. */
const VERSION = 1768478400;

export async function openCliPool({
  config = aConfig(),
  nowMs = Date.UTC(2026, 0, 15, 12),
  stateDir = '/nonexistent',
}: { config?: Config; nowMs?: number; stateDir?: string } = {}): Promise<CliPool> {
  let onSleep: () => unknown = () => undefined;
  const clock = createWaitingClock(nowMs, () => onSleep());
  const { store } = await openMemoryStore({ clock });
  const context: Partial<CliContext> = {
    clock,
    loadConfig: () => Promise.resolve(config),
    loadDatabase: () => Promise.resolve(config.database),
    stateDirectory: () => Promise.resolve(stateDir),
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
    image: async ({ provider = 'cloud', image = 'ubuntu', ...rest } = {}) => {
      const row = { provider, image, hostname: `template-${provider}`, version: VERSION, reason: 'operator', ...rest };
      return (await store.createImage(row))!;
    },
    diskImage: async ({ image = 'dib-trusty', version = VERSION, files = [anImageFile()] } = {}) => {
      const id = (await store.createDiskImage({ image, version, reason: 'image-missing' }))!;
      const patch = { files, host: 'builder1', filename: `/opt/dib/${image}-${version}` };
      const event = { kind: 'ready', reason: 'next-step' };
      if (files !== null) await store.moveDiskImage({ id, from: 'building', to: 'ready', by: 'launch', patch, event });
      return id;
    },
    startDaemon: async (ttlMs = 60_000, leases = []) => {
      const names = ['supply', 'provider:cloud', `daemon:${HOLDER}`, ...leases];
      await store.leases.keep(HOLDER, names, ttlMs, () => true);
    },
    answer: async (respond) => {
      const [intent] = (await store.readPool()).intents;
      if (intent === undefined) return;
      const answer = await respond(intent.args);
      await store.intents.finish(intent.id, typeof answer === 'string' ? { error: answer } : { result: answer });
    },
    close: () => store.close(),
  };
}
