import { NodepoolError } from '../lib/errors.ts';
import { onAbort } from '../lib/on-abort.ts';

/** A promise that is settled from outside. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: NodepoolError) => void;
}

export function defer<T>(): Deferred<T> {
  const settlers: Partial<Deferred<T>> = {};
  const promise = new Promise<T>((resolve, reject) => Object.assign(settlers, { resolve, reject }));
  return { ...settlers, promise } as Deferred<T>;
}

export interface Abandonment {
  readonly signal: AbortSignal;
  /** What is waited for, for the message. */
  readonly what: string;
}

/** Settles as `promise` does, or rejects with `aborted` as soon as `signal` aborts. */
export function orAborted<T>(promise: Promise<T>, { signal, what }: Abandonment): Promise<T> {
  return new Promise((resolve, reject) => {
    const release = onAbort(signal, () => reject(new NodepoolError('aborted', `${what} was abandoned`)));
    void promise.then(resolve, reject).finally(release);
  });
}
