/** Limits how often each token is used: a bucket per token that fills steadily and holds two seconds' worth. */
import type { Clock } from '../lib/clock.ts';
import { dropOldest } from './drop-oldest.ts';

const BURST_SECONDS = 2;
/** Tokens whose buckets are remembered; one that is forgotten begins with a full one. */
const MOST_BUCKETS = 10_000;

interface Bucket {
  level: number;
  at: number;
}

export class RateLimit {
  readonly #clock: Clock;
  readonly #buckets = new Map<number, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Counts one use. Answers how long to wait before the next try, in milliseconds; 0: go on.
   * @param rate uses per second; 0: any number
   */
  take(tokenId: number, rate: number): number {
    if (rate === 0) return 0;
    const bucket = this.#bucketOf(tokenId, rate);
    if (bucket.level < 1) return ((1 - bucket.level) / rate) * 1000;
    bucket.level -= 1;
    return 0;
  }

  #bucketOf(tokenId: number, rate: number): Bucket {
    const now = this.#clock.now();
    // Below one use per second a bucket must hold one all the same.
    const full = Math.max(1, rate * BURST_SECONDS);
    const bucket = this.#buckets.get(tokenId) ?? this.#open(tokenId, { level: full, at: now });
    const elapsedMs = Math.max(0, now - bucket.at);
    bucket.level = Math.min(full, bucket.level + (elapsedMs / 1000) * rate);
    bucket.at = now;
    return bucket;
  }

  #open(tokenId: number, bucket: Bucket): Bucket {
    this.#buckets.set(tokenId, bucket);
    dropOldest(this.#buckets, MOST_BUCKETS);
    return bucket;
  }
}
