/** What the store has for requests: their rows, the tokens of those who make them over HTTP, and rules for their nodes. */
import type { NodeGrant } from '../lifecycle/hand-out.ts';
import type { JobRecord, NodeRecord, RequestEnd, RequestRecord } from '../lifecycle/records.ts';

export interface NewRequest {
  readonly label: string;
  readonly count: number;
  readonly priority: number;
  readonly requestor: string;
  readonly reason: string | null;
  readonly ttlMs: number;
  /** Whether nobody said how long, so that it is the default, which may have changed when the same is asked again. */
  readonly hasDefaultTtl: boolean;
  readonly tokenId: number | null;
  /** Requests made with one token and the same key are one request; null: it is one of its own. */
  readonly idempotencyKey: string | null;
}

/** A request and the nodes that it was granted, as far as they are still there. */
export interface RequestWithNodes {
  readonly request: RequestRecord;
  readonly nodes: readonly NodeRecord[];
  /** Version (epoch seconds) of the images that they boot from, by row id; of those whose rows are there. */
  readonly imageVersions: ReadonlyMap<number, number>;
}

export interface OpenedRequest extends RequestWithNodes {
  /** It had been made before, with the same key. */
  readonly isReplay: boolean;
}

export interface RequestEnding {
  readonly id: number;
  readonly reason: RequestEnd;
  /** Only if its lease has run out by then (epoch ms): it may have been extended in between. */
  readonly expiredBy?: number;
  /** Throws what keeps the caller from it. It is asked about the row as it is, and may be asked again. */
  readonly check?: (request: RequestRecord) => void;
}

/** What a token of the HTTP interface allows. */
export interface TokenRecord {
  readonly id: number;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdAt: number;
  /** null: it does not expire. */
  readonly expiresAt: number | null;
}

export interface RequestStore {
  /**
   * Makes a request, and grants it READY nodes of `targets` at once when there are enough and nobody of the same label
   * waits before it. Requests that come in one turn of the event loop are made together. Throws `conflict` when its
   * key was used for another wish.
   */
  open(request: NewRequest, targets: readonly string[]): Promise<OpenedRequest>;
  /** Also one that has ended, as long as it is kept. */
  find(id: number): Promise<RequestWithNodes | null>;
  /** Those that ended last, newest first. */
  ended(limit: number): Promise<readonly RequestRecord[]>;
  /**
   * Gives READY nodes to waiting requests: each request gets all of its nodes in this transaction, or, when one of them
   * is not READY any more or the request does not wait any more, none. Answers those that got theirs.
   */
  grant(grants: readonly NodeGrant[]): Promise<readonly number[]>;
  /**
   * Ends a request that waits or has nodes; these are marked for deletion, or, after a failure, as ones on which a job
   * has failed. Answers whether it was this call that ended it.
   */
  end(ending: RequestEnding): Promise<boolean>;
  /** Does the same, and answers the request as it is then, whether or not it was this call; null: there is none. */
  endAndRead(ending: RequestEnding): Promise<RequestWithNodes | null>;
  /** Sets the end of a lease that has begun and not run out (epoch ms); answers whether it could. */
  extend(id: number, expiresAt: number): Promise<boolean>;
  /** Deletes ended ones older than `before` (epoch ms), some thousands at most; answers how many. */
  purge(before: number): Promise<number>;
}

export interface TokenStore {
  /** @param hash SHA-256 of the secret, in hexadecimal */
  add(token: Omit<TokenRecord, 'id' | 'createdAt'>, hash: string): Promise<TokenRecord>;
  list(): Promise<readonly TokenRecord[]>;
  /** One that has expired is found too. */
  findByHash(hash: string): Promise<TokenRecord | null>;
  remove(id: number): Promise<boolean>;
}

export interface JobStore {
  add(job: Omit<JobRecord, 'id'>): Promise<JobRecord>;
  remove(id: number): Promise<boolean>;
}
