import type { NodepoolError } from '../lib/errors.ts';

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
