import { describe, expect, it } from 'vitest';
import type { CronMemory } from '../../../src/planning/memory.ts';
import { planCron } from '../../../src/planning/plan-cron.ts';
import { aConfig, aWorld } from '../../support/builders.ts';

/** Local time, as cron has it. */
const at = (hour: number, minute: number, second = 0): number => new Date(2026, 0, 15, hour, minute, second).getTime();
const config = aConfig({ cron: { imageUpdate: '14 2 * * *', cleanup: '* * * * *', check: '*/15 * * * *' } });

const NEVER: CronMemory = { lookedAt: null, firedAt: { imageUpdate: null, cleanup: null, check: null } };
const look = (now: number, memory = NEVER): ReturnType<typeof planCron> =>
  planCron(aWorld({ config, now, memory: { rounds: [], sightings: new Map(), cron: memory } }));

describe('cron entries', () => {
  it('that would have fired before the daemon started are not made up for', () => {
    expect(look(at(2, 20)).cron).toEqual({ ...NEVER, lookedAt: at(2, 20) });
  });

  it('fire when their time has come since the last look', () => {
    const before = look(at(2, 13, 30)).cron;
    expect(look(at(2, 13, 59), before).cron.firedAt).toEqual(NEVER.firedAt);
    expect(look(at(2, 15, 10), before).cron.firedAt).toEqual({
      imageUpdate: at(2, 14),
      cleanup: at(2, 15),
      check: at(2, 15),
    });
  });

  it('are remembered by the last time, however long ago the last look was', () => {
    const { cron } = look(at(11, 59, 30), look(at(2, 0, 1)).cron);
    expect(cron.firedAt).toEqual({ imageUpdate: at(2, 14), cleanup: at(11, 59), check: at(11, 45) });
  });

  it('stay fired until they fire again', () => {
    const fired = look(at(2, 15, 10), look(at(2, 13)).cron).cron;
    expect(look(at(2, 15, 50), fired).cron.firedAt).toEqual(fired.firedAt);
  });

  it('wake the planner at the next of them', () => {
    expect(look(at(2, 13, 30)).nextFiringAt).toBe(at(2, 14));
  });

  it('are forgotten when the clock is set back behind their firing', () => {
    const fired = look(at(2, 15, 10), look(at(2, 13)).cron).cron;
    expect(look(at(1, 0), fired).cron).toEqual({ ...NEVER, lookedAt: at(1, 0) });
    expect(look(at(1, 1), look(at(1, 0), fired).cron).cron.firedAt.cleanup).toBe(at(1, 1));
  });
});
