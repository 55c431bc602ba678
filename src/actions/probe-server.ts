/** How a new server is found to be up: somebody answers, and lets us in. */
import { describeError, isNodepoolError } from '../lib/errors.ts';
import { withTimeLimit } from '../lib/time-limit.ts';
import { KNOCK_LIMIT_MS, TEMPLATE_BOOT_MS, tryRestMs } from '../lifecycle/limits.ts';
import type { ActionOf, Reason, SlotRef } from '../planning/actions.ts';
import type { Login } from '../remote/shell.ts';
import { confirmHostKey } from './consoles.ts';
import { findImage, findSubnode, nodeOf, type ActionContext, type Rest } from './context.ts';
import { probe, UNANSWERED } from './probe.ts';
import { failSlot } from './retire.ts';
import { imageOf, nodeImage, providerOf } from './server-spec.ts';
import { slotRecord } from './slot-record.ts';
import { findLostKey, ownKeyOf } from './template-key.ts';

/** Users that images of the big distributions let in, root first (classic 9.4). */
const TEMPLATE_USERS = ['root', 'ubuntu', 'fedora', 'cloud-user', 'centos', 'debian'];
/** A server that is up but does not answer is asked again after this long. */
const PROBE_INTERVAL_MS = 500;
/** Nobody needs to be told that a server which has just become ACTIVE does not answer yet. */
const SLOW_BOOT_MS = 20_000;
/** The same for one that is being built, and for one that answered although the last listing still said so. */
const KNOCK_INTERVAL_MS = 500;
const ANSWERED_INTERVAL_MS = 250;

/** Leaves no trace but the hint that a listing is worth its call. */
export async function knockServer(
  { slot, address }: ActionOf<'knock-server'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<Rest> {
  const { shell } = context.provider(slot.provider);
  const { clock, book } = context;
  const { attemptAt } = slotRecord(context, slot);
  const ageMs = clock.now() - (attemptAt ?? clock.now());
  try {
    const limit = { clock, ms: KNOCK_LIMIT_MS, what: 'the knock' };
    await withTimeLimit(limit, signal, (own) => shell.knock(address, own));
  } catch (error) {
    if (!isNodepoolError(error, ...UNANSWERED)) throw error;
    return { restMs: tryRestMs({ leastMs: KNOCK_INTERVAL_MS, ageMs }) };
  }
  book.hint(slot.provider, clock.now());
  return { restMs: tryRestMs({ leastMs: ANSWERED_INTERVAL_MS, ageMs }) };
}

export async function probeServer(
  action: ActionOf<'probe-server'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<Rest | void> {
  const { slot, address } = action;
  const lostKey = await findLostKey(context, slot);
  if (lostKey !== null)
    return failSlot(context, slot, { reason: 'script-interrupted', error: lostKey, counts: false, signal });
  const { hostKey, serverId } = slotRecord(context, slot);
  const { usernames, privateKeyPath, image } = await loginOf(context, slot);
  try {
    const login = await probe(context, slot.provider, { address, usernames, privateKeyPath, hostKey }, signal);
    await confirmHostKey(context, { provider: slot.provider, serverId, image, hostKey: login.hostKey }, signal);
    await recordReachable(context, action, login);
  } catch (error) {
    const reason = failureOf(context, slot, error);
    if (reason !== null) return failSlot(context, slot, { reason, error, counts: true, signal });
    const { activeAt } = slotRecord(context, slot);
    // The boot time limit counts from the first time that it should have answered.
    if (activeAt === null) await context.store.patch(slot.kind, slot.id, {}, { activeAt: context.clock.now() });
    const isSlow = activeAt !== null && context.clock.now() - activeAt > SLOW_BOOT_MS;
    return { restMs: PROBE_INTERVAL_MS, ...(isSlow && { error: describeError(error) }) };
  }
}

/** Why the launch has failed with this error; null: it may be tried again. Throws an error that tells nothing of it. */
function failureOf(context: ActionContext, slot: SlotRef, error: unknown): Reason | null {
  if (isNodepoolError(error, 'host-key-changed')) return 'host-key-changed';
  if (isNodepoolError(error, 'config')) return 'key-unusable';
  if (!isNodepoolError(error, ...UNANSWERED)) throw error;
  const deadline = (slotRecord(context, slot).activeAt ?? Infinity) + bootTimeoutMs(context, slot);
  // The next try would come too late. Later the planner would find the same, but not what the server answered.
  return context.clock.now() + PROBE_INTERVAL_MS > deadline ? 'boot-timeout' : null;
}

function bootTimeoutMs({ world }: ActionContext, { kind, provider }: SlotRef): number {
  return kind === 'image' ? TEMPLATE_BOOT_MS : providerOf(world.config, provider).bootTimeoutMs;
}

interface LoginFacts {
  readonly usernames: readonly string[];
  readonly privateKeyPath: string | null;
  /** What the server was booted from. */
  readonly image: string;
}

async function loginOf(context: ActionContext, slot: SlotRef): Promise<LoginFacts> {
  const { config } = context.world;
  if (slot.kind === 'image') {
    const record = findImage(context, slot.id);
    const { privateKey } = imageOf(providerOf(config, record.provider), record.image);
    const ownKey = await ownKeyOf(context, slot);
    const privateKeyPath = ownKey === null ? privateKey : context.templateKeys.path(ownKey);
    return { usernames: TEMPLATE_USERS, privateKeyPath, image: `base of ${record.image}` };
  }
  const node = nodeOf(context, slot);
  const { username, privateKey, name } = nodeImage(config, node);
  return { usernames: [username], privateKeyPath: privateKey, image: name };
}

async function recordReachable(
  context: ActionContext,
  { slot, address, addressPrivate }: ActionOf<'probe-server'>,
  { username, hostKey }: Login,
): Promise<void> {
  const { store, clock } = context;
  // A cloud without private addresses: the public one serves (classic 3.4, step 7).
  const patch = { reachableAt: clock.now(), ip: address, ipPrivate: addressPrivate ?? address, hostKey };
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
