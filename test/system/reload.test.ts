/** The configuration of a running daemon is edited: it takes the change on, and nothing that goes on is thrown away. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeRecord } from '../../src/lifecycle/records.ts';
import type { LogLine } from '../support/daemon-process.ts';
import { aLabelEntry, aProviderEntry, aSetEntry, RealPool, until } from '../support/real-pool.ts';

let pool: RealPool;

beforeEach(async () => {
  pool = await RealPool.open('SQLite');
});
afterEach(() => pool.close());

const IN_FORCE = 'the configuration has changed and is in force';
const says =
  (msg: string) =>
  (line: LogLine): boolean =>
    line.msg === msg;
const retired = (line: LogLine): boolean => says('node retired')(line);
const ids = (nodes: readonly NodeRecord[]): number[] => nodes.map(({ id }) => id);

describe('a daemon whose configuration file changes', () => {
  it('notices by itself that a label wants more nodes, and keeps those it has', async () => {
    pool.configure();
    const daemon = pool.start();
    const before = await pool.full({ small: 2 });
    pool.configure({ labels: [aLabelEntry({ 'min-ready': 5 })] });
    const after = await pool.full({ small: 5 });
    expect(ids(after)).toEqual(expect.arrayContaining(ids(before)));
    await daemon.logged(says(IN_FORCE));
    expect(daemon.lines.filter(says(IN_FORCE))).toHaveLength(1);
  });

  it('drains the nodes of a label that is gone, and no others', async () => {
    pool.configure({ labels: [aLabelEntry(), aSetEntry()] });
    const daemon = pool.start();
    const before = await pool.full({ small: 2, set: 1 });
    pool.configure({ labels: [aLabelEntry()] });
    daemon.kill('SIGHUP');
    expect(ids(await pool.full({ small: 2 }))).toEqual(ids(before.filter(({ label }) => label === 'small')));
    await daemon.logged(retired);
    expect(daemon.lines.filter(retired).map(({ label, reason }) => [label, reason])).toEqual([
      ['set', 'label-removed'],
    ]);
    expect(await pool.ask('alien-list')).toEqual([]);
  });

  it('replaces the nodes of a target that is gone', async () => {
    pool.configure({ targets: [{ name: 'zuul' }, { name: 'other' }] });
    const daemon = pool.start();
    const before = await pool.full({ small: 2 });
    expect(before.map(({ target }) => target).sort()).toEqual(['other', 'zuul']);
    pool.configure({ targets: [{ name: 'other' }] });
    daemon.kill('SIGHUP');
    await daemon.logged((line) => retired(line) && line['reason'] === 'target-removed');
    const after = await until('all nodes are for the target that is left', async () => {
      const nodes = await pool.full({ small: 2 });
      return nodes.every(({ target }) => target === 'other') ? nodes : null;
    });
    expect(ids(after)).toContain(before.find(({ target }) => target === 'other')?.id);
  });

  it('keeps the last good one in force while the file is broken, and says so once', async () => {
    pool.configure();
    const daemon = pool.start();
    const [first] = await pool.full({ small: 2 });
    pool.writeConfig('providers: [{name: east, max-servers: many}]\nlabels: [');
    const report = await daemon.logged(({ msg }) => msg.endsWith('the last good one stays in force'));
    expect(report).toMatchObject({ level: 'error', problems: [expect.stringContaining('nodepool.yaml:') as string] });
    // Of the broken file only the database is missed; the daemon's note tells the command line where that is.
    const { store } = pool.database;
    await store.moveNode({ id: first?.id ?? 0, from: 'ready', to: 'delete', by: 'operator' });
    await daemon.logged(({ msg, node }) => msg === 'node ready' && node !== first?.id, 2);
    await pool.full({ small: 2 });
    expect(daemon.lines.filter(({ level }) => level === 'error')).toHaveLength(1);

    pool.configure({ labels: [aLabelEntry({ 'min-ready': 3 })] });
    await pool.full({ small: 3 });
  });
});

describe('a provider that leaves the configuration', () => {
  const twoProviders = ['east', 'west'].map((name) =>
    aProviderEntry({ name, 'max-servers': 4, fake: { 'delete-time': 0.3 } }),
  );
  const label = aLabelEntry({ 'min-ready': 6, providers: ['east', 'west'] });

  it('drains, is forgotten, and can come back', async () => {
    pool.configure({ providers: twoProviders, labels: [label] });
    const daemon = pool.start();
    const before = await pool.full({ small: 6 });
    const stay = before.filter(({ provider }) => provider === 'east');
    expect(stay.length).toBeLessThan(6);

    pool.configure({ providers: twoProviders.slice(0, 1), labels: [aLabelEntry({ 'min-ready': 4 })] });
    daemon.kill('SIGHUP');
    await daemon.logged(({ msg, provider }) => provider === 'west' && msg.endsWith('has drained'));
    const after = await pool.full({ small: 4 });
    expect(ids(after)).toEqual(expect.arrayContaining(ids(stay)));
    const reasons = daemon.lines.filter(retired).map(({ provider, reason }) => [provider, reason].join(': '));
    expect(new Set(reasons)).toEqual(new Set(['west: provider-removed']));
    const { images } = await pool.database.store.readPool();
    expect(images.map(({ provider }) => provider)).toEqual(['east']);

    pool.configure({ providers: twoProviders, labels: [label] });
    daemon.kill('SIGHUP');
    await pool.full({ small: 6 });
    // Its cloud was emptied before it was forgotten: nothing is left there to be swept now.
    expect(await pool.ask('alien-list')).toEqual([]);
    expect(await pool.ask('alien-image-list')).toEqual([]);
    expect(daemon.lines.filter(({ level, msg }) => level === 'error' || msg.includes('leaked'))).toEqual([]);
  });
});

describe('a provider that is edited while it launches', () => {
  it('goes on with the launches that are under way', async () => {
    const fake = { 'boot-time': 0.6, 'api-delay': 0.2 };
    // Its listings do not show the servers: until the edit no launch gets any further.
    const blind = aProviderEntry({ fake: { ...fake, 'listing-lag': 600 } });
    pool.configure({ labels: [aLabelEntry({ 'min-ready': 0 }), aSetEntry({ 'min-ready': 0 })] });
    const daemon = pool.start();
    await daemon.logged(says('image ready'));
    const labels = [aLabelEntry({ 'min-ready': 3 }), aSetEntry()];
    pool.configure({ providers: [blind], labels });
    daemon.kill('SIGHUP');
    const launched = await until('all servers are asked for', async () => {
      const nodes = await pool.nodes();
      return nodes.length === 4 && nodes.every(({ serverId }) => serverId !== null) ? ids(nodes) : null;
    });
    pool.configure({ providers: [aProviderEntry({ fake, 'max-servers': 6, 'boot-timeout': 30, rate: 0.01 })], labels });
    daemon.kill('SIGHUP');
    await daemon.logged(says('the provider has its new configuration'), 2);
    expect((await pool.nodes()).map(({ state }) => state)).toEqual(launched.map(() => 'building'));
    expect(ids(await pool.full({ small: 3, set: 1 }))).toEqual(launched);
    expect(daemon.lines.filter(({ level, msg }) => level === 'error' || msg === 'node retired')).toEqual([]);
    expect(await pool.ask('alien-list')).toEqual([]);
  });
});
