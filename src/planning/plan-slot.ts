/** Plans the server of one record: node, subnode or template. What is particular to each comes from its planner. */
import type { ServerId } from '../lib/ids.ts';
import type { Server } from '../providers/provider.ts';
import { CLOCK_DIFFERENCE_MS, DELETE_REPEAT_MS, patienceMs } from '../lifecycle/limits.ts';
import { mayHaveServer, recordKey, type ImageRecord, type NodeRecord, type ServerSlot } from '../lifecycle/records.ts';
import { nextSlotStep, type SlotFailure, type SlotStep, type Wait } from '../lifecycle/slot-steps.ts';
import type { SlotRef } from './actions.ts';
import type { Draft } from './draft.ts';
import type { Listing, Subject } from './world.ts';

export interface OwnedSlot {
  readonly ref: SlotRef;
  readonly slot: ServerSlot;
}

export interface SlotLimits {
  readonly launchTimeoutMs: number;
  readonly bootTimeoutMs: number;
}

/** How far the servers of a record are; `ref` is the one that failed, `consoleOf` its server if the console tells more. */
export type LaunchOutcome =
  | { readonly is: 'up' | 'under-way' }
  | {
      readonly is: 'failed';
      readonly ref: SlotRef;
      readonly reason: SlotFailure;
      readonly detail: string | null;
      readonly consoleOf: ServerId | null;
    };

/** Failures of a server that is there. */
const TOLD_BY_CONSOLE: ReadonlySet<SlotFailure> = new Set<SlotFailure>([
  'server-error',
  'launch-timeout',
  'boot-timeout',
]);

/** What is still there so long after its deletion was due is worth a note. */
const LINGERING_MS = 5 * DELETE_REPEAT_MS;

/** For a provider whose configuration has left. */
const DEFAULT_API_TIMEOUT_MS = 60_000;

/** The call that creates a server may take effect this long after its attempt was recorded, and be listed. */
export function createGraceMs(draft: Draft, provider: string): number {
  const apiTimeoutMs = draft.world.config.providers.get(provider)?.apiTimeoutMs ?? DEFAULT_API_TIMEOUT_MS;
  return apiTimeoutMs + listingLagMs(draft, provider);
}

export function listingLagMs(draft: Draft, provider: string): number {
  return draft.world.clouds.get(provider)?.traits.listingLagMs ?? 0;
}

export function slotSubject({ kind, id }: SlotRef): Subject {
  return `${kind}:${id}`;
}

/**
 * Orders the steps that bring the servers of one record up, as far as any are due. When one has failed nothing
 * is ordered for the others: they go with it.
 */
export function planSlotsLaunch(draft: Draft, slots: readonly OwnedSlot[], limits: SlotLimits): LaunchOutcome {
  const due = slots.map((owned) => ({ owned, step: dueStep(draft, owned, limits) }));
  for (const { owned, step } of due) {
    if (step.do !== 'fail') continue;
    const { reason, detail } = step;
    const consoleOf = TOLD_BY_CONSOLE.has(reason) ? owned.slot.serverId : null;
    return { is: 'failed', ref: owned.ref, reason, detail, consoleOf };
  }
  for (const { owned, step } of due) orderStep(draft, owned, step);
  return { is: due.every(({ step }) => step.do === 'up') ? 'up' : 'under-way' };
}

function dueStep(draft: Draft, owned: OwnedSlot, limits: SlotLimits): SlotStep {
  const { ref, slot } = owned;
  const { servers } = draft.cloud(ref.provider);
  const attemptAt = pastOf(draft, slot.attemptAt, ['attempt', ref.key]);
  const activeAt = pastOf(draft, slot.activeAt, ['active', ref.key]);
  return nextSlotStep({
    now: draft.world.now,
    slot: { ...slot, attemptAt, activeAt },
    // Others with its tag are doubles that nobody waits for.
    server: slot.serverId === null ? (slotServers(draft, owned)[0] ?? null) : servers.find(slot.serverId),
    listedAt: servers.takenAt,
    isGone: isServerMissing(draft, owned),
    graceMs: createGraceMs(draft, ref.provider),
    ...limits,
  });
}

function orderStep(draft: Draft, { ref, slot }: OwnedSlot, step: SlotStep): void {
  const subject = slotSubject(ref);
  const { attempt } = slot;
  switch (step.do) {
    case 'up':
    case 'fail':
      return;
    case 'wait':
      return awaitListing(draft, ref.provider, step);
    case 'knock':
      draft.order({ kind: 'knock-server', subject, reason: 'next-step', slot: ref, address: step.address });
      return awaitListing(draft, ref.provider, step);
    case 'attach-floating-ip': {
      const { serverId } = step;
      draft.order({ kind: 'attach-floating-ip', subject, reason: 'next-step', slot: ref, serverId });
      return awaitListing(draft, ref.provider, step);
    }
    case 'create':
      draft.order({ kind: 'create-server', subject, reason: 'next-step', slot: ref, attempt });
      return;
    case 'adopt':
      draft.order({ kind: 'adopt-server', subject, reason: 'adopt', slot: ref, attempt, serverId: step.server.id });
      return;
    case 'probe': {
      const { address, addressPrivate } = step;
      draft.order({ kind: 'probe-server', subject, reason: 'next-step', slot: ref, address, addressPrivate });
      return;
    }
  }
}

function awaitListing(draft: Draft, provider: string, wait: Wait): void {
  draft.needServers(provider, wait.listingAfter, wait.for);
  draft.wakeAt(wait.until + 1);
}

/** What the newest listing shows of the slot: its server by id, and whatever carries its tag. */
function slotServers(draft: Draft, { ref, slot }: OwnedSlot): readonly Server[] {
  return draft.cloud(ref.provider).servers.belongingTo(ref.key, slot.serverId);
}

/**
 * Whether a server that we know by id is missing from two listings that are young enough to show it and at least
 * `apartMs` apart. After the first, another listing is asked for.
 */
export function isServerMissing(draft: Draft, { ref, slot }: OwnedSlot, apartMs = 0): boolean {
  const { servers } = draft.cloud(ref.provider);
  if (slot.serverId === null || servers.takenAt === null) return false;
  if (servers.takenAt <= attemptedAt(draft, { ref, slot }) + listingLagMs(draft, ref.provider)) return false;
  if (servers.find(slot.serverId) !== null) return false;
  const missingMs = draft.seenFor(`missing/${ref.provider}/${slot.serverId}`, servers.takenAt);
  if (missingMs > 0 && missingMs >= apartMs) return true;
  draft.needServers(ref.provider, servers.takenAt + Math.max(0, apartMs - missingMs - 1), 'decision');
  return false;
}

/**
 * Orders what gets rid of the slot's server, and says whether nothing of it is left: neither a server that a
 * listing shows, nor an attempt that may still have an effect which the listing was too early to show.
 */
export function planSlotDeletion(draft: Draft, { ref, slot }: OwnedSlot): boolean {
  if (!mayHaveServer(slot)) return true;
  const takenAt = draft.cloud(ref.provider).servers.takenAt ?? 0;
  const decidableAfter = deletionDecidableAfter(draft, { ref, slot });
  const canTell = takenAt > decidableAfter;
  const ids = new Set(slotServers(draft, { ref, slot }).map(({ id }) => id));
  if (ids.size === 0 && canTell) return true;
  const patience = patienceMs(noteLingering(draft, ref, { ids, takenAt }));
  // A known server is deleted by its id while no listing can tell whether it is there.
  if (!canTell && slot.serverId !== null) ids.add(slot.serverId);
  const isOrdered = orderDeletion(draft, { ref, slot }, [...ids]);
  // After a deletion that failed a listing tells whether the whole cloud is away.
  if (isOrdered && !draft.isResting(slotSubject(ref))) return false;
  // How long the cloud takes to delete is its business; what a create call may still do ends at a known time.
  draft.needServers(ref.provider, Math.max(decidableAfter, takenAt + patience), awaitedOf(slot, canTell));
  return false;
}

function awaitedOf({ serverId }: ServerSlot, canTell: boolean): Wait['for'] {
  return serverId === null && !canTell ? 'decision' : 'news';
}

/** For how long listings have shown servers that are to be gone, in milliseconds. One that stays is worth a note. */
function noteLingering(
  draft: Draft,
  { kind, id: record, provider }: SlotRef,
  { ids, takenAt }: { ids: ReadonlySet<ServerId>; takenAt: number },
): number {
  const times = Array.from(ids, (id) => draft.seenFor(`lingering/${provider}/${id}`, takenAt));
  const longestMs = Math.max(0, ...times);
  if (longestMs >= LINGERING_MS) {
    const minutes = Math.floor(longestMs / 60_000);
    draft.note(
      `${kind} ${record}`,
      `is to go, but its server ${[...ids].join(', ')} is still listed after ${minutes} min`,
    );
  }
  return longestMs;
}

/** Whether a deletion is due: the first, or a repetition of one that showed no effect. */
function orderDeletion(draft: Draft, { ref, slot }: OwnedSlot, serverIds: readonly ServerId[]): boolean {
  if (serverIds.length === 0) return false;
  if (isCloudSilent(draft, draft.world.clouds.get(ref.provider)?.servers)) return false;
  const dueAt = slot.deleteAt === null ? 0 : slot.deleteAt + DELETE_REPEAT_MS + 1;
  // A deletion "in the future" was asked for before the clock was set back.
  if (draft.world.now < dueAt && (slot.deleteAt ?? 0) <= draft.world.now) {
    draft.wakeAt(dueAt);
    return false;
  }
  draft.order({ kind: 'delete-server', subject: slotSubject(ref), reason: 'deleted', slot: ref, serverIds });
  return true;
}

/**
 * Whether a cloud that did not answer the last listing is left alone until the next one is tried: what is to be deleted
 * is not asked for once every few seconds while it is down. Then it wakes; a cloud that merely cannot list still deletes.
 */
export function isCloudSilent(draft: Draft, listing: Listing<unknown> | undefined): boolean {
  if (listing === undefined || listing.known || listing.error === null || listing.retryAt <= draft.world.now)
    return false;
  draft.wakeAt(listing.retryAt);
  return true;
}

/** A listing decides that a server is gone only if taken after this. */
function deletionDecidableAfter(draft: Draft, { ref, slot }: OwnedSlot): number {
  const deletedAt = slot.deleteAt === null ? 0 : slot.deleteAt + listingLagMs(draft, ref.provider);
  // The create call of a server that was deleted by its id had ended before.
  if (slot.deleteAt !== null && slot.serverId !== null) return deletedAt;
  return Math.max(attemptedAt(draft, { ref, slot }) + createGraceMs(draft, ref.provider), deletedAt);
}

/** When the last create call was recorded; 0: none is. */
export function attemptedAt(draft: Draft, { ref, slot }: OwnedSlot): number {
  return pastOf(draft, slot.attemptAt, ['attempt', ref.key]) ?? 0;
}

/**
 * A time on record, or, where that lies ahead because the clock was set back since, when it was first seen to do so: what
 * counts from it must not wait until the old time has come. `what` happened to which record then.
 */
export function pastOf(draft: Draft, time: number | null, [what, key]: readonly [string, string]): number | null {
  const { now } = draft.world;
  if (time === null || time <= now + CLOCK_DIFFERENCE_MS) return time;
  return now - draft.seenFor(`ahead/${what}/${key}`, now);
}

/** Why what another version had begun is not gone on with. */
export const FOREIGN_LAUNCH = 'another version of the program launched it; how far it came is not known';

/** A server that no create call of ours is on record for. */
export function isForeignLaunch({ serverId, attempt }: ServerSlot): boolean {
  return serverId !== null && attempt === 0;
}

/** The node's own server, not those of its subnodes. */
export function nodeSlot(node: NodeRecord): OwnedSlot {
  return { ref: { kind: 'node', id: node.id, provider: node.provider, key: recordKey('node', node) }, slot: node };
}

/** The template server of an image. */
export function imageSlot(image: ImageRecord): OwnedSlot {
  return {
    ref: { kind: 'image', id: image.id, provider: image.provider, key: recordKey('image', image) },
    slot: image,
  };
}
