/** Telling targets of nodes: registered, tested, released to jobs, taken away; and asking how a target is. */
import { describeError, isNodepoolError } from '../lib/errors.ts';
import type { NodeRecord } from '../lifecycle/records.ts';
import type { ActionOf } from '../planning/actions.ts';
import type { HandedNode } from '../targets/targets.ts';
import { findNode, type ActionContext, type Rest } from './context.ts';
import { insist } from './insist.ts';
import { laterIfRefused } from './later-if-refused.ts';
import { nodeImage } from './server-spec.ts';

/** What is away is looked for again after so long. */
const AWAY_REST_MS = 5000;

/**
 * That it may be known there is on record before: whatever was registered is taken away in the end, and a node that a
 * Gearman worker may have taken is not offered to another.
 */
export async function registerNode(
  { nodeId }: ActionOf<'register-node'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<Rest | void> {
  const { store, clock, targets, targetBook, log } = context;
  const node = findNode(context, nodeId);
  const { state, target, registerAt } = node;
  const obstacle = findObstacle(context, target);
  if (obstacle !== null) return { restMs: AWAY_REST_MS, error: obstacle };
  const handed = handedNode(context, node);
  // Another daemon may have offered it since it was read, when this one stood still for a while.
  if (!(await store.patch('node', nodeId, { state, registerAt }, { registerAt: clock.now() }))) return;
  const manager = await targets.register(target, handed, signal).catch((error: unknown) => {
    // Else nodes are made, refused and deleted as fast as the cloud makes them.
    if (isNodepoolError(error, 'command-failed'))
      targetBook.recordOffer(target, { error: describeError(error), now: clock.now() });
    throw error;
  });
  if (manager !== null) targetBook.recordOffer(target, { error: null, now: clock.now() });
  const event = { kind: 'registered', reason: 'handover', detail: manager === null ? target : `${target}: ${manager}` };
  const facts = { registeredAt: clock.now(), ...(manager === null ? {} : { manager }) };
  // Whatever became of the node meanwhile: its manager has to hear when it goes.
  await insist(clock, signal, () => store.patch('node', nodeId, {}, facts, event));
  log.info({ node: nodeId, target, manager }, 'node registered at its target');
}

/** Why the node cannot be registered now; null: perhaps it can. What is away has its own line in the log. */
function findObstacle({ targets }: ActionContext, target: string): string | null {
  try {
    targets.requireReady(target);
    return null;
  } catch (error) {
    if (!isNodepoolError(error, 'unavailable')) throw error;
    return describeError(error);
  }
}

function handedNode({ world }: ActionContext, node: NodeRecord): HandedNode {
  const { username, privateKey, userHome } = nodeImage(world.config, node);
  const { nodename, ip, label, hostKey, state } = node;
  const login = { username, privateKeyPath: privateKey, userHome, hostKey };
  return { nodename: nodename ?? '', host: ip ?? '', label, ...login, isOnTest: state === 'test' };
}

export async function unregisterNode(
  { nodeId }: ActionOf<'unregister-node'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const { nodename, manager, target, stateAt } = findNode(context, nodeId);
  const { targets, clock } = context;
  const node = { nodename: nodename ?? '', manager };
  await targets.unregister(target, node, signal).catch((error: unknown) => {
    throw laterIfRefused(error, clock.now() - stateAt);
  });
  await context.store.patch('node', nodeId, {}, { registerAt: null, registeredAt: null });
}

/** Once: a test that is started twice would run on the node twice. One that was not started fails by its time limit. */
export async function startTest(
  { nodeId }: ActionOf<'start-test'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const { nodename, target } = findNode(context, nodeId);
  const { store, clock, targets } = context;
  const event = { kind: 'test-started', reason: 'next-step', detail: null };
  if (!(await store.patch('node', nodeId, { state: 'test', testAt: null }, { testAt: clock.now() }, event))) return;
  await targets.startTest(target, nodename ?? '', signal);
}

export async function passTest(
  { nodeId }: ActionOf<'pass-test'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const { nodename, target, label, provider } = findNode(context, nodeId);
  await context.targets.release(target, { nodename: nodename ?? '', label }, signal);
  const patch = { reason: null, jobName: null, jobResult: null, jobDoneAt: null };
  const event = { kind: 'ready', reason: 'next-step', detail: 'it has passed its acceptance test' };
  await context.store.moveNode({ id: nodeId, from: 'test', to: 'ready', by: 'event', patch, event });
  context.log.info({ node: nodeId, provider, label }, 'node has passed its test');
}

export async function checkTarget(
  { target }: ActionOf<'check-target'>,
  { targets, targetBook, clock }: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const takenAt = clock.now();
  try {
    targetBook.recordStatus(target, takenAt, await targets.status(target, signal));
  } catch (error) {
    // Given up by us: it says nothing about the target.
    if (isNodepoolError(error, 'aborted')) throw error;
    targetBook.recordProblem(target, { error: describeError(error), now: clock.now() });
  }
}
