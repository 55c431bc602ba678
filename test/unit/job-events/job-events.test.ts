import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { NodepoolError } from '../../../src/lib/errors.ts';
import { aMessage, openScene, settle } from './scene.ts';

const [ONE, TWO] = ['tcp://jenkins01:8888', 'tcp://jenkins02:8888'];
const RETRY_LIMIT_MS = 5000;
const PAUSE_MS = 5000;
const AWAY_MS = 10_000;

describe('job events', () => {
  it('need and cost nothing without publishers', async () => {
    const { configure, clock, loads } = openScene();
    await configure();
    expect([loads(), clock.nextAt()]).toEqual([0, null]);
  });

  it('come from all publishers, as often and in the order in which these send them', async () => {
    const { configure, events, subscriptions } = openScene();
    await configure(ONE, TWO);
    const [one, two] = subscriptions;
    await one!.send(aMessage('n1', 'onFinalized'));
    await two!.send(aMessage('n2'));
    await one!.send(aMessage('n1'));
    await one!.send(aMessage('n1'));
    expect(events.map(({ nodename, kind }) => [nodename, kind])).toEqual([
      ['n1', 'finalized'],
      ['n2', 'started'],
      ['n1', 'started'],
      ['n1', 'started'],
    ]);
  });

  it('on builds that matter to nobody are known to the debug log alone', async () => {
    const { configure, events, subscriptions, lines, debugLines } = openScene();
    await configure(ONE);
    await subscriptions[0]!.send(aMessage(''));
    expect(events).toEqual([]);
    expect(lines).toEqual([`info: job event publisher ${ONE} answers`]);
    expect(debugLines).toEqual(['a job event does not matter: the build is on Jenkins itself']);
  });

  it('go on after one that could not be handled', async () => {
    const onEvent = ({ nodename }: { nodename: string }): void => {
      if (nodename === 'bad') throw new Error('a mistake of ours');
    };
    const { configure, events, subscriptions, lines } = openScene({ onEvent });
    await configure(ONE);
    for (const name of ['bad', 'n1']) await subscriptions[0]!.send(aMessage(name));
    expect(events.map(({ nodename }) => nodename)).toEqual(['bad', 'n1']);
    expect(lines.slice(1)).toEqual(['error: a job event could not be handled']);
  });

  it('let everybody else run, however many there are', async () => {
    const { configure, events, subscriptions } = openScene();
    await configure(ONE);
    for (let message = 0; message < 1000; message += 1) subscriptions[0]!.queue(aMessage('n1'));
    await turn();
    await turn();
    expect(events.length).toBeLessThan(5);
  });
});

describe('the publishers listened to', () => {
  it('are those of the configuration, each once', async () => {
    const { configure, subscriptions } = openScene();
    const open = (): unknown => subscriptions.filter(({ isOpen }) => isOpen).map(({ endpoint }) => endpoint);
    await configure(ONE, ONE);
    expect(open()).toEqual([ONE]);
    await configure(TWO, ONE);
    expect(open()).toEqual([ONE, TWO]);
    await configure(TWO);
    expect(open()).toEqual([TWO]);
    await configure();
    expect(open()).toEqual([]);
    expect(subscriptions).toHaveLength(2);
  });

  it('are not even compared while the configuration is the same', async () => {
    const { jobEvents, subscriptions } = openScene();
    const zmqPublishers = [ONE];
    jobEvents.configure({ zmqPublishers });
    zmqPublishers.push(TWO);
    jobEvents.configure({ zmqPublishers });
    await settle();
    expect(subscriptions.map(({ endpoint }) => endpoint)).toEqual([ONE]);
  });

  it('tell nothing any more once they have left the configuration, and are new when they come back', async () => {
    const { jobEvents, configure, events, subscriptions } = openScene();
    await configure(ONE);
    const [before] = subscriptions;
    for (const name of ['n1', 'n2']) before!.queue(aMessage(name));
    jobEvents.configure({ zmqPublishers: [] });
    jobEvents.configure({ zmqPublishers: [ONE] });
    await settle();
    expect([before!.isOpen, subscriptions.length, events]).toEqual([false, 2, []]);
    await subscriptions[1]!.send(aMessage('n3'));
    expect(events.map(({ nodename }) => nodename)).toEqual(['n3']);
  });

  it('tell nothing once they are closed, not even from within an event, and stay closed', async () => {
    const { jobEvents, configure, events, subscriptions, clock } = openScene({
      onEvent: () => void jobEvents.close(),
    });
    await configure(ONE, TWO);
    for (const name of ['n1', 'n2']) subscriptions[0]!.queue(aMessage(name));
    await subscriptions[1]!.become('connected', 'lost');
    await jobEvents.close();
    await configure(TWO);
    expect(events.map(({ nodename }) => nodename)).toEqual(['n1']);
    expect(subscriptions.map(({ isOpen }) => isOpen)).toEqual([false, false]);
    expect(clock.nextAt()).toBeNull();
  });

  it('tell nothing once they are closed, however far on its way a message is', async () => {
    for (let steps = 0; steps < 10; steps += 1) {
      const { jobEvents, configure, events, subscriptions } = openScene();
      await configure(ONE);
      subscriptions[0]!.queue(aMessage('n1'));
      for (let step = 0; step < steps; step += 1) await Promise.resolve();
      const closed = jobEvents.close();
      const heard = events.length;
      await closed;
      await settle();
      expect(events).toHaveLength(heard);
    }
  });

  it('are not subscribed to when they left before the package was loaded', async () => {
    let finish = (): void => undefined;
    const loaded = new Promise<void>((resolve) => (finish = resolve));
    const { jobEvents, configure, subscriptions } = openScene({ load: (subscribe) => loaded.then(() => subscribe) });
    await configure(ONE);
    let isClosed = false;
    const closed = jobEvents.close().then(() => (isClosed = true));
    await settle();
    expect(isClosed).toBe(false);
    finish();
    await closed;
    expect(subscriptions).toEqual([]);
  });

  it('are done without, with one sentence on what to install, when the package is not there', async () => {
    const { jobEvents, configure, lines, loads, clock } = openScene({
      load: () => Promise.reject(new Error("Cannot find package 'zeromq'")),
    });
    await configure(ONE);
    await configure(ONE, TWO);
    const problem =
      'zmq-publishers are not listened to, because the package zeromq cannot be loaded: install it (npm install zeromq), ' +
      'then start the daemon again';
    expect(lines).toEqual([`error: ${problem}`]);
    await jobEvents.close();
    expect([loads(), clock.nextAt()]).toEqual([1, null]);
  });

  it('include one that cannot be, which gets one warning and keeps no other from being heard', async () => {
    let reason: Error | null = new NodepoolError('config', 'Invalid argument');
    const refuse = (endpoint: string): Error | null => (endpoint === 'jenkins01' ? reason : null);
    const { configure, lines, events, subscriptions, clock } = openScene({ refuse });
    await configure('jenkins01', TWO);
    await subscriptions[0]!.send(aMessage('n1'));
    await clock.advance(60_000);
    expect(events).toHaveLength(1);
    expect(lines).toEqual([
      'warn: job event publisher jenkins01 cannot be subscribed to: Invalid argument',
      `info: job event publisher ${TWO} answers`,
    ]);
    reason = null;
    await clock.advance(PAUSE_MS);
    expect(subscriptions.map(({ endpoint }) => endpoint)).toEqual([TWO, 'jenkins01']);
  });
});

describe('malformed messages', () => {
  const MALFORMED: readonly (readonly [string, string])[] = [
    ['hello', 'has no blank after the name of an event: hello'],
    ['onDeleted {}', 'has an event that is not known: onDeleted {}'],
    ['onStarted \u001b[31m\n\u0000', 'has something other than JSON after the name of the event: onStarted [31m'],
    ['onStarted 7', 'has JSON that is not an object: onStarted 7'],
    [`onStarted {"a":"${'x'.repeat(5000)}"}`, `has no build: onStarted {"a":"${'x'.repeat(184)}...`],
  ];

  it('are told of once of each kind and publisher, printable and short, and the events in between are heard', async () => {
    const { configure, events, subscriptions, lines } = openScene();
    await configure(ONE, TWO);
    for (const { send } of subscriptions.map((one) => ({ send: one.send.bind(one) }))) {
      for (let round = 0; round < 3; round += 1) {
        for (const [text] of MALFORMED) {
          await send(text);
          await send(aMessage('n1'));
        }
      }
    }
    expect(events).toHaveLength(30);
    const warnings = lines.filter((line) => line.startsWith('warn: '));
    expect(warnings).toEqual(
      [ONE, TWO].flatMap((endpoint) =>
        MALFORMED.map(([, end]) => `warn: job event publisher ${endpoint} sent a message that ${end}`),
      ),
    );
  });

  it('include a good one that comes in parts', async () => {
    const { configure, events, subscriptions, lines } = openScene();
    await configure(ONE);
    await subscriptions[0]!.send('onStarted', '{}');
    await subscriptions[0]!.send(aMessage('n1'), '');
    await subscriptions[0]!.send();
    expect(events).toEqual([]);
    expect(lines.slice(1)).toEqual([
      `warn: job event publisher ${ONE} sent a message that has more than one part: onStarted`,
      `warn: job event publisher ${ONE} sent a message that has no blank after the name of an event: `,
    ]);
  });
});

describe('a lost connection', () => {
  it('is left to libzmq when that tries again', async () => {
    const { configure, subscriptions, clock } = openScene();
    await configure(ONE);
    await subscriptions[0]!.become('connected', 'speaking');
    await clock.advance(1000);
    await subscriptions[0]!.become('lost', 'retrying');
    await clock.advance(60_000);
    expect(subscriptions.map(({ isOpen }) => isOpen)).toEqual([true]);
  });

  it('is replaced by a new subscription when libzmq has given up, and not before', async () => {
    const { configure, events, subscriptions, clock, lines } = openScene();
    await configure(ONE);
    for (let times = 1; times <= 2; times += 1) {
      await subscriptions[times - 1]!.become('connected', 'speaking', 'lost');
      await clock.advance(RETRY_LIMIT_MS - 1);
      expect(subscriptions.at(-1)!.isOpen).toBe(true);
      await clock.advance(1);
      await clock.advance(PAUSE_MS - 1);
      expect(subscriptions.at(-1)!.isOpen).toBe(false);
      await clock.advance(1);
      expect(subscriptions).toHaveLength(times + 1);
    }
    await subscriptions[2]!.become('connected', 'speaking');
    await subscriptions[2]!.send(aMessage('n1'));
    expect(events).toHaveLength(1);
    expect(lines).toEqual([
      `info: job event publisher ${ONE} answers`,
      `warn: job event publisher ${ONE} broke the protocol, or sent a message that is longer than 1 MiB; it is subscribed to anew`,
    ]);
  });

  it('with an error that nobody knows leads to a new subscription, too', async () => {
    const { configure, subscriptions, clock, lines } = openScene();
    await configure(ONE);
    await subscriptions[0]!.become('connected');
    await subscriptions[0]!.fail(new Error('Context was terminated'));
    await clock.advance(PAUSE_MS);
    expect(subscriptions.map(({ isOpen }) => isOpen)).toEqual([false, true]);
    expect(lines).toEqual([`warn: job event publisher ${ONE} was lost: Context was terminated`]);
  });
});

describe('a publisher that does not answer', () => {
  it('is told of once it has been away for a while, and again when it is back', async () => {
    const { configure, subscriptions, clock, lines } = openScene();
    await configure(ONE);
    const [one] = subscriptions;
    const away = `warn: job event publisher ${ONE} does not answer; trying again`;
    const back = `info: job event publisher ${ONE} answers`;
    await clock.advance(AWAY_MS - 1);
    await one!.become('retrying');
    expect(lines).toEqual([]);
    await clock.advance(1);
    await one!.become('retrying', 'retrying');
    expect(lines).toEqual([away]);
    await one!.become('connected', 'speaking');
    expect(lines).toEqual([away, back]);
    await one!.become('lost', 'retrying');
    await clock.advance(AWAY_MS);
    await one!.become('retrying');
    expect(lines).toEqual([away, back, away]);
  });

  it('and that of an old one which is there, known by its first message', async () => {
    const { configure, subscriptions, lines } = openScene();
    await configure(ONE);
    await subscriptions[0]!.become('connected');
    expect(lines).toEqual([]);
    await subscriptions[0]!.send(aMessage('n1'));
    expect(lines).toEqual([`info: job event publisher ${ONE} answers`]);
  });

  it('does not fill the log when it takes connections and drops them, for days', async () => {
    const { configure, subscriptions, clock, lines } = openScene();
    await configure(ONE);
    for (let times = 0; times < 100; times += 1) {
      await subscriptions[0]!.become('connected', 'speaking', 'lost', 'retrying');
      await clock.advance(1500);
    }
    expect(lines).toEqual([`info: job event publisher ${ONE} answers`]);
  });
});
