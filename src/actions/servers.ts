/** The steps of one server: create, adopt, probe, delete, forget. */
import { describeError, isNodepoolError, type NodepoolError } from '../lib/errors.ts';
import type { SlotPatch } from '../store/store.ts';
import type { ActionOf, SlotRef } from '../planning/actions.ts';
import { providerPlace } from '../planning/places.ts';
import { findImage, findNode, findSubnode, type ActionContext, type Rest } from './context.ts';
import { probe, UNANSWERED } from './probe.ts';
import { failSlot } from './retire.ts';
import { imageOf, nodeImage, planServer, providerOf, type PlannedServer } from './server-spec.ts';

/** Users that images of the big distributions let in, root first (classic 9.4). */
const TEMPLATE_USERS = ['root', 'ubuntu', 'fedora', 'cloud-user', 'centos', 'debian'];
/** A server that is up but does not answer is asked again after this long. */
const PROBE_INTERVAL_MS = 1000;

export async function createServer(
  action: ActionOf<'create-server'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const { slot } = action;
  const attempt = action.attempt + 1;
  const planned = await planOrFail(context, slot, attempt);
  if (planned === null) return;
  const { spec, nodename } = planned;
  const names: SlotPatch = slot.kind === 'node' ? { hostname: spec.name, nodename } : { hostname: spec.name };
  // The fence: who loses this has no business creating anything.
  if (!(await context.store.recordAttempt(slot, action.attempt, names))) return;
  try {
    const serverId = await context.provider(slot.provider).cloud.createServer(spec, signal);
    const event = { kind: 'server-created', reason: action.reason, detail: `${serverId} ${spec.name}` };
    // From now on listings may be expected to show it, however long the call took or waited for its turn.
    await context.store.patch(slot.kind, slot.id, { attempt }, { serverId, attemptAt: context.clock.now() }, event);
  } catch (error) {
    await handleRefusal(context, { slot, attempt }, error);
  }
}

/** null: there is nothing to boot from, and what the server was for has failed. */
async function planOrFail(context: ActionContext, slot: SlotRef, attempt: number): Promise<PlannedServer | null> {
  try {
    return planServer(context, slot, attempt);
  } catch (error) {
    if (!isNodepoolError(error, 'rejected')) throw error;
    await failSlot(context, slot, { reason: 'create-failed', error, counts: false });
    return null;
  }
}

/** Answers that promise that nothing was created end the attempt; after any other a listing has to tell. */
async function handleRefusal(
  context: ActionContext,
  { slot, attempt }: { slot: SlotRef; attempt: number },
  error: unknown,
): Promise<void> {
  if (isNodepoolError(error, 'unavailable')) {
    // The call may have waited long for its turn: what it can still do counts from its end, not from the record.
    await context.store.patch(slot.kind, slot.id, { attempt }, { attemptAt: context.clock.now() });
  }
  if (!isNodepoolError(error, 'quota', 'throttled', 'rejected', 'auth', 'not-found')) throw error;
  await context.store.patch(slot.kind, slot.id, { attempt }, { attemptAt: null });
  if (error.code === 'throttled') throw error;
  if (isProviderWide(error)) {
    await context.failures.record(providerPlace(slot.provider), describeError(error));
  }
  await failSlot(context, slot, { reason: 'create-failed', error, counts: !isProviderWide(error) });
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

export async function probeServer(
  action: ActionOf<'probe-server'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<Rest | void> {
  const { slot, address, addressPrivate } = action;
  const { activeAt, usernames, privateKeyPath } = loginOf(context, slot);
  try {
    const username = await probe(context, slot.provider, { address, usernames, privateKeyPath }, signal);
    await recordReachable(context, slot, { address, addressPrivate, username });
  } catch (error) {
    if (!isNodepoolError(error, ...UNANSWERED)) throw error;
    // The boot time limit counts from the first time that it should have answered.
    if (activeAt === null) await context.store.patch(slot.kind, slot.id, {}, { activeAt: context.clock.now() });
    return { restMs: PROBE_INTERVAL_MS };
  }
}

interface Login {
  readonly activeAt: number | null;
  readonly usernames: readonly string[];
  readonly privateKeyPath: string | null;
}

function loginOf(context: ActionContext, slot: SlotRef): Login {
  const { config } = context.world;
  if (slot.kind === 'image') {
    const record = findImage(context, slot.id);
    const { privateKey } = imageOf(providerOf(config, record.provider), record.image);
    return { activeAt: record.activeAt, usernames: TEMPLATE_USERS, privateKeyPath: privateKey };
  }
  const found = slot.kind === 'subnode' ? findSubnode(context, slot.id) : null;
  const node = found?.node ?? findNode(context, slot.id);
  const { username, privateKey } = nodeImage(config, node);
  return { activeAt: (found?.subnode ?? node).activeAt, usernames: [username], privateKeyPath: privateKey };
}

interface Reached {
  readonly address: string;
  readonly addressPrivate: string | null;
  readonly username: string;
}

async function recordReachable(
  context: ActionContext,
  slot: SlotRef,
  { address, addressPrivate, username }: Reached,
): Promise<void> {
  const { store, clock } = context;
  // A cloud without private addresses: the public one serves (classic 3.4, step 7).
  const patch = { reachableAt: clock.now(), ip: address, ipPrivate: addressPrivate ?? address };
  if (slot.kind === 'subnode') {
    if (await store.readySubnode(slot.id, patch)) reportSubnode(context, slot.id);
  } else if (slot.kind === 'image') {
    await store.patch('image', slot.id, { state: 'building' }, { ...patch, username });
  } else {
    await store.patch('node', slot.id, { state: 'building' }, patch);
  }
}

/** A subnode counts as launched when it answers; its node still has to be prepared. */
function reportSubnode(context: ActionContext, id: number): void {
  const { node, subnode } = findSubnode(context, id);
  const { provider, az, target, manager } = node;
  const image = context.world.config.labels.get(node.label)?.image ?? null;
  context.metrics.launchEnded({
    result: 'ready',
    provider,
    az,
    image,
    target,
    manager,
    ms: context.clock.now() - subnode.createdAt,
  });
}

export async function deleteServer(
  { slot, serverIds }: ActionOf<'delete-server'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const { cloud } = context.provider(slot.provider);
  for (const id of serverIds) await cloud.deleteServer(id, signal);
  await context.store.patch(slot.kind, slot.id, {}, { deleteAt: context.clock.now() });
}

export async function forgetServer({ slot }: ActionOf<'forget-server'>, { store }: ActionContext): Promise<void> {
  const nothing = { serverId: null, attemptAt: null, deleteAt: null, ip: null, ipPrivate: null };
  await store.patch(slot.kind, slot.id, {}, nothing, { kind: 'template-deleted', reason: 'gone' });
}
