/** Jobs in the queue of a real Gearman server get their nodes from a real daemon. */
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Gearmand } from '../support/gearmand.ts';
import { aLabelEntry, aProviderEntry, dburiOf, RealPool } from '../support/real-pool.ts';

// It may have to be installed first.
beforeAll(async () => (await Gearmand.create()).remove());

describe('jobs that wait in a Gearman queue', () => {
  it('get a node each, beside those that min-ready asks for, before other labels get theirs', async () => {
    const server = await Gearmand.create();
    onTestFinished(() => server.remove());
    const pool = await RealPool.open('SQLite');
    onTestFinished(() => pool.close());
    const settings = {
      dburi: dburiOf(pool.database.config),
      'script-dir': new URL('../../tools/fake-scripts', import.meta.url).pathname,
      'gearman-servers': [server.config],
      providers: [aProviderEntry({ 'max-servers': 6 })],
      labels: [aLabelEntry({ name: 'small', 'min-ready': 1 }), aLabelEntry({ name: 'large', 'min-ready': 0 })],
      targets: [{ name: 'zuul' }],
    };
    pool.writeConfig(JSON.stringify(settings));
    pool.start();
    await pool.full({ small: 1 });
    await server.queue('build:unit:large', 3);
    await pool.full({ small: 1, large: 3 });
    // More than fits, and nothing of it for a label that nobody has heard of.
    await server.queue('build:unit:small', 4);
    await server.queue('build:unit:huge', 1);
    const nodes = await pool.full({ small: 3, large: 3 });
    expect(nodes.every(({ reason }) => reason === null)).toBe(true);
    const plan = await pool.ask<{ notes: readonly { about: string; text: string }[] }>('plan');
    expect(plan.notes.map(({ about }) => about)).toContain('label small');
  });
});
