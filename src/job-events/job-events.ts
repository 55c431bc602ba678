/** Beginnings and ends of jobs, as Jenkins servers publish them over ZeroMQ. */
import type { Config } from '../config/types.ts';
import type { Clock } from '../lib/clock.ts';
import { createDeadlines } from '../lib/deadlines.ts';
import { describeError, NodepoolError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { sayText } from '../lib/say-text.ts';
import type { JobEvent } from './job-event.ts';
import { Publisher } from './publisher.ts';
import { loadSubscribe, type Subscribe } from './subscribe.ts';

/** libzmq says within milliseconds that it tries again, if it does. */
const RETRY_LIMIT_MS = 5000;

export interface JobEventsDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Events come late, doubled, out of order, or not at all: publishers keep nothing for those who are away. */
  readonly onEvent: (event: JobEvent) => void;
  /** Called once, when there is a publisher for the first time. */
  readonly load?: () => Promise<Subscribe>;
}

export interface JobEvents {
  /** Subscribes as the configuration says. Costs nothing while it is the same. */
  configure(config: Pick<Config, 'zmqPublishers'>): void;
  /** Ends all subscriptions, for good: no event comes any more. Resolves, at once, when nothing is done any more. */
  close(): Promise<void>;
}

/** Without publishers it does nothing, costs nothing and needs no package. */
export function createJobEvents({ clock, log, onEvent, load = loadSubscribe }: JobEventsDeps): JobEvents {
  const retries = createDeadlines(clock, RETRY_LIMIT_MS);
  let configured: readonly string[] = [];
  let subscribe: Promise<Subscribe> | null = null;
  /** By endpoint. */
  let publishers = new Map<string, Publisher>();
  let endings: Promise<unknown> = Promise.resolve();
  let isClosed = false;

  const start = (endpoint: string): Publisher => {
    subscribe ??= load().catch((error: unknown) => {
      log.error({ cause: sayText(describeError(error)) }, NO_PACKAGE);
      throw new NodepoolError('unavailable', NO_PACKAGE, { cause: error });
    });
    return new Publisher(endpoint, { clock, log, subscribe, retries, onEvent });
  };

  const listenTo = (endpoints: readonly string[]): void => {
    if (endpoints === configured) return;
    configured = endpoints;
    const before = publishers;
    publishers = new Map();
    for (const endpoint of endpoints) {
      publishers.set(endpoint, publishers.get(endpoint) ?? before.get(endpoint) ?? start(endpoint));
    }
    for (const [endpoint, publisher] of before) {
      if (publishers.has(endpoint)) continue;
      publisher.close();
      endings = Promise.all([endings, publisher.ended]);
    }
  };

  return {
    configure: ({ zmqPublishers }) => {
      if (!isClosed) listenTo(zmqPublishers);
    },
    close: async () => {
      isClosed = true;
      listenTo([]);
      await endings;
    },
  };
}

const NO_PACKAGE =
  'zmq-publishers are not listened to, because the package zeromq cannot be loaded: install it (npm install zeromq), ' +
  'then start the daemon again';
