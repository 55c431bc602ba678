/**
 * The gate through which all calls to one provider pass. Three rules decide when a waiting call starts:
 * - between the starts of any two calls lie at least `rateMs`;
 * - of each lane at most `concurrency` calls are under way;
 * - lanes take turns, and within a lane the first come is the first served. So a hundred deletions never wait for a
 *   thousand creates, a listing for neither, and nothing for an upload that takes hours.
 * A `throttled` error that says how long to wait closes the whole gate for that time. One that does not makes the gap
 * between starts longer until calls succeed (`pace.ts`). No other error changes anything.
 */
import type { Clock } from './clock.ts';
import { isNodepoolError, NodepoolError } from './errors.ts';
import { onAbort } from './on-abort.ts';
import { longerGap, shorterGap } from './pace.ts';

const LANE_NAMES = ['read', 'create', 'equip', 'upload', 'delete'] as const;
export type LaneName = (typeof LANE_NAMES)[number];

export interface LimiterOptions {
  readonly clock: Clock;
  /** Least time between two starts, in milliseconds; 0: none, then only a throttled call ever sets a timer. */
  readonly rateMs: number;
  /** Calls of one lane under way at once; at least 1. */
  readonly concurrency: number;
}

interface Waiting {
  readonly start: () => void;
  readonly refuse: (error: NodepoolError) => void;
  isGone: boolean;
  next: Waiting | null;
}

/** Waiting calls as a linked list, so that ten thousand of them cost no more than one each. */
interface Lane {
  first: Waiting | null;
  last: Waiting | null;
  inFlight: number;
}

export class Limiter {
  readonly #clock: Clock;
  readonly #rateMs: number;
  readonly #concurrency: number;
  readonly #lanes: readonly Lane[] = LANE_NAMES.map(() => ({ first: null, last: null, inFlight: 0 }));
  /** Index of the lane whose turn is next. */
  #turn = 0;
  /** Kept between two starts beside the rate. */
  #gapMs = 0;
  /** How often the gap has grown. What becomes of a call that started before says nothing about the gap of now. */
  #growths = 0;
  /** No call starts before `since + ms`. */
  #pause = { since: 0, ms: 0 };
  /** Set while a sleep is under way that will look at the queue again. */
  #timer: AbortController | null = null;

  constructor(options: LimiterOptions) {
    this.#clock = options.clock;
    this.#rateMs = options.rateMs;
    this.#concurrency = options.concurrency;
  }

  /**
   * Runs `call` when its turn comes and settles as it does. Rejects with `aborted` when `signal` aborts before;
   * once started, the call itself has to heed the signal.
   */
  async run<T>(lane: LaneName, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    const own = this.#lanes[LANE_NAMES.indexOf(lane)] as Lane;
    await this.#admission(own, signal);
    const growths = this.#growths;
    try {
      if (signal.aborted) throw abandoned();
      const answer = await call();
      if (growths === this.#growths) this.#gapMs = shorterGap(this.#gapMs);
      return answer;
    } catch (error) {
      if (isNodepoolError(error, 'throttled')) this.#slowDown(error, growths);
      throw error;
    } finally {
      own.inFlight -= 1;
      this.#startDue();
    }
  }

  /** Rejects all calls of `lane` that wait for their turn with `error`. Those under way go on. */
  reject(lane: LaneName, error: NodepoolError): void {
    const own = this.#lanes[LANE_NAMES.indexOf(lane)] as Lane;
    const { first } = own;
    own.first = own.last = null;
    for (let waiting = first; waiting; waiting = waiting.next) if (!waiting.isGone) waiting.refuse(error);
    this.#startDue();
  }

  #admission(lane: Lane, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abandon = (): void => {
        waiting.isGone = true;
        reject(abandoned());
        this.#startDue();
      };
      const waiting: Waiting = {
        isGone: false,
        next: null,
        start: () => {
          forget();
          resolve();
        },
        refuse: (error) => {
          forget();
          reject(error);
        },
      };
      const forget = onAbort(signal, abandon);
      if (waiting.isGone) return;
      if (lane.last) lane.last.next = waiting;
      else lane.first = waiting;
      lane.last = waiting;
      this.#startDue();
    });
  }

  #startDue(): void {
    for (let lane = this.#nextLane(); lane; lane = this.#nextLane()) {
      const waitMs = this.#waitMs();
      if (waitMs > 0) {
        this.#lookAgainAfter(waitMs);
        return;
      }
      this.#start(lane);
    }
    // Nothing waits for time to pass: a sleep left over would only keep the process alive.
    this.#timer?.abort();
    this.#timer = null;
  }

  #start(lane: Lane): void {
    const waiting = lane.first as Waiting;
    lane.first = waiting.next;
    if (!lane.first) lane.last = null;
    lane.inFlight += 1;
    this.#turn = (this.#lanes.indexOf(lane) + 1) % this.#lanes.length;
    this.#pause = { since: this.#clock.now(), ms: Math.max(this.#rateMs, this.#gapMs) };
    waiting.start();
  }

  /** The first lane, from the one whose turn it is, that has a call waiting and room for it. */
  #nextLane(): Lane | null {
    for (let step = 0; step < this.#lanes.length; step += 1) {
      const lane = this.#lanes[(this.#turn + step) % this.#lanes.length] as Lane;
      while (lane.first?.isGone) lane.first = lane.first.next;
      if (!lane.first) lane.last = null;
      else if (lane.inFlight < this.#concurrency) return lane;
    }
    return null;
  }

  #waitMs(): number {
    if (this.#pause.ms === 0) return 0;
    const now = this.#clock.now();
    // A clock that was set back must not close the gate for longer than the pause itself.
    this.#pause.since = Math.min(this.#pause.since, now);
    return Math.max(0, this.#pause.since + this.#pause.ms - now);
  }

  #slowDown({ retryAfterMs }: NodepoolError, growths: number): void {
    if (retryAfterMs !== undefined) this.#hold(retryAfterMs);
    else if (growths === this.#growths) {
      this.#gapMs = longerGap(this.#gapMs, this.#rateMs);
      this.#growths += 1;
      this.#hold(this.#gapMs);
    }
  }

  #hold(ms: number): void {
    this.#pause = { ms: Math.max(ms, this.#waitMs()), since: this.#clock.now() };
  }

  #lookAgainAfter(ms: number): void {
    if (this.#timer) return;
    const timer = new AbortController();
    this.#timer = timer;
    void this.#clock.sleep(ms, timer.signal).then(() => {
      if (this.#timer !== timer) return;
      this.#timer = null;
      this.#startDue();
    });
  }
}

function abandoned(): NodepoolError {
  return new NodepoolError('aborted', 'the call was abandoned before its turn came');
}
