/** Listens to one publisher of job events, for as long as it is configured. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../lib/clock.ts';
import type { Deadlines } from '../lib/deadlines.ts';
import { describeError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { onAbort } from '../lib/on-abort.ts';
import { sayText } from '../lib/say-text.ts';
import { parseJobEvent, type JobEvent, type Malformed } from './job-event.ts';
import type { Change, Subscribe, Subscription } from './subscribe.ts';

/** Between the end of a subscription and the next one. */
const PAUSE_MS = 5000;
/** A publisher that is away for less than this is not worth a line: it may be one that drops us again and again. */
const AWAY_MS = 10_000;
/** How much of a malformed message is looked at for the log. */
const SAMPLE_BYTES = 1000;

export interface PublisherDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Subscribes, once the package for it is loaded. Rejects, with the log already told, when it cannot be. */
  readonly subscribe: Promise<Subscribe>;
  /** How long after a loss libzmq may take to say that it tries again. */
  readonly retries: Deadlines;
  readonly onEvent: (event: JobEvent) => void;
}

export class Publisher {
  /** Resolves when, after {@link close}, it does nothing any more; never rejects. */
  readonly ended: Promise<void>;
  /** As it is configured. */
  readonly #endpoint: string;
  readonly #deps: PublisherDeps;
  readonly #closing = new AbortController();
  readonly #complaints = new Set<string>();
  #isConnected = false;
  /** Epoch milliseconds: since when it has been so. */
  #since: number;
  #said: 'answers' | 'away' | null = null;

  constructor(endpoint: string, deps: PublisherDeps) {
    this.#endpoint = endpoint;
    this.#deps = deps;
    this.#since = deps.clock.now();
    this.ended = this.#keep();
  }

  /** No event comes from it any more, not even while this is called. */
  close(): void {
    this.#closing.abort();
  }

  async #keep(): Promise<void> {
    const { clock, subscribe } = this.#deps;
    const { signal } = this.#closing;
    // Why the package cannot be loaded is in the log already.
    const loaded = await subscribe.catch(() => null);
    while (loaded !== null && !signal.aborted) {
      await this.#listen(loaded);
      await clock.sleep(PAUSE_MS, signal);
    }
  }

  /** Resolves when the subscription has ended, or there is none. */
  async #listen(subscribe: Subscribe): Promise<void> {
    let endWait = (): void => undefined;
    const onChange = (change: Change): void => {
      endWait();
      if (change === 'lost') endWait = this.#deps.retries.start(giveUp);
      this.#note(change);
    };
    const subscription = this.#subscribe(subscribe, onChange);
    if (subscription === null) return;
    const giveUp = (): void => {
      this.#complain('broke the protocol, or sent a message that is longer than 1 MiB; it is subscribed to anew');
      subscription.close();
    };
    const release = onAbort(this.#closing.signal, () => subscription.close());
    await this.#receive(subscription);
    release();
    endWait();
    this.#setConnected(false);
  }

  #subscribe(subscribe: Subscribe, onChange: (change: Change) => void): Subscription | null {
    try {
      return subscribe(this.#endpoint, onChange);
    } catch (error) {
      this.#complain(`cannot be subscribed to: ${describeError(error)}`);
      return null;
    }
  }

  /** Takes what comes, until the subscription is closed. */
  async #receive(subscription: Subscription): Promise<void> {
    const { signal } = this.#closing;
    try {
      for (let parts = await subscription.receive(); parts !== null; parts = await subscription.receive()) {
        // It may have been closed while the message was on its way here.
        if (!signal.aborted) this.#take(parts);
        // However much there is to read, everybody else gets a turn after each message.
        await nextTurn();
      }
    } catch (error) {
      this.#complain(`was lost: ${describeError(error)}`);
    }
    subscription.close();
  }

  #note(change: Change): void {
    this.#setConnected(change === 'connected' || change === 'speaking');
    if (change === 'speaking') this.#sayAnswers();
    if (change === 'retrying') this.#sayAway();
  }

  #take([message = Buffer.alloc(0), ...more]: readonly Buffer[]): void {
    this.#sayAnswers();
    const event = more.length > 0 ? { problem: 'has more than one part' } : parseJobEvent(message);
    if ('problem' in event) this.#complainOf(message, event);
    else if ('ignored' in event) this.#deps.log.debug(this.#fields, `a job event does not matter: ${event.ignored}`);
    else this.#hand(event);
  }

  #hand(event: JobEvent): void {
    const { log, onEvent } = this.#deps;
    log.debug({ ...this.#fields, ...event }, `job ${event.job} on ${event.nodename}: ${event.kind}`);
    try {
      onEvent(event);
    } catch (error) {
      // A mistake of ours in the handling of one event: the next one may be well.
      log.error({ ...this.#fields, err: error }, 'a job event could not be handled');
    }
  }

  #complainOf(message: Buffer, { problem }: Malformed): void {
    const sample = sayText(message.toString('utf8', 0, SAMPLE_BYTES));
    this.#complain(`sent a message that ${problem}: ${sample}`, problem);
  }

  /** Once of each kind: what is wrong now mostly is so again with the next message. */
  #complain(problem: string, kind = problem): void {
    if (this.#complaints.has(kind)) return;
    this.#complaints.add(kind);
    this.#deps.log.warn(this.#fields, `job event publisher ${this.#endpoint} ${problem}`);
  }

  #sayAnswers(): void {
    if (this.#said === 'answers') return;
    this.#said = 'answers';
    this.#deps.log.info(this.#fields, `job event publisher ${this.#endpoint} answers`);
  }

  #sayAway(): void {
    if (this.#said === 'away' || this.#deps.clock.now() - this.#since < AWAY_MS) return;
    this.#said = 'away';
    this.#deps.log.warn(this.#fields, `job event publisher ${this.#endpoint} does not answer; trying again`);
  }

  #setConnected(isConnected: boolean): void {
    if (this.#isConnected === isConnected) return;
    this.#isConnected = isConnected;
    this.#since = this.#deps.clock.now();
  }

  get #fields(): { readonly publisher: string } {
    return { publisher: this.#endpoint };
  }
}
