/** What happens to a script of hours while things change around it. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { NodepoolError } from '../../src/lib/errors.ts';
import { onAbort } from '../../src/lib/on-abort.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createFakeDriver } from '../../src/providers/fake/index.ts';
import type { DriverFactory } from '../../src/providers/provider.ts';
import { createProviders } from '../../src/providers/registry.ts';
import type { Store } from '../../src/store/store.ts';
import { aConfig, aLabel } from '../support/builders.ts';
import { createSite, startDaemon, type Daemon, type Site } from '../support/site.ts';
import { openFreshStore } from '../support/with-database.ts';

interface Scene {
  readonly site: Site;
  readonly daemon: Daemon;
  readonly store: Store;
  /** Lets the set-up script end well. */
  readonly endScript: () => void;
  /** The database takes no facts about images, and answers that it is away. */
  readonly setAway: (isAway: boolean) => void;
  /** Passes, a second of the fake clock apart, until it holds. */
  readonly until: (holds: () => Promise<boolean>) => Promise<void>;
}

/** A pool whose first image is being set up, by a script that ends when it is told to. */
async function duringSetup(play: (scene: Scene) => Promise<void>): Promise<void> {
  const site = createSite(aConfig({ labels: [aLabel({ minReady: 1 })] }));
  const { clock, random, clouds } = site;
  const opened = await openFreshStore('SQLite', { clock });
  const driver = createFakeDriver({ clock, random, log: silentLog, clouds });
  let endScript: (() => void) | null = null;
  const fake: DriverFactory = (config) => {
    const provider = driver(config);
    const run: typeof provider.shell.run = (target, command, signal) =>
      command.onLine === undefined
        ? provider.shell.run(target, command, signal)
        : new Promise((resolve, reject) => {
            endScript = resolve;
            onAbort(signal, () => reject(new NodepoolError('aborted', 'the script was abandoned')));
          });
    return { ...provider, shell: { ...provider.shell, run } };
  };
  let isAway = false;
  const patch: Store['patch'] = (...args) =>
    isAway ? Promise.reject(new NodepoolError('database-unavailable', 'away')) : opened.store.patch(...args);
  const providers = createProviders({ factories: { fake }, clock, onCall: () => undefined, log: silentLog });
  const daemon = startDaemon(site, { store: { ...opened.store, patch }, overrides: { providers } });
  const until: Scene['until'] = async (holds) => {
    for (let passes = 0; !(await holds()); passes += 1) {
      if (passes > 200) throw new Error('it did not come to that');
      await daemon.core.tick();
      // The script never settles; what else was started ends within some turns.
      for (let turns = 0; turns < 50; turns += 1) await turn();
      await clock.advance(1000);
    }
  };
  try {
    await until(() => Promise.resolve(endScript !== null));
    const setAway = (away: boolean): void => void (isAway = away);
    await play({ site, daemon, store: opened.store, endScript: () => endScript?.(), setAway, until });
  } finally {
    await daemon.core.release();
    await opened.close();
  }
}

describe('the set-up script of an image', () => {
  it('does not keep an operator waiting who deletes the image', () =>
    duringSetup(async ({ store, until }) => {
      const [image] = (await store.readPool()).images;
      await store.moveImage({ id: image!.id, from: 'building', to: 'delete', by: 'operator' });
      await until(async () => (await store.readPool()).images.every(({ id }) => id !== image!.id));
    }));

  it('was not in vain when the database is away at the moment it ends, for longer than a lease lasts', () =>
    duringSetup(async ({ store, site, endScript, setAway, until }) => {
      const [image] = (await store.readPool()).images;
      setAway(true);
      endScript();
      for (let seconds = 0; seconds < 30; seconds += 1) await site.clock.advance(1000);
      setAway(false);
      await until(async () => (await store.readPool()).images.some(({ state }) => state === 'ready'));
      expect((await store.readPool()).images.map(({ id }) => id)).toEqual([image!.id]);
    }));
});
