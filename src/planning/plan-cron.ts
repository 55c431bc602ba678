/** Looks at the cron entries: which fired since the last plan, and when the next one does. */
import type { CronConfig } from '../config/types.ts';
import { lastFiring, nextFiring } from './cron.ts';
import type { CronMemory } from './memory.ts';
import type { World } from './world.ts';

const ENTRIES = ['imageUpdate', 'cleanup', 'check'] as const satisfies readonly (keyof CronConfig)[];

/**
 * What fired is remembered as a time; the planners compare their rows and listings with it. As with cron, what
 * would have fired while no daemon ran is not made up for.
 */
export function planCron({ now, config, memory }: World): { cron: CronMemory; nextFiringAt: number } {
  const lookedAt = memory.cron.lookedAt ?? now;
  const firedAt = { ...memory.cron.firedAt };
  for (const entry of ENTRIES) {
    // After the clock was set back, a firing that lies ahead would make everything look older than it.
    const known = firedAt[entry] !== null && firedAt[entry] <= now ? firedAt[entry] : null;
    firedAt[entry] = lastFiring(config.cron[entry], lookedAt, now) ?? known;
  }
  const nextFiringAt = Math.min(...ENTRIES.map((entry) => nextFiring(config.cron[entry], now)));
  return { cron: { lookedAt: now, firedAt }, nextFiringAt };
}
