import { describeError, isNodepoolError } from '../lib/errors.ts';
import { tryRestMs } from '../lifecycle/limits.ts';
import type { ActionOf } from '../planning/actions.ts';
import { providerPlace } from '../planning/places.ts';
import type { ActionContext, Rest } from './context.ts';
import { laterIfBusy } from './later-if-busy.ts';
import { failSlot } from './retire.ts';
import { slotRecord } from './slot-record.ts';

/** A listing that shows the address is here by then; to ask again before would be a wasted call. */
const LISTING_MS = 1000;

/** Repeating it does no harm, so that an answer that got lost needs no more than another try. */
export async function attachFloatingIp(
  { slot, serverId }: ActionOf<'attach-floating-ip'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<Rest | void> {
  const { world, clock, book, failures } = context;
  const { cloud, traits } = context.provider(slot.provider);
  const { attempt, attemptAt } = slotRecord(context, slot);
  const tags = { installation: world.installation, record: slot.key, attempt };
  try {
    await cloud.attachFloatingIp(serverId, tags, signal);
    book.hint(slot.provider, clock.now());
    const ageMs = clock.now() - (attemptAt ?? clock.now());
    return { restMs: tryRestMs({ leastMs: traits.listIntervalMs + LISTING_MS, ageMs }) };
  } catch (error) {
    if (!isNodepoolError(error, 'quota', 'rejected', 'auth')) throw laterIfBusy(error);
    const isProviderWide = error.code !== 'rejected';
    if (isProviderWide) await failures.record(providerPlace(slot.provider), describeError(error));
    await failSlot(context, slot, { reason: 'floating-ip-failed', error, counts: !isProviderWide, signal });
  }
}
