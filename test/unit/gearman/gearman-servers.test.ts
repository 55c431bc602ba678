import { describe, expect, it, onTestFinished } from 'vitest';
import { createGearmanServers, type GearmanServers } from '../../../src/gearman/gearman-servers.ts';
import { PACKET_TYPES } from '../../../src/gearman/packets.ts';
import type { FakeClock } from '../../support/fake-clock.ts';
import { createSurroundings, failureOf, FakeGearman, response, until, type Peer } from './scene.ts';

const JOB = { name: 'node_assign:zuul', unique: 'n1', payload: '{}' };

interface Scene {
  readonly servers: GearmanServers;
  readonly clock: FakeClock;
}

function openScene(...configured: readonly FakeGearman[]): Scene {
  const { clock, random, log } = createSurroundings();
  const servers = createGearmanServers({ clock, random, log });
  onTestFinished(() => servers.close());
  servers.configure(configOf(...configured));
  return { servers, clock };
}

const configOf = (...servers: readonly FakeGearman[]) => ({ gearmanServers: servers.map(({ config }) => config) });

const nameOf = ({ config }: FakeGearman): string => `127.0.0.1:${config.port}`;

async function isConnected({ servers }: Scene, index: number, wanted = true): Promise<void> {
  await until(() => servers.connections()[index]!.describe().connected === wanted);
}

/** Waits for the next job at `peer`, and does it. */
async function work(peer: Peer, result: string): Promise<void> {
  await peer.submitted();
  peer.send(response(PACKET_TYPES.jobCreated, `H:${result}`));
  peer.send(response(PACKET_TYPES.workComplete, `H:${result}`, result));
}

describe('a job for whichever Gearman server there is', () => {
  it('goes to the first one, and to the next one while that is away', async () => {
    const [first, second] = [await FakeGearman.start(), await FakeGearman.start()];
    const scene = openScene(first, second);
    // The order of the configuration counts, not the one in which they answer.
    const there = await second.welcome();
    await isConnected(scene, 1);
    const here = await first.welcome();
    await isConnected(scene, 0);
    const submit = async (peer: Peer, result: string): Promise<void> => {
      const answer = scene.servers.submit(JOB);
      await work(peer, result);
      expect((await answer).toString()).toBe(result);
    };
    await submit(here, 'first');
    here.drop();
    await isConnected(scene, 0, false);
    await submit(there, 'second');
    await scene.clock.advance(1000);
    const again = await first.welcome();
    await isConnected(scene, 0);
    await submit(again, 'first, again');
    expect(there.unread).toBe(0);
  });

  it('goes to the first one that has workers for it, when one has', async () => {
    const [first, second] = [await FakeGearman.start(), await FakeGearman.start()];
    const scene = openScene(first, second);
    const here = await first.welcome(['node_assign:other']);
    const there = await second.welcome(['build:a:b', JOB.name]);
    await isConnected(scene, 0);
    await isConnected(scene, 1);
    const { servers } = scene;
    expect(['node_assign:other', JOB.name, 'node_assign'].map((name) => servers.hasWorkers(name))).toEqual([
      true,
      true,
      false,
    ]);
    const answer = servers.submit(JOB);
    await work(there, 'done');
    expect([(await answer).toString(), here.unread]).toEqual(['done', 0]);
    there.drop();
    await isConnected(scene, 1, false);
    expect(servers.hasWorkers(JOB.name)).toBe(false);
  });

  it('is refused while there is none, with the reason', async () => {
    const server = await FakeGearman.start();
    const scene = openScene(server);
    const peer = await server.accept();
    const refusal = async () => failureOf(scene.servers.submit(JOB));
    const early = `Gearman server ${nameOf(server)} has not answered yet`;
    expect(await refusal()).toMatchObject({ code: 'unavailable', message: early });
    await peer.asked();
    peer.drop();
    await until(() => scene.servers.connections()[0]!.describe().problem !== null);
    const lost = `Gearman server ${nameOf(server)} closed the connection`;
    expect(await refusal()).toMatchObject({ code: 'unavailable', message: lost });
    scene.servers.configure(configOf());
    const none = 'no Gearman server is configured';
    expect(await refusal()).toMatchObject({ code: 'unavailable', message: none });
  });
});

describe('the connections to Gearman servers', () => {
  it('stay with servers that stay in the configuration, and what waits there with them', async () => {
    const [first, second] = [await FakeGearman.start(), await FakeGearman.start()];
    const scene = openScene(first);
    const peer = await first.welcome();
    await isConnected(scene, 0);
    const [connection] = scene.servers.connections();
    const answer = scene.servers.submit(JOB);
    scene.servers.configure(configOf(second, first, first));
    await second.welcome();
    await isConnected(scene, 0);
    expect(scene.servers.connections().map((one) => one.describe().server)).toEqual([second, first].map(nameOf));
    expect([scene.servers.connections()[1] === connection, first.connections]).toEqual([true, 1]);
    await work(peer, 'done');
    expect((await answer).toString()).toBe('done');
  });

  it('end with servers that leave it, and what waits there is abandoned', async () => {
    const [first, second] = [await FakeGearman.start(), await FakeGearman.start()];
    const scene = openScene(first);
    const peer = await first.welcome();
    await isConnected(scene, 0);
    const failure = failureOf(scene.servers.submit(JOB));
    scene.servers.configure(configOf(second));
    const message = `the connection to Gearman server ${nameOf(first)} was given up`;
    expect(await failure).toMatchObject({ code: 'aborted', message });
    await until(() => !peer.isOpen);
  });

  it('leave nothing behind when they are closed', async () => {
    const server = await FakeGearman.start();
    const scene = openScene(server);
    const peer = await server.welcome();
    await isConnected(scene, 0);
    const failure = failureOf(scene.servers.submit(JOB));
    scene.servers.close();
    expect(await failure).toMatchObject({ code: 'aborted' });
    await until(() => !peer.isOpen);
    await scene.clock.advance(60_000);
    expect([scene.servers.connections(), scene.clock.nextAt(), server.connections]).toEqual([[], null, 1]);
  });
});
