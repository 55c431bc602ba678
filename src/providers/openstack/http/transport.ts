import type { Clock } from '../../../lib/clock.ts';
import type { Random } from '../../../lib/random.ts';
import type { Exchange, HttpRequest, Outcome } from './exchange.ts';
import { repeatRead } from './repeat-read.ts';

export interface TransportDeps {
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly random: Random;
  /** No repetition begins later than this after the first try. */
  readonly timeoutMs: number;
}

export interface Transport {
  /**
   * Sends a request under a request id of its own. GET and HEAD are tried up to three times, everything else once.
   * Rejects with the reason of `signal` when that aborts.
   */
  send(request: Omit<HttpRequest, 'requestId'>, signal: AbortSignal): Promise<Outcome>;
}

export function createTransport({ exchange, clock, random, timeoutMs }: TransportDeps): Transport {
  return {
    send: (request, signal) => {
      // The form that OpenStack's services take over as the global request id; anything else they ignore.
      const own = { ...request, requestId: `req-${random.uuid()}` };
      if (request.method !== 'GET' && request.method !== 'HEAD') return exchange(own, signal);
      return repeatRead({ clock, random, limitMs: timeoutMs }, signal, () => exchange(own, signal));
    },
  };
}
