/** The steps of one server: create, adopt, delete, forget. How it is reached stands in `probe-server.ts`. */
import { describeError, isNodepoolError, NodepoolError, type ErrorCode } from '../lib/errors.ts';
import { CREATE_ATTEMPTS_MAX } from '../lifecycle/limits.ts';
import type { NodePatch } from '../store/store.ts';
import type { ActionOf, SlotRef } from '../planning/actions.ts';
import { providerPlace } from '../planning/places.ts';
import { findImage, nodeOf, type ActionContext } from './context.ts';
import { laterIfRefused } from './later-if-refused.ts';
import { failSlot } from './retire.ts';
import { planServer, type PlannedServer } from './server-spec.ts';
import { deleteOwnKey, withOwnKey } from './template-key.ts';

export async function createServer(
  action: ActionOf<'create-server'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const { slot } = action;
  const attempt = action.attempt + 1;
  const planned = await planOrFail(context, { slot, attempt, signal });
  if (planned === null) return;
  const { spec, nodename } = planned;
  const names: NodePatch = slot.kind === 'node' ? { hostname: spec.name, nodename } : { hostname: spec.name };
  const fence = { isLost: false };
  // When the turn of the call has come: who loses the compare-and-set has no business creating anything.
  const admitted = async (): Promise<void> => {
    refuseDuringRest(context, slot);
    fence.isLost = !(await context.store.recordAttempt(slot, action.attempt, names));
    if (fence.isLost) throw new NodepoolError('aborted', `somebody else goes on with ${action.subject}`);
  };
  try {
    const whole = await withOwnKey(context, { slot, spec }, signal);
    const serverId = await context.provider(slot.provider).cloud.createServer(whole, signal, admitted);
    const event = { kind: 'server-created', reason: action.reason, detail: `${serverId} ${spec.name}` };
    // From now on listings may be expected to show it, however long the call took.
    await context.store.patch(slot.kind, slot.id, { attempt }, { serverId, attemptAt: context.clock.now() }, event);
  } catch (error) {
    if (!fence.isLost) await handleRefusal(context, { slot, attempt, signal }, error);
  }
}

/**
 * What the provider has refused to others while this one waited for its turn is not asked for again. A template is: there
 * are few, and one that an operator has built now may tell whether the trouble is over.
 */
function refuseDuringRest({ failures }: ActionContext, { kind, provider }: SlotRef): void {
  const refusal = kind === 'image' ? null : failures.errorAt(providerPlace(provider));
  if (refusal !== null) throw new NodepoolError('quota', refusal);
}

interface Try {
  readonly slot: SlotRef;
  /** The number of the attempt that it is. */
  readonly attempt: number;
  readonly signal: AbortSignal;
}

/** null: there is nothing to boot from, and what the server was for has failed. */
async function planOrFail(context: ActionContext, { slot, attempt, signal }: Try): Promise<PlannedServer | null> {
  try {
    return planServer(context, slot, attempt);
  } catch (error) {
    if (!isNodepoolError(error, 'rejected')) throw error;
    await failSlot(context, slot, { reason: 'create-failed', error, counts: false, signal });
    return null;
  }
}

/** `config` comes from this host: the key of a template cannot be kept here. */
const REFUSALS = [
  'quota',
  'throttled',
  'conflict',
  'rejected',
  'auth',
  'not-found',
  'config',
] as const satisfies readonly ErrorCode[];

/**
 * Answers that promise that nothing was created end the attempt; after any other a listing has to tell. A call that
 * failed before its turn had come has no attempt on record: then these writes find no row.
 */
async function handleRefusal(context: ActionContext, { slot, attempt, signal }: Try, error: unknown): Promise<void> {
  if (isNodepoolError(error, 'unavailable')) {
    // What the call can still do counts from its end.
    await context.store.patch(slot.kind, slot.id, { attempt }, { attemptAt: context.clock.now() });
  }
  if (!isNodepoolError(error, ...REFUSALS)) throw error;
  await context.store.patch(slot.kind, slot.id, { attempt }, { attemptAt: null });
  // Some clouds say "conflict", too, to what can never be done.
  if (error.code === 'throttled' || (error.code === 'conflict' && attempt < CREATE_ATTEMPTS_MAX)) throw error;
  if (isProviderWide(error)) {
    await context.failures.record(providerPlace(slot.provider), describeError(error));
  }
  await failSlot(context, slot, { reason: 'create-failed', error, counts: !isProviderWide(error), signal });
}

function isProviderWide(error: NodepoolError): boolean {
  return error.code === 'quota' || error.code === 'auth';
}

export async function adoptServer(
  { slot, attempt, serverId }: ActionOf<'adopt-server'>,
  { store, log }: ActionContext,
): Promise<void> {
  const event = { kind: 'server-adopted', reason: 'adopt', detail: serverId };
  const hasWon = await store.patch(slot.kind, slot.id, { attempt }, { serverId }, event);
  if (hasWon) log.info({ record: slot.key, server: serverId }, 'adopted a server of an interrupted attempt');
}

/** One that cannot be deleted does not keep the others: they are asked to go all the same, and all again later. */
export async function deleteServer(
  { slot, serverIds }: ActionOf<'delete-server'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const { cloud } = context.provider(slot.provider);
  const { clock, store } = context;
  try {
    const answers = await Promise.allSettled(serverIds.map((id) => cloud.deleteServer(id, signal)));
    const refused = answers.find((answer) => answer.status === 'rejected');
    if (refused !== undefined) throw refused.reason;
    // Before that is on record: who is cut off in between is followed by one who asks for all of it again.
    await deleteOwnKey(context, slot, signal);
  } catch (error) {
    throw laterIfRefused(error, clock.now() - unwantedSince(context, slot));
  }
  await store.patch(slot.kind, slot.id, {}, { deleteAt: clock.now() });
}

/** When the record came into the state in which its server is to go. */
function unwantedSince(context: ActionContext, slot: SlotRef): number {
  return (slot.kind === 'image' ? findImage(context, slot.id) : nodeOf(context, slot)).stateAt;
}

export async function forgetServer({ slot }: ActionOf<'forget-server'>, { store }: ActionContext): Promise<void> {
  const nothing = { serverId: null, attemptAt: null, deleteAt: null, ip: null, ipPrivate: null, hostKey: null };
  const kind = slot.kind === 'image' ? 'template-deleted' : 'server-deleted';
  await store.patch(slot.kind, slot.id, {}, nothing, { kind, reason: 'gone' });
}
