import { describe, expect, it, onTestFinished } from 'vitest';
import { GearmanConnection } from '../../../src/gearman/connection.ts';
import { MAX_RESULT_BYTES, type Submission } from '../../../src/gearman/jobs.ts';
import { PACKET_TYPES } from '../../../src/gearman/packets.ts';
import { MAX_PACKET_BYTES } from '../../../src/gearman/reader.ts';
import type { FakeClock } from '../../support/fake-clock.ts';
import { ANSWER_LIMIT_MS, createSurroundings, failureOf, FakeGearman, response, until, type Peer } from './scene.ts';

const never = new AbortController().signal;
/** The longest first pause before a new attempt. */
const PAUSE_MS = 1000;
/** The longest pause after many attempts. */
const LONGEST_PAUSE_MS = 10_000;

interface Scene {
  readonly server: FakeGearman;
  readonly connection: GearmanConnection;
  readonly clock: FakeClock;
  readonly lines: readonly string[];
  /** The name of the server. */
  readonly name: string;
}

async function openScene(): Promise<Scene> {
  const server = await FakeGearman.start();
  const { clock, lines, ...deps } = createSurroundings();
  const connection = new GearmanConnection(server.config, { ...deps, clock });
  onTestFinished(() => connection.close());
  return { server, connection, clock, lines, name: `127.0.0.1:${server.config.port}` };
}

/** A scene in which the server has answered. */
async function openConnected(): Promise<Scene & { readonly peer: Peer }> {
  const scene = await openScene();
  const peer = await scene.server.welcome();
  await until(() => scene.connection.describe().connected);
  return { ...scene, peer };
}

/** A job of its own, and without anything to say. */
const aJob = (name: string): Submission => ({ name, unique: `${name}-1`, payload: '' });

const isLost = ({ connection }: Scene) => !connection.describe().connected;

/** Whether it waits until it tries again, and not for an answer, not even one that it has waited for as long as it may rest. */
const isResting = ({ clock }: Scene) => clock.nextAt() !== null && clock.nextAt()! < clock.now() + LONGEST_PAUSE_MS;

/** Resolves when the client has read all that the server has sent. */
async function hasRead({ connection, peer }: { connection: GearmanConnection; peer: Peer }): Promise<void> {
  const answer = connection.status(never);
  await peer.asked();
  peer.send('.\n');
  await answer;
}

describe('a connection to a Gearman server', () => {
  it('says who it is, asks for exceptions, and holds once the queues were told', async () => {
    const { server, connection, lines, name } = await openScene();
    const peer = await server.accept();
    expect([await peer.next(), await peer.next(), await peer.next()]).toEqual([
      { kind: 'packet', type: 22, data: Buffer.from('nodepool') },
      { kind: 'packet', type: 26, data: Buffer.from('exceptions') },
      { kind: 'line', text: 'status' },
    ]);
    expect(connection.describe()).toEqual({ server: name, connected: false, problem: null });
    const problem = `Gearman server ${name} has not answered yet`;
    expect(await failureOf(connection.status(never))).toMatchObject({ code: 'unavailable', message: problem });
    peer.send(Buffer.concat([response(27, 'exceptions'), Buffer.from('.\n')]));
    await until(() => connection.describe().connected);
    expect(lines).toEqual([`Gearman server ${name} answers`]);
  });

  it('holds with a server that does not know the option', async () => {
    const { server, connection } = await openScene();
    const peer = await server.accept();
    peer.send(Buffer.concat([response(19, 'UNKNOWN_OPTION', 'no such option'), Buffer.from('.\n')]));
    await until(() => connection.describe().connected);
  });

  it('is made again when it was lost, and says once that it was and once that it is back', async () => {
    const scene = await openConnected();
    const { server, connection, clock, lines, name, peer } = scene;
    await clock.advance(5000);
    peer.drop();
    await until(() => isLost(scene));
    const problem = `Gearman server ${name} closed the connection`;
    expect(connection.describe()).toMatchObject({ connected: false, problem });
    expect(await failureOf(connection.submit(aJob('f')))).toMatchObject({
      code: 'unavailable',
      message: problem,
    });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await clock.advance(10_000);
      (await server.accept()).drop();
      await until(() => isResting(scene));
    }
    await clock.advance(10_000);
    await server.welcome();
    await until(() => connection.describe().connected);
    const answers = `Gearman server ${name} answers`;
    expect(lines).toEqual([answers, `${problem}; trying again`, answers]);
    expect(connection.describe()).toMatchObject({ connected: true, problem: null });
  });

  it('is tried after a second at most, then ever more rarely, at least each ten seconds', async () => {
    const scene = await openScene();
    const { server, clock } = scene;
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 8; attempt += 1) {
      (await server.accept()).drop();
      await until(() => isResting(scene));
      pauses.push(clock.nextAt()! - clock.now());
      await clock.advance(pauses.at(-1)!);
    }
    const longest = [1000, 2000, 4000, 8000, 10_000, 10_000, 10_000, 10_000];
    expect(pauses.filter((pause, index) => pause > longest[index]! || pause < longest[index]! / 2)).toEqual([]);
    expect(new Set(pauses.slice(4)).size).toBe(4);
  });

  it('is tried soon again after it was good for a minute, and not when it is lost each time at once', async () => {
    const { server, connection, clock } = await openScene();
    const pauseAfter = async (ms: number): Promise<number> => {
      const peer = await server.welcome();
      await until(() => connection.describe().connected);
      await clock.advance(ms);
      peer.drop();
      await until(() => clock.nextAt() !== null);
      const pause = clock.nextAt()! - clock.now();
      await clock.advance(pause);
      return pause;
    };
    for (let loss = 0; loss < 4; loss += 1) await pauseAfter(0);
    expect(await pauseAfter(59_999)).toBeGreaterThan(4000);
    expect(await pauseAfter(60_000)).toBeLessThanOrEqual(PAUSE_MS);
  });

  it('says why there is nothing at its address', async () => {
    const scene = await openConnected();
    await scene.server.stop();
    await until(() => isLost(scene));
    await scene.clock.advance(PAUSE_MS);
    await until(() => scene.connection.describe().problem!.includes('ECONNREFUSED'));
    const { problem } = scene.connection.describe();
    expect(problem).toBe(`Gearman server ${scene.name} does not answer: connect ECONNREFUSED ${scene.name}`);
  });

  it('is given up for good when it is closed', async () => {
    const scene = await openConnected();
    const { connection, peer, clock, server } = scene;
    const answer = failureOf(connection.status(never));
    connection.close();
    expect(await answer).toMatchObject({ code: 'aborted' });
    await until(() => !peer.isOpen);
    await clock.advance(60_000);
    expect([server.connections, clock.nextAt(), scene.lines.length]).toEqual([1, null, 1]);
  });
});

describe('asking for the queues', () => {
  it('gives what the server tells', async () => {
    const { connection, peer } = await openConnected();
    const answer = connection.status(never);
    await peer.asked();
    peer.send('build:a:small\t2');
    peer.send('\t1\t0\n.');
    peer.send('\n');
    expect(await answer).toEqual([{ name: 'build:a:small', jobs: 2, hasWorkers: false }]);
  });

  it('gives the same answer to all who ask at the same time', async () => {
    const { connection, peer } = await openConnected();
    const answers = Promise.all([connection.status(never), connection.status(never)]);
    await peer.asked();
    peer.send('.\n');
    expect(await answers).toEqual([[], []]);
    expect(peer.unread).toBe(0);
  });

  it('can be abandoned, which the answer does not confuse with the next question', async () => {
    const { connection, peer } = await openConnected();
    const interrupt = new AbortController();
    const abandoned = failureOf(connection.status(interrupt.signal));
    interrupt.abort();
    expect(await abandoned).toMatchObject({ code: 'aborted' });
    await peer.asked();
    peer.send('f\t1\t0\t0\n.\n');
    const next = connection.status(never);
    expect(await next).toEqual([{ name: 'f', jobs: 1, hasWorkers: false }]);
  });

  it.each([
    ['nothing', ''],
    ['half of an answer', 'build:a:small\t2\t1\t0\nbuild:b'],
    ['half of a packet', response(13, 'H:1', 'done').subarray(0, 15)],
  ])('ends the connection with a server that sends %s for 20 s, and not before', async (_, bytes) => {
    const scene = await openConnected();
    const answer = failureOf(scene.connection.status(never));
    await scene.peer.asked();
    scene.peer.send(bytes);
    await scene.clock.advance(ANSWER_LIMIT_MS - 1);
    expect(isLost(scene)).toBe(false);
    await scene.clock.advance(1);
    const message = `Gearman server ${scene.name} does not answer in time`;
    expect(await answer).toMatchObject({ code: 'unavailable', message });
    await until(() => !scene.peer.isOpen);
  });

  it('does so too with one that takes the connection and is silent from the first', async () => {
    const { server, connection, clock, name } = await openScene();
    const peer = await server.accept();
    await clock.advance(ANSWER_LIMIT_MS);
    expect(connection.describe().problem).toBe(`Gearman server ${name} does not answer in time`);
    await until(() => !peer.isOpen);
  });

  const tooLarge = response(28, '');
  tooLarge.writeUInt32BE(MAX_PACKET_BYTES + 1, 8);

  it.each([
    ['a line without end', 'x'.repeat(2000), 'sends a line of more than 1024 bytes'],
    ['a list without end', 'f\t1\t0\t0\n'.repeat(50_001), 'lists more than 50000 functions'],
    ['a packet of any size', tooLarge, 'sends a packet of 1048577 bytes'],
    ['another protocol', '\0'.repeat(99), 'sends what is not the Gearman protocol'],
    ['a refusal', 'ERR NO sorry\r\n', 'refuses to tell its status: ERR NO sorry'],
    ['two answers', '.\n.\n', 'sends text that nobody asked for'],
    ['the handle of no job', response(8, 'H:1'), 'takes a job that nobody submitted'],
  ])('ends the connection with a server that sends %s', async (_, bytes, what) => {
    const scene = await openConnected();
    const answer = Promise.allSettled([scene.connection.status(never)]);
    await scene.peer.asked();
    scene.peer.send(bytes);
    await until(() => isLost(scene));
    expect(scene.connection.describe().problem).toBe(`Gearman server ${scene.name} ${what}`);
    await answer;
    await until(() => !scene.peer.isOpen);
  });
});

describe('a job', () => {
  const T = PACKET_TYPES;

  it('comes back with its result', async () => {
    const { connection, peer } = await openConnected();
    const job = { name: 'node_assign:zuul', unique: 'n1-of-zuul', payload: '{"name":"n1"}' };
    const result = connection.submit(job);
    expect(await peer.submitted()).toEqual(['node_assign:zuul', 'n1-of-zuul', '{"name":"n1"}']);
    peer.send(response(T.jobCreated, 'H:1'));
    peer.send(response(T.workComplete, 'H:1', '{"manager":"m"}'));
    expect((await result).toString()).toBe('{"manager":"m"}');
  });

  it('is one of a function and an id while it is not over', async () => {
    const { connection, peer } = await openConnected();
    const results = Promise.all(['f', 'f', 'f'].map((name) => connection.submit(aJob(name))));
    await peer.submitted();
    peer.send(response(T.jobCreated, 'H:f'));
    void failureOf(connection.submit({ ...aJob('f'), name: 'g' }));
    expect((await peer.submitted())[0]).toBe('g');
    peer.send(response(T.workComplete, 'H:f', 'done'));
    expect((await results).map(String)).toEqual(['done', 'done', 'done']);
    void failureOf(connection.submit(aJob('f')));
    expect((await peer.submitted())[0]).toBe('f');
  });

  it('comes back with all parts of its result, and without warnings and progress', async () => {
    const { connection, peer } = await openConnected();
    const result = connection.submit(aJob('f'));
    await peer.submitted();
    const packets = [
      response(T.jobCreated, 'H:1'),
      response(T.workData, 'H:1', 'one '),
      response(29, 'H:1', 'beware'),
      response(12, 'H:1', '1', '2'),
      response(T.workData, 'H:2', 'of somebody else '),
      response(T.workData, 'H:1', 'two\0 '),
      response(T.workComplete, 'H:1', 'three'),
    ];
    peer.send(Buffer.concat(packets));
    expect((await result).toString()).toBe('one two\0 three');
  });

  it('comes back to its submitter, in whatever order jobs end', async () => {
    const { connection, peer } = await openConnected();
    const results = Promise.all(['a', 'b', 'c'].map((name) => connection.submit(aJob(name))));
    for (const handle of ['H:a', 'H:b', 'H:c']) {
      await peer.submitted();
      peer.send(response(T.jobCreated, handle));
    }
    for (const name of ['c', 'a', 'b']) peer.send(response(T.workComplete, `H:${name}`, `result of ${name}`));
    expect((await results).map(String)).toEqual(['result of a', 'result of b', 'result of c']);
  });

  it.each([
    ['fails', response(T.workFail, 'H:1'), 'failed'],
    [
      'ends with an exception',
      response(T.workException, 'H:1', 'Traceback\n  boom\x1b[2J'),
      'failed: Traceback boom [2J',
    ],
    ['ends with a long exception', response(T.workException, 'H:1', 'x'.repeat(5000)), `failed: ${'x'.repeat(200)}...`],
    [
      'answers without end',
      Buffer.concat([
        response(T.workData, 'H:1', 'x'.repeat(MAX_RESULT_BYTES / 2)),
        response(T.workComplete, 'H:1', 'x'.repeat(MAX_RESULT_BYTES / 2 + 1)),
      ]),
      'answered with more than 1048576 bytes',
    ],
  ])('that %s is a failed command', async (_, bytes, what) => {
    const { connection, peer, name } = await openConnected();
    const failure = failureOf(connection.submit(aJob('f')));
    await peer.submitted();
    peer.send(response(T.jobCreated, 'H:1'));
    peer.send(bytes);
    const message = `job f at Gearman server ${name} ${what}`;
    expect(await failure).toMatchObject({ code: 'command-failed', message });
    expect(connection.describe().connected).toBe(true);
  });

  it('that the server refuses is not confused with the next one', async () => {
    const { connection, peer, name } = await openConnected();
    const refused = failureOf(connection.submit(aJob('f')));
    const result = connection.submit(aJob('g'));
    peer.send(response(T.error, '0', 'Permission denied by ACL\0'));
    peer.send(response(T.jobCreated, 'H:1'));
    peer.send(response(T.workComplete, 'H:1', 'done'));
    const message = `Gearman server ${name} did not take job f: 0 Permission denied by ACL`;
    expect(await refused).toMatchObject({ code: 'unavailable', message });
    expect((await result).toString()).toBe('done');
  });

  it('is lost with the connection, whether the server has taken it or not', async () => {
    const { connection, peer, name, clock } = await openConnected();
    const taken = failureOf(connection.submit(aJob('f')));
    const submitted = failureOf(connection.submit(aJob('g')));
    await peer.submitted();
    peer.send(response(T.jobCreated, 'H:1'));
    await peer.submitted();
    peer.drop();
    const expected = { code: 'unavailable', message: `Gearman server ${name} closed the connection` };
    expect([await taken, await submitted]).toMatchObject([expected, expected]);
    connection.close();
    await until(() => clock.nextAt() === null);
  });

  it('may take any time, in which the server is asked each 20 s whether it still knows it', async () => {
    const { connection, peer, clock } = await openConnected();
    const result = connection.submit(aJob('f'));
    await peer.submitted();
    peer.send(response(T.jobCreated, 'H:1'));
    await hasRead({ connection, peer });
    for (const known of [['1', '0'], ['1', '1'], null, null]) {
      await clock.advance(ANSWER_LIMIT_MS - 1);
      expect(peer.unread).toBe(0);
      await clock.advance(1);
      expect(await peer.requested(T.getStatus)).toEqual(['H:1']);
      // A server that does not know the question is no reason to give up.
      if (known !== null) peer.send(response(T.statusAnswer, 'H:1', ...known, '0', '0'));
    }
    peer.send(response(T.workComplete, 'H:1', 'late'));
    expect((await result).toString()).toBe('late');
    expect(clock.nextAt()).toBeNull();
  });

  it('that the server has forgotten is given up, and is another one when it is submitted again', async () => {
    const { connection, peer, clock, name } = await openConnected();
    const failure = failureOf(connection.submit(aJob('f')));
    await peer.submitted();
    peer.send(response(T.jobCreated, 'H:1'));
    await hasRead({ connection, peer });
    await clock.advance(ANSWER_LIMIT_MS);
    await peer.requested(T.getStatus);
    peer.send(response(T.statusAnswer, 'H:1', '0', '0', '0', '0'));
    const message = `job f at Gearman server ${name} was forgotten there`;
    expect(await failure).toMatchObject({ code: 'unavailable', message });
    const result = connection.submit(aJob('f'));
    await peer.submitted();
    peer.send(response(T.jobCreated, 'H:2'));
    peer.send(response(T.workComplete, 'H:2', 'done'));
    expect((await result).toString()).toBe('done');
  });

  it('must be taken within 20 s', async () => {
    const scene = await openConnected();
    const { connection, peer, clock } = scene;
    const failure = failureOf(connection.submit(aJob('f')));
    await peer.submitted();
    await clock.advance(ANSWER_LIMIT_MS - 1);
    expect(isLost(scene)).toBe(false);
    await clock.advance(1);
    expect(await failure).toMatchObject({ code: 'unavailable' });
  });
});
