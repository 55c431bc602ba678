import { groupBy } from '../lib/group-by.ts';
import type { Database } from './database.ts';
import { Grouped } from './grouped.ts';

/** How a launch from an image ended. */
interface LaunchEnd {
  readonly imageId: number;
  readonly hasWorked: boolean;
}

/** Ends of launches written together: hundreds may come at once, all from one image, whose row is then written once. */
const LARGEST_GROUP = 1000;

/** Counts how launches from images ended. */
export function createLaunchCounts(database: Database): Grouped<LaunchEnd, void> {
  const countAll = async (ends: readonly LaunchEnd[]): Promise<void[]> => {
    // In the order of their ids, so that two processes lock rows in the same order.
    const byImage = [...groupBy(ends, ({ imageId }) => imageId)].sort(([a], [b]) => a - b);
    await database.transaction(async (statements) => {
      for (const [id, ofImage] of byImage) {
        const ok = ofImage.filter(({ hasWorked }) => hasWorked).length;
        await statements.run(UPDATE, [ok, ofImage.length - ok, id]);
      }
    });
    return ends.map(() => undefined);
  };
  return new Grouped(countAll, { largestGroup: LARGEST_GROUP });
}

const UPDATE =
  'UPDATE snapshot_image SET launches_ok = launches_ok + ?, launches_failed = launches_failed + ?, revision = revision + 1 WHERE id = ?';
