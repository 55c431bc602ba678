import { describe, expect, it, onTestFinished } from 'vitest';
import { createGearmanDemand, type GearmanConfig, type GearmanDemand } from '../../../src/demand/gearman-demand.ts';
import { createGearmanServers, type GearmanServers } from '../../../src/gearman/gearman-servers.ts';
import { aLabel } from '../../support/builders.ts';
import type { FakeClock } from '../../support/fake-clock.ts';
import { ANSWER_LIMIT_MS, createSurroundings, FakeGearman, until, type Peer } from '../gearman/scene.ts';

const POLL_MS = 1000;
const HOLD_MS = 30_000;

interface Scene {
  readonly demand: GearmanDemand;
  readonly servers: GearmanServers;
  readonly clock: FakeClock;
  readonly lines: readonly string[];
  /** What was the demand at each change. */
  readonly changes: readonly Record<string, number>[];
}

function configOf(servers: readonly FakeGearman[], labels: readonly string[] = ['small', 'large']): GearmanConfig {
  return {
    gearmanServers: servers.map(({ config }) => config),
    labels: new Map(labels.map((name) => [name, aLabel({ name })])),
  };
}

function openScene(config: GearmanConfig): Scene {
  const { clock, lines, log, random } = createSurroundings();
  const changes: Record<string, number>[] = [];
  const onChange = (): void => void changes.push(Object.fromEntries(demand.current()));
  const servers = createGearmanServers({ clock, random, log });
  onTestFinished(() => servers.close());
  const demand: GearmanDemand = createGearmanDemand({ servers, clock, log, onChange });
  onTestFinished(() => demand.close());
  demand.configure(config);
  return { demand, servers, clock, lines, changes };
}

/** Waits until the server is connected, for which `peer` has been welcomed. */
async function connected(scene: Scene, index = 0): Promise<void> {
  await until(() => isConnected(scene, index));
}

function isConnected({ servers }: Scene, index = 0): boolean {
  return servers.connections()[index]!.describe().connected;
}

/** Lets the server answer its next question with `queues`, and waits until that counts. */
async function answer({ clock }: Scene, peer: Peer, queues: string): Promise<void> {
  await clock.advance(POLL_MS);
  await peer.asked();
  peer.send(`${queues}.\n`);
  // Whose answer has been taken is asked again a second later.
  await until(() => clock.nextAt() === clock.now() + POLL_MS);
}

describe('the demand of Gearman', () => {
  it('is nothing, and costs nothing, without servers', () => {
    const { demand, clock } = openScene(configOf([]));
    expect([demand.current().size, clock.nextAt()]).toEqual([0, null]);
  });

  it('is asked for each second', async () => {
    const server = await FakeGearman.start();
    const scene = openScene(configOf([server]));
    const peer = await server.welcome();
    await connected(scene);
    for (const jobs of [1, 2, 3]) {
      expect(scene.clock.nextAt()).toBe(scene.clock.now() + POLL_MS);
      await scene.clock.advance(POLL_MS);
      await peer.asked();
      peer.send(`build:a:small\t${jobs}\t0\t0\n.\n`);
      await until(() => scene.demand.current().get('small') === jobs);
    }
    expect(scene.changes).toEqual([{ small: 1 }, { small: 2 }, { small: 3 }]);
  });

  it('is the same object, and nobody is told, while nothing changes', async () => {
    const server = await FakeGearman.start();
    const scene = openScene(configOf([server]));
    const peer = await server.welcome();
    await connected(scene);
    await answer(scene, peer, 'build:a:small\t1\t0\t0\n');
    const before = scene.demand.current();
    await answer(scene, peer, 'build:a:small\t1\t1\t1\nbuild:b:small\t0\t0\t0\n');
    expect(scene.demand.current()).toBe(before);
    expect(scene.changes).toHaveLength(1);
  });

  it('adds up over servers, of which a silent one holds up no other', async () => {
    const [silent, server] = [await FakeGearman.start(), await FakeGearman.start()];
    const scene = openScene(configOf([silent, server]));
    const quiet = await silent.welcome();
    const peer = await server.welcome();
    await connected(scene, 0);
    await connected(scene, 1);
    await scene.clock.advance(POLL_MS);
    await quiet.asked();
    quiet.send('build:a\t5\t0\t0\n.\n');
    await peer.asked();
    peer.send('build:a:large\t1\t0\t0\n.\n');
    await until(() => scene.demand.current().get('large') === 6);
    for (const jobs of [2, 3, 4]) {
      await scene.clock.advance(POLL_MS);
      await peer.asked();
      peer.send(`build:a:large\t${jobs}\t0\t0\n.\n`);
      await until(() => scene.demand.current().get('large') === 5 + jobs);
    }
  });

  it('stays for 30 s when a server goes away, and is then nothing', async () => {
    const server = await FakeGearman.start();
    const scene = openScene(configOf([server]));
    const peer = await server.welcome();
    await connected(scene);
    await answer(scene, peer, 'build:a:small\t4\t0\t0\n');
    await server.stop();
    await until(() => !isConnected(scene));
    await scene.clock.advance(HOLD_MS - 1);
    expect(scene.demand.current()).toEqual(new Map([['small', 4]]));
    await scene.clock.advance(1);
    expect(scene.demand.current()).toEqual(new Map());
    expect(scene.changes).toEqual([{ small: 4 }, {}]);
    const name = `127.0.0.1:${server.config.port}`;
    expect(scene.lines.at(-1)).toBe(`the queues of Gearman server ${name} do not count until it answers again`);
  });

  it('goes on from what a server says that is back within 30 s', async () => {
    const server = await FakeGearman.start();
    const scene = openScene(configOf([server]));
    const peer = await server.welcome();
    await connected(scene);
    await answer(scene, peer, 'build:a:small\t4\t0\t0\n');
    peer.drop();
    await until(() => !isConnected(scene));
    await scene.clock.advance(POLL_MS);
    const again = await server.welcome();
    await connected(scene);
    await answer(scene, again, 'build:a:small\t5\t0\t0\n');
    await scene.clock.advance(HOLD_MS - 2 * POLL_MS);
    expect(scene.changes).toEqual([{ small: 4 }, { small: 5 }]);
  });

  it('stays for 30 s, too, when a server falls silent, in whatever way it is asked again', async () => {
    const server = await FakeGearman.start();
    const scene = openScene(configOf([server]));
    const peer = await server.welcome();
    await connected(scene);
    await answer(scene, peer, 'build:a:small\t4\t0\t0\n');
    await scene.clock.advance(POLL_MS + ANSWER_LIMIT_MS);
    await until(() => !isConnected(scene));
    await scene.clock.advance(POLL_MS);
    await (await server.accept()).asked();
    await scene.clock.advance(HOLD_MS - 2 * POLL_MS - ANSWER_LIMIT_MS - 1);
    expect(scene.demand.current().get('small')).toBe(4);
    await scene.clock.advance(1);
    expect(scene.demand.current().size).toBe(0);
  });

  it('leaves a server alone for a second after a slow answer', async () => {
    const server = await FakeGearman.start();
    const scene = openScene(configOf([server]));
    const peer = await server.welcome();
    await connected(scene);
    await scene.clock.advance(POLL_MS);
    await peer.asked();
    await scene.clock.advance(15_000);
    peer.send('build:a:small\t1\t0\t0\n.\n');
    await until(() => scene.demand.current().size > 0);
    expect(scene.clock.nextAt()).toBe(scene.clock.now() + POLL_MS);
    await scene.clock.advance(POLL_MS);
    await peer.asked();
  });

  it('warns once of functions without a number of jobs', async () => {
    const server = await FakeGearman.start();
    const scene = openScene(configOf([server]));
    const peer = await server.welcome();
    await connected(scene);
    await answer(scene, peer, 'build:a:small\tmany\t0\t0\nbuild:b:small\t1\t0\t0\n');
    await answer(scene, peer, 'build:c:small\tmany\t0\t0\n');
    const name = `127.0.0.1:${server.config.port}`;
    expect(scene.lines.slice(1)).toEqual([
      `Gearman server ${name} gives no number of jobs for build:a:small; it counts as none`,
    ]);
    expect(scene.changes).toEqual([{ small: 1 }, {}]);
  });

  it('follows the configuration: labels at once, servers by opening and closing connections', async () => {
    const [first, second] = [await FakeGearman.start(), await FakeGearman.start()];
    const scene = openScene(configOf([first]));
    const peer = await first.welcome();
    await connected(scene);
    await answer(scene, peer, 'build:a:small\t1\t0\t0\nbuild:a:gpu\t2\t0\t0\n');
    scene.demand.configure(configOf([first], ['gpu']));
    expect(scene.demand.current()).toEqual(new Map([['gpu', 2]]));
    scene.demand.configure(configOf([first, second], ['gpu']));
    await second.welcome();
    await connected(scene, 1);
    scene.demand.configure(configOf([second], ['gpu']));
    expect(scene.demand.current().size).toBe(0);
    await until(() => !peer.isOpen);
    expect([first.connections, second.connections]).toEqual([1, 1]);
  });

  it('connects once to a server that is configured twice, or again and again', async () => {
    const server = await FakeGearman.start();
    const scene = openScene(configOf([server, server]));
    await server.welcome();
    await connected(scene);
    scene.demand.configure(configOf([server, server]));
    await scene.clock.advance(POLL_MS);
    expect(server.connections).toBe(1);
  });

  it('leaves nothing behind when it is closed', async () => {
    const server = await FakeGearman.start();
    const scene = openScene(configOf([server]));
    const peer = await server.welcome();
    await connected(scene);
    await answer(scene, peer, 'build:a:small\t1\t0\t0\n');
    await scene.clock.advance(POLL_MS);
    await peer.asked();
    scene.demand.close();
    // What was asked is answered; the connection is not its own to end.
    peer.send('.\n');
    await until(() => scene.clock.nextAt() === null);
    expect([peer.isOpen, peer.unread, server.connections]).toEqual([true, 0, 1]);
  });
});
