import { randomBytes, randomUUID } from 'node:crypto';

/** Randomness comes in as a parameter, so that a test can repeat it. */
export interface Random {
  /** A number in [0, 1). */
  fraction(): number;
  /** A random UUID. */
  uuid(): string;
  /** `bytes` random bytes as lower-case hex. */
  hex(bytes: number): string;
}

export const systemRandom: Random = {
  fraction: () => Math.random(),
  uuid: () => randomUUID(),
  hex: (bytes) => randomBytes(bytes).toString('hex'),
};
