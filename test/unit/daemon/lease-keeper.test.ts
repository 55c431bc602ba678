import { describe, expect, it } from 'vitest';
import { LEASE_TTL_MS, LeaseKeeper } from '../../../src/daemon/lease-keeper.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { Lease, Store } from '../../../src/store/store.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const LEASE = 'provider:cloud';

/** A keeper whose database gives it every lease, unless `answer` says otherwise. */
function aKeeper() {
  const clock = createFakeClock();
  let renewals = 0;
  let isTaken = false;
  const keep = (holder: string, names: readonly string[], ttlMs: number): Promise<Map<string, Lease>> => {
    renewals += 1;
    const leases = names.map((name) => ({ name, holder, epoch: 1, expiresAt: clock.now() + ttlMs }));
    return Promise.resolve(new Map(isTaken ? [] : leases.map((lease) => [lease.name, lease])));
  };
  const store = {
    leases: { keep, release: () => Promise.resolve(), list: () => Promise.resolve([]) },
  } as unknown as Store;
  const keeper = new LeaseKeeper({ store, clock, log: silentLog, holder: 'me', isVacant: () => false });
  return {
    clock,
    keeper,
    renewals: () => renewals,
    takeAway: () => {
      isTaken = true;
    },
  };
}

describe('a lease that is not renewed', () => {
  it('stops what runs under it before it has run out, even while no pass looks at it', async () => {
    const { clock, keeper } = aKeeper();
    await keeper.keep([LEASE]);
    const signal = keeper.signal(LEASE);
    await clock.advance(LEASE_TTL_MS - 2001);
    expect(signal.aborted).toBe(false);
    await clock.advance(1001);
    expect(signal.aborted).toBe(true);
  });

  it('lets scripts go on as long as nobody else has it', async () => {
    const { clock, keeper, takeAway } = aKeeper();
    await keeper.keep([LEASE]);
    const script = keeper.takeoverSignal(LEASE);
    await clock.advance(60_000);
    await keeper.keep([LEASE]);
    expect([keeper.held().has(LEASE), script.aborted]).toEqual([true, false]);
    takeAway();
    await clock.advance(60_000);
    await keeper.keep([LEASE]);
    expect(script.aborted).toBe(true);
  });
});

it('renews its leases at once when the clock was set back, and not before it is due otherwise', async () => {
  const { clock, keeper, renewals } = aKeeper();
  await keeper.keep([LEASE]);
  await keeper.keep([LEASE]);
  expect(renewals()).toBe(1);
  clock.set(clock.now() - 3_600_000);
  await keeper.keep([LEASE]);
  expect(renewals()).toBe(2);
});
