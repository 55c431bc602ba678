/** Thrown in a transaction to roll it back: a row that it was about to write is not any more as it was read. */
export class Contested extends Error {}

/**
 * Does a transaction again while it is contested.
 * @param last number of the last try: what that throws is final; the first try has number 0
 */
export async function repeatContested<T>(last: number, transact: (tries: number) => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await transact(tries);
    } catch (error) {
      if (!(error instanceof Contested) || tries === last) throw error;
    }
  }
}
