/** Job events over real ZeroMQ: its own library as the publisher, Python's, and an old one played byte for byte. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Publisher } from 'zeromq';
import type { JobEvent } from '../../src/job-events/job-event.ts';
import { createJobEvents, type JobEvents } from '../../src/job-events/job-events.ts';
import { systemClock, type Clock } from '../../src/lib/clock.ts';
import type { Log } from '../../src/lib/log.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { findFreePort } from '../support/server-process.ts';
import { PythonPublisher } from '../support/zmq-publisher.ts';

const PATIENCE = { interval: 10, timeout: 30_000 };

function aMessage(nodename: string, event = 'onFinalized'): string {
  const build = { number: 1, phase: 'FINISHED', status: 'SUCCESS', parameters: { ZUUL_BRANCH: 'master' } };
  return `${event} ${JSON.stringify({ name: 'test', url: 'job/test/', build: { ...build, node_name: nodename } })}`;
}

interface Scene {
  readonly jobEvents: JobEvents;
  readonly events: readonly JobEvent[];
  readonly warnings: readonly string[];
  /** Waits until there was an event of this node. */
  readonly hears: (nodename: string) => Promise<void>;
  /** Nodes of all events but those that {@link reach} sent, in their order. */
  readonly heard: () => readonly string[];
}

function listenTo(endpoints: readonly string[], clock: Clock = systemClock): Scene {
  const events: JobEvent[] = [];
  const warnings: string[] = [];
  const nothing = (): void => undefined;
  const warn: Log['warn'] = (_fields, message) => void warnings.push(message);
  const log: Log = { debug: nothing, info: nothing, warn, error: warn, child: () => log };
  const jobEvents = createJobEvents({ clock, log, onEvent: (event) => void events.push(event) });
  onTestFinished(() => jobEvents.close());
  jobEvents.configure({ zmqPublishers: endpoints });
  const nodes = (): string[] => events.map(({ nodename }) => nodename);
  return {
    jobEvents,
    events,
    warnings,
    hears: (nodename) => expect.poll(nodes, PATIENCE).toContain(nodename),
    heard: () => nodes().filter((name) => !name.startsWith('reach-')),
  };
}

async function publish(endpoint = 'tcp://127.0.0.1:*'): Promise<Publisher> {
  const publisher = new Publisher({ linger: 0, ipv6: endpoint.includes('[') });
  onTestFinished(() => publisher.close());
  await publisher.bind(endpoint);
  return publisher;
}

const endpointOf = (publisher: Publisher): string => publisher.lastEndpoint!;

/** Publishers do not say who is subscribed: sends the same again and again until it gets there, and then all else does. */
async function reach(publisher: Publisher, { events }: Scene, clock?: FakeClock): Promise<void> {
  const nodename = `reach-${events.length}`;
  const arrives = async (): Promise<boolean> => {
    await clock?.advance(1000);
    await publisher.send(aMessage(nodename));
    return events.some((event) => event.nodename === nodename);
  };
  await expect.poll(arrives, PATIENCE).toBe(true);
}

describe('job events', () => {
  it('are those published from the subscription on, doubled ones twice, and malformed ones never', async () => {
    const publisher = await publish();
    await publisher.send(aMessage('early'));
    const scene = listenTo([endpointOf(publisher)]);
    await reach(publisher, scene);
    const malformed = [
      '',
      'onStarted',
      'onStarted {',
      'onStarted []',
      aMessage('n9', 'onDeleted'),
      Buffer.alloc(100_000, 0xff),
    ];
    for (const nodename of ['n1', 'n1', 'n2']) {
      for (const message of malformed) await publisher.send(message);
      await publisher.send([aMessage('n9'), aMessage('n9')]);
      await publisher.send(aMessage(nodename));
    }
    await scene.hears('n2');
    expect(scene.heard()).toEqual(['n1', 'n1', 'n2']);
    expect(scene.events.at(-1)).toEqual({
      kind: 'finalized',
      job: 'test',
      nodename: 'n2',
      status: 'SUCCESS',
      branch: 'master',
    });
    // Two of the malformed ones have no blank, as have the many bytes.
    expect(scene.warnings).toHaveLength(5);
  });

  it('come from several publishers, of which one starts late, and one cannot be', async () => {
    const late = `tcp://127.0.0.1:${await findFreePort()}`;
    const publisher = await publish();
    const scene = listenTo(['tcp://127.0.0.1', endpointOf(publisher), late, 'http://127.0.0.1:8888']);
    await reach(publisher, scene);
    const second = await publish(late);
    await reach(second, scene);
    await publisher.send(aMessage('n1'));
    await scene.hears('n1');
    await second.send(aMessage('n2'));
    await scene.hears('n2');
    const refused = 'cannot be subscribed to';
    expect(scene.warnings).toEqual([
      `job event publisher tcp://127.0.0.1 ${refused}: Invalid argument; tcp://HOST:PORT is expected`,
      `job event publisher http://127.0.0.1:8888 ${refused}: Protocol not supported; tcp://HOST:PORT is expected`,
    ]);
  });

  it('come over IPv6', async () => {
    const publisher = await publish('tcp://[::1]:*');
    await reach(publisher, listenTo([endpointOf(publisher)]));
  });

  it.each([
    ['tcp://127.0.0.1:*', '127.0.0.1:0'],
    ['tcp://[::1]:*', '[::1]:0'],
    ['tcp://[::1]:*', 'lo:0'],
  ])('come from %s also to the address %s that the configuration names', async (bound, source) => {
    const publisher = await publish(bound);
    await reach(publisher, listenTo([endpointOf(publisher).replace('tcp://', `tcp://${source};`)]));
  });

  it('all arrive when there are more at once than may wait on our side', async () => {
    const publisher = await publish();
    const scene = listenTo([endpointOf(publisher)]);
    await reach(publisher, scene);
    const nodes = Array.from({ length: 900 }, (_, index) => `n${index}`);
    for (const nodename of nodes) await publisher.send(aMessage(nodename));
    await scene.hears('n899');
    expect(scene.heard()).toEqual(nodes);
  });
});

describe('a publisher', () => {
  it('that breaks the protocol is subscribed to anew, although libzmq gives it up', async () => {
    const clock = createFakeClock();
    const publisher = await publish();
    const scene = listenTo([endpointOf(publisher)], clock);
    for (let times = 0; times < 2; times += 1) {
      await reach(publisher, scene, clock);
      // It ends the connection: what is sent after it is heard by a new subscription, or by nobody.
      await publisher.send(`onStarted ${'x'.repeat(1024 * 1024)}`);
    }
    await reach(publisher, scene, clock);
    expect(scene.warnings).toHaveLength(1);
  });

  it('that vanishes without a word is found out by the kernel, which asks for it within half a minute', async () => {
    const publisher = await publish();
    const scene = listenTo([endpointOf(publisher)]);
    await reach(publisher, scene);
    const port = Number(endpointOf(publisher).split(':').at(-1)).toString(16).toUpperCase().padStart(4, '0');
    // https://docs.kernel.org/networking/proc_net_tcp.html: addresses, state, queues, timer:when (in 1/100 s).
    const table = (await readFile('/proc/self/net/tcp', 'utf8')).split('\n').map((line) => line.trim().split(/\s+/));
    const ours = table.filter(([, , remote, state]) => remote === `0100007F:${port}` && state === '01');
    expect(ours).toHaveLength(1);
    const [timer, when] = ours[0]![5]!.split(':').map((field) => parseInt(field, 16));
    const KEEPALIVE = 2;
    expect(timer).toBe(KEEPALIVE);
    expect(when).toBeLessThanOrEqual(3000);
  });

  // Greeting and frames: https://rfc.zeromq.org/spec/15/ (ZMTP 2.0).
  it('of the age of the plugin is heard', async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    await once(server, 'listening');
    const scene = listenTo([`tcp://127.0.0.1:${(server.address() as AddressInfo).port}`]);
    await once(server, 'connection');
    const [socket] = sockets;
    const ours = { received: '' };
    socket!.on('data', (data) => (ours.received += data.toString('hex')));
    const [signature, revision, publisher, anonymous] = ['ff00000000000000017f', '01', '01', '0000'];
    socket!.write(Buffer.from(signature + revision + publisher + anonymous, 'hex'));
    // A frame of one byte, 01, and no more: a subscription to everything.
    await expect.poll(() => ours.received, PATIENCE).toMatch(/000101$/);
    for (const nodename of ['n1', 'n2']) {
      const message = aMessage(nodename);
      socket!.write(Buffer.concat([Buffer.of(0, message.length), Buffer.from(message)]));
    }
    await scene.hears('n2');
    expect(scene.heard()).toEqual(['n1', 'n2']);
  });
});

describe('the subscription to another maker’s publisher', () => {
  beforeAll(async () => void (await PythonPublisher.create()));

  it('waits for its start, and outlives its death', async () => {
    const publisher = await PythonPublisher.create();
    onTestFinished(() => publisher.kill());
    const scene = listenTo([publisher.endpoint]);
    for (const nodename of ['n1', 'n2', 'n3']) {
      await publisher.start();
      await publisher.subscribed();
      for (const message of [aMessage(nodename), 'nonsense', Buffer.alloc(300), aMessage(nodename, 'onStarted')]) {
        publisher.send(message);
      }
      await expect.poll(() => scene.events.at(-1), PATIENCE).toMatchObject({ nodename, kind: 'started' });
      await publisher.kill();
    }
    expect(scene.events.map(({ nodename, kind }) => [nodename, kind])).toEqual(
      ['n1', 'n2', 'n3'].flatMap((nodename) => [
        [nodename, 'finalized'],
        [nodename, 'started'],
      ]),
    );
  });
});

describe('the end of job events', () => {
  it('comes at once, for what left the configuration and for all, and a new beginning is one', async () => {
    const publisher = await publish();
    const endpoint = endpointOf(publisher);
    const scene = listenTo([endpoint]);
    await reach(publisher, scene);
    scene.jobEvents.configure({ zmqPublishers: [] });
    await publisher.send(aMessage('n1'));
    scene.jobEvents.configure({ zmqPublishers: [endpoint] });
    await reach(publisher, scene);
    await publisher.send(aMessage('n2'));
    await scene.hears('n2');
    await scene.jobEvents.close();
    await publisher.send(aMessage('n3'));
    expect(scene.heard()).toEqual(['n2']);
  });

  it('leaves no sockets, however often it comes', async () => {
    const publisher = await publish();
    const descriptors = async (): Promise<number> => (await readdir('/proc/self/fd')).length;
    const scene = listenTo([endpointOf(publisher), 'nowhere']);
    await reach(publisher, scene);
    const before = await descriptors();
    const silent = `tcp://127.0.0.1:${await findFreePort()}`;
    for (let times = 0; times < 100; times += 1) {
      scene.jobEvents.configure({ zmqPublishers: [] });
      scene.jobEvents.configure({ zmqPublishers: [endpointOf(publisher), silent, 'nowhere'] });
      await turn();
    }
    scene.jobEvents.configure({ zmqPublishers: [endpointOf(publisher), 'nowhere'] });
    await reach(publisher, scene);
    await expect.poll(descriptors, PATIENCE).toBeLessThanOrEqual(before);
  });

  it('leaves nothing that keeps a process from ending', async () => {
    const publisher = await publish();
    const program = fileURLToPath(new URL('../../dist/src/job-events/job-events.js', import.meta.url));
    const script = `
      import { createJobEvents } from ${JSON.stringify(program)};
      const { silentLog } = await import(${JSON.stringify(fileURLToPath(new URL('../../dist/src/lib/log.js', import.meta.url)))});
      const { systemClock } = await import(${JSON.stringify(fileURLToPath(new URL('../../dist/src/lib/clock.js', import.meta.url)))});
      const onEvent = () => {
        process.stdout.write('heard\\n');
        void jobEvents.close().then(() => process.stdout.write('closed\\n'));
      };
      const jobEvents = createJobEvents({ clock: systemClock, log: silentLog, onEvent });
      // One that is connected, one that nobody listens at, and one that cannot be.
      jobEvents.configure({ zmqPublishers: process.argv.slice(1) });
    `;
    const endpoints = [endpointOf(publisher), `tcp://127.0.0.1:${await findFreePort()}`, 'nowhere'];
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, ...endpoints], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const said: string[] = [];
    createInterface(child.stdout).on('line', (line) => said.push(line));
    const exit = once(child, 'exit');
    const sent = async (): Promise<readonly string[]> => {
      await publisher.send(aMessage('n1'));
      return said;
    };
    await expect.poll(sent, PATIENCE).toEqual(['heard', 'closed']);
    expect(await exit).toEqual([0, null]);
  });
});
