/**
 * Group commit of compare-and-sets: those of a group cost one transaction, with one statement per shape
 * (`write-group.ts`). So a thousand nodes that become ready at once cost some ten queries instead of thousands, and one
 * write to the disk. Each write stays a compare-and-set of its own, and its caller learns whether it won.
 */
import type { Clock } from '../lib/clock.ts';
import type { Database } from './database.ts';
import { Grouped } from './grouped.ts';
import { writeGroup } from './write-group.ts';
import type { Write } from './writes.ts';

/** Answers whether the write won. */
export type Batcher = Grouped<Write, boolean>;

/** Writes per transaction: bounds how long its locks are held. */
const LARGEST_GROUP = 2000;

export function createBatcher({ database, clock }: { database: Database; clock: Clock }): Batcher {
  const writeAll = async (writes: readonly Write[]): Promise<readonly boolean[]> => {
    const lost = await writeGroup(database, writes, clock.now());
    return writes.map((write) => !lost.has(write));
  };
  // A row takes part in a group once: its writes keep their order.
  const rowOf = (write: Write): string | null => (write.kind === 'entry' ? null : `${write.table} ${write.id}`);
  return new Grouped(writeAll, { largestGroup: LARGEST_GROUP, keyOf: rowOf });
}
