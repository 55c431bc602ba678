/** Plans the server of one record: node, subnode or template. What is particular to each comes from its planner. */
import type { Server } from '../providers/provider.ts';
import { DELETE_REPEAT_MS } from '../lifecycle/limits.ts';
import { recordKey, type ImageRecord, type ServerSlot } from '../lifecycle/records.ts';
import { nextSlotStep, type SlotFailure, type SlotStep } from '../lifecycle/slot-steps.ts';
import type { SlotRef } from './actions.ts';
import type { Draft } from './draft.ts';
import type { Subject } from './world.ts';

export interface OwnedSlot {
  readonly ref: SlotRef;
  readonly slot: ServerSlot;
}

export interface SlotLimits {
  readonly launchTimeoutMs: number;
  readonly bootTimeoutMs: number;
}

export type SlotOutcome = { readonly is: 'up' | 'under-way' } | { readonly is: 'failed'; readonly reason: SlotFailure; readonly detail: string | null };

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

/** Orders the step that brings the slot's server up, if one is due, and says how far it is. */
export function planSlotLaunch(draft: Draft, { ref, slot }: OwnedSlot, limits: SlotLimits): SlotOutcome {
  const { servers } = draft.cloud(ref.provider);
  const step = nextSlotStep({
    now: draft.world.now,
    slot,
    server: slotServers(draft, { ref, slot })[0] ?? null,
    listedAt: servers.takenAt,
    isGone: isServerMissing(draft, { ref, slot }),
    graceMs: createGraceMs(draft, ref.provider),
    ...limits,
  });
  if (step.do === 'up') return { is: 'up' };
  if (step.do === 'fail') return { is: 'failed', reason: step.reason, detail: step.detail };
  orderStep(draft, { ref, slot }, step);
  return { is: 'under-way' };
}

function orderStep(draft: Draft, { ref, slot }: OwnedSlot, step: Exclude<SlotStep, { do: 'up' | 'fail' }>): void {
  const subject = slotSubject(ref);
  const { attempt } = slot;
  switch (step.do) {
    case 'wait':
      draft.needServers(ref.provider, step.listingAfter);
      draft.wakeAt(step.until + 1);
      return;
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

/** What the newest listing shows of the slot: its server by id first, then whatever carries its tag. */
export function slotServers(draft: Draft, { ref, slot }: OwnedSlot): readonly Server[] {
  return draft.cloud(ref.provider).servers.belongingTo(ref.key, slot.serverId);
}

/**
 * Whether a server that we know by id is missing from two listings that are young enough to show it. After
 * the first, another listing is asked for.
 */
export function isServerMissing(draft: Draft, { ref, slot }: OwnedSlot): boolean {
  const { servers } = draft.cloud(ref.provider);
  if (slot.serverId === null || servers.takenAt === null) return false;
  if (servers.takenAt <= (slot.attemptAt ?? 0) + listingLagMs(draft, ref.provider)) return false;
  if (servers.find(slot.serverId) !== null) return false;
  if (draft.seenTwice(`missing/${ref.provider}/${slot.serverId}`, servers.takenAt)) return true;
  draft.needServers(ref.provider, servers.takenAt);
  return false;
}

/**
 * Orders what gets rid of the slot's server, and says whether nothing of it is left: neither a server that a
 * listing shows, nor an attempt that may still have an effect which the listing was too early to show.
 */
export function planSlotDeletion(draft: Draft, { ref, slot }: OwnedSlot): boolean {
  if (slot.serverId === null && slot.attemptAt === null) return true;
  const { now } = draft.world;
  const { servers } = draft.cloud(ref.provider);
  const isRepeatDue = slot.deleteAt === null || now > slot.deleteAt + DELETE_REPEAT_MS;
  const ids = slotServers(draft, { ref, slot }).map(({ id }) => id);
  // A known server is deleted by its id even while the cloud's listing is unknown.
  if (servers.takenAt === null && slot.serverId !== null) ids.push(slot.serverId);
  if (ids.length > 0 && isRepeatDue) {
    draft.order({ kind: 'delete-server', subject: slotSubject(ref), reason: 'deleted', slot: ref, serverIds: ids });
    return false;
  }
  if (slot.deleteAt !== null) draft.wakeAt(slot.deleteAt + DELETE_REPEAT_MS + 1);
  const decidableAfter = deletionDecidableAfter(draft, { ref, slot });
  const isAbsent = servers.belongingTo(ref.key, slot.serverId).length === 0;
  if (servers.takenAt !== null && servers.takenAt > decidableAfter && isAbsent) return true;
  draft.needServers(ref.provider, Math.max(decidableAfter, servers.takenAt ?? 0));
  return false;
}

/** A listing decides that a server is gone only if taken after this. */
function deletionDecidableAfter(draft: Draft, { ref, slot }: OwnedSlot): number {
  if (slot.deleteAt !== null && slot.serverId !== null) return slot.deleteAt;
  const attemptAt = slot.attemptAt ?? 0;
  const wait = slot.serverId === null ? createGraceMs(draft, ref.provider) : listingLagMs(draft, ref.provider);
  return Math.max(attemptAt + wait, slot.deleteAt ?? 0);
}

/** The template server of an image. */
export function imageSlot(image: ImageRecord): OwnedSlot {
  return { ref: { kind: 'image', id: image.id, provider: image.provider, key: recordKey('image', image) }, slot: image };
}
