/** Asking for nodes, keeping them, and giving them back: what the command line and the HTTP interface have in common. */
import type { Config } from '../config/types.ts';
import type { Clock } from '../lib/clock.ts';
import { NodepoolError } from '../lib/errors.ts';
import type { RequestRecord } from '../lifecycle/records.ts';
import { openTargets } from '../lifecycle/targets.ts';
import type { OpenedRequest, RequestWithNodes, Store } from '../store/store.ts';
import { checkTtl, checkWish, type Wish } from './wish.ts';

export interface RequestDesk {
  /** Throws `refused` for what can never be had, `conflict` for a key that was used for something else. */
  open(wish: Wish): Promise<OpenedRequest>;
  /** Throws `not-found`. */
  find(id: number): Promise<RequestWithNodes>;
  /**
   * Lets the lease end `ttlMs` from now (null: as the configuration says), whether that is later or earlier. Throws
   * `not-found`, and `refused` when the request has no nodes or its lease has run out.
   * @param check throws what keeps the caller from it
   */
  extend(id: number, ttlMs: number | null, check?: Check): Promise<RequestWithNodes>;
  /**
   * Gives the nodes back, or takes the wish back. One that has ended already is answered as it is: the second of two
   * answers that got lost on the way must not be an error. Throws `not-found`.
   * @param hasFailed what ran on the nodes has failed: rules may hold them
   * @param check throws what keeps the caller from it
   */
  end(id: number, hasFailed: boolean, check?: Check): Promise<RequestWithNodes>;
}

/** Looks at a request before it is changed, and throws when it must not be. */
export type Check = (request: RequestRecord) => void;

interface DeskDeps {
  readonly store: Pick<Store, 'requests'>;
  /** The configuration in force. */
  readonly config: () => Config;
  readonly clock: Clock;
}

export function createRequestDesk({ store: { requests }, config, clock }: DeskDeps): RequestDesk {
  const find = async (id: number): Promise<RequestWithNodes> => {
    const found = await requests.find(id);
    if (found === null) throw notFound(id);
    return found;
  };
  return {
    find,
    open: async (wish) => requests.open(checkWish(wish, config()), openTargets(config())),
    extend: async (id, ttlMs, check) => {
      const found = await find(id);
      const { request } = found;
      check?.(request);
      const expiresAt = clock.now() + checkTtl(ttlMs, config());
      if (request.state !== 'granted') throw new NodepoolError('refused', `request ${id} ${describeNoLease(request)}`);
      const isExtended = await requests.extend(id, expiresAt);
      if (!isExtended) throw new NodepoolError('refused', `the lease of request ${id} has run out`);
      return find(id);
    },
    end: async (id, hasFailed, check) => {
      const reason = hasFailed ? 'failed' : 'released';
      const found = await requests.endAndRead({ id, reason, ...(check && { check }) });
      if (found === null) throw notFound(id);
      return found;
    },
  };
}

function notFound(id: number): NodepoolError {
  return new NodepoolError('not-found', `there is no request ${id}`);
}

function describeNoLease({ state, endReason }: RequestWithNodes['request']): string {
  return state === 'waiting' ? 'has no nodes yet' : `has ended: ${endReason ?? 'nobody knows why'}`;
}
