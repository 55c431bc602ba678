/** Publishers that send what a test says, and nothing else. */
import { setImmediate as turn } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { JobEvent } from '../../../src/job-events/job-event.ts';
import { createJobEvents, type JobEvents } from '../../../src/job-events/job-events.ts';
import type { Change, Subscribe, Subscription } from '../../../src/job-events/subscribe.ts';
import type { Log, LogFields } from '../../../src/lib/log.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';

/** A message of a publisher on one build. */
export function aMessage(nodename: string, event = 'onStarted'): string {
  return `${event} ${JSON.stringify({ name: 'gate-unit', build: { node_name: nodename } })}`;
}

/** What waits for its reader. */
class Feed {
  readonly #items: (readonly Buffer[] | Error)[] = [];
  #wake = (): void => undefined;
  #isClosed = false;

  push(item: readonly Buffer[] | Error): void {
    this.#items.push(item);
    this.#wake();
  }

  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  async next(): Promise<readonly Buffer[] | null> {
    while (!this.#isClosed && this.#items.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#isClosed) return null;
    const item = this.#items.shift()!;
    if (item instanceof Error) throw item;
    return item;
  }
}

/** The other end of one subscription. */
export class FakeSubscription {
  readonly endpoint: string;
  readonly subscription: Subscription;
  readonly #messages = new Feed();
  readonly #onChange: (change: Change) => void;
  isOpen = true;

  constructor(endpoint: string, onChange: (change: Change) => void) {
    this.endpoint = endpoint;
    this.#onChange = onChange;
    const close = (): void => {
      this.isOpen = false;
      this.#messages.close();
    };
    this.subscription = { receive: () => this.#messages.next(), close };
  }

  /** Sends one message, and lets it be read. */
  async send(...parts: readonly string[]): Promise<void> {
    this.queue(...parts);
    await settle();
  }

  queue(...parts: readonly string[]): void {
    this.#messages.push(parts.map((part) => Buffer.from(part)));
  }

  async become(...changes: readonly Change[]): Promise<void> {
    for (const change of changes) this.#onChange(change);
    await settle();
  }

  async fail(error: Error): Promise<void> {
    this.#messages.push(error);
    await settle();
  }
}

/** Lets everything run that can. */
export async function settle(): Promise<void> {
  for (let times = 0; times < 20; times += 1) await turn();
}

export interface Scene {
  readonly jobEvents: JobEvents;
  readonly clock: FakeClock;
  /** Level and text, those of debugging left out. */
  readonly lines: readonly string[];
  readonly debugLines: readonly string[];
  readonly events: readonly JobEvent[];
  /** All that were ever made, the oldest first. */
  readonly subscriptions: readonly FakeSubscription[];
  /** How often the package was loaded. */
  readonly loads: () => number;
  /** Configures, and lets it have its effect. */
  readonly configure: (...zmqPublishers: readonly string[]) => Promise<void>;
}

export interface SceneOptions {
  /** Why an endpoint cannot be subscribed to. */
  readonly refuse?: (endpoint: string) => Error | null;
  readonly load?: (subscribe: Subscribe) => Promise<Subscribe>;
  readonly onEvent?: (event: JobEvent) => void;
}

export function openScene({ refuse, load, onEvent }: SceneOptions = {}): Scene {
  const clock = createFakeClock();
  const events: JobEvent[] = [];
  const subscriptions: FakeSubscription[] = [];
  let loads = 0;
  const subscribe: Subscribe = (endpoint, onChange) => {
    const error = refuse?.(endpoint);
    if (error) throw error;
    const made = new FakeSubscription(endpoint, onChange);
    subscriptions.push(made);
    return made.subscription;
  };
  const { log, lines, debugLines } = createRecorder();
  const jobEvents = createJobEvents({
    clock,
    log,
    onEvent: (event) => {
      events.push(event);
      onEvent?.(event);
    },
    load: async () => {
      loads += 1;
      return load ? load(subscribe) : subscribe;
    },
  });
  onTestFinished(() => jobEvents.close());
  const configure: Scene['configure'] = async (...zmqPublishers) => {
    jobEvents.configure({ zmqPublishers });
    await settle();
  };
  return { jobEvents, clock, lines, debugLines, events, subscriptions, loads: () => loads, configure };
}

function createRecorder() {
  const lines: string[] = [];
  const debugLines: string[] = [];
  const write =
    (level: string) =>
    (_fields: LogFields, message: string): void =>
      void lines.push(`${level}: ${message}`);
  const log: Log = {
    debug: (_fields, message) => void debugLines.push(message),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => log,
  };
  return { log, lines, debugLines };
}
