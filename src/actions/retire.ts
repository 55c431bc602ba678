/** Moves out of a life cycle: failed, over age, removed from the configuration, asked for by an operator. */
import { describeError, ERROR_CODES, isNodepoolError } from '../lib/errors.ts';
import type { NodeState } from '../lifecycle/node-states.ts';
import type { ImageRecord, NodeRecord } from '../lifecycle/records.ts';
import type { ActionOf, Reason, SlotRef } from '../planning/actions.ts';
import { buildPlace, launchPlace } from '../planning/places.ts';
import type { ServerId } from '../lib/ids.ts';
import { keepConsole } from './consoles.ts';
import { findImage, findNode, nodeOf, type ActionContext } from './context.ts';
import { tallyLaunch } from './launch-tally.ts';
import { slotRecord } from './slot-record.ts';

/** The last part of `nodepool.launch.error.*`, where it is not the error that tells. */
const LAUNCH_METRICS: Partial<Record<Reason, string>> = {
  'server-error': 'status',
  'server-gone': 'status',
  'launch-timeout': 'timeout',
  'boot-timeout': 'ssh',
  'script-failed': 'script',
  'image-removed': 'nodepool',
};

/** Failures of a server that answers, or does not: its console may tell more. The planner knows the others. */
const TOLD_BY_CONSOLE: ReadonlySet<Reason> = new Set<Reason>(['boot-timeout', 'script-failed', 'host-key-changed']);

export async function retireNode(
  { reason, detail, isFailure: counts, consoleOf, nodeId }: ActionOf<'retire-node'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const metric = LAUNCH_METRICS[reason] ?? 'unknown';
  await endNode(context, findNode(context, nodeId), { reason, detail, metric, counts, consoleOf, signal });
}

export async function retireImage(
  { reason, detail, isFailure: counts, consoleOf, imageId }: ActionOf<'retire-image'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  await endImage(context, findImage(context, imageId), { reason, detail, counts, consoleOf, signal });
}

interface Failure {
  readonly reason: Reason;
  readonly error: unknown;
  /** It counts against its place. */
  readonly counts: boolean;
  readonly signal: AbortSignal;
}

/** Ends the life of what a failed step belongs to: the image build, or the whole node set. */
export async function failSlot(
  context: ActionContext,
  slot: SlotRef,
  { reason, error, counts, signal }: Failure,
): Promise<void> {
  const detail = describeError(error);
  const consoleOf = TOLD_BY_CONSOLE.has(reason) ? slotRecord(context, slot).serverId : null;
  const end = { detail, counts, consoleOf, signal };
  if (slot.kind === 'image') return endImage(context, findImage(context, slot.id), { reason, ...end });
  const node = nodeOf(context, slot);
  const metric = isNodepoolError(error) ? ERROR_CODES[error.code].metric : 'unknown';
  await endNode(context, node, { reason: slot.kind === 'subnode' ? 'subnode-failed' : reason, metric, ...end });
}

interface End {
  readonly reason: Reason;
  readonly detail: string | null;
  readonly counts: boolean;
  /** The server whose console tells more; null: none does. */
  readonly consoleOf: ServerId | null;
  readonly signal: AbortSignal;
}

async function endNode(context: ActionContext, node: NodeRecord, end: End & { metric: string }): Promise<void> {
  const { store, log, world, failures } = context;
  const { id, state: from, provider, label } = node;
  const { reason, detail, consoleOf, signal } = end;
  if (!mayEnd(from, reason)) return;
  const event = { kind: from === 'building' ? 'launch-failed' : 'retired', reason, detail };
  // The hold may just be extended.
  const held = from === 'hold' && { guard: { holdUntil: node.holdUntil } };
  if (!(await store.moveNode({ id, from, to: 'delete', by: 'cleanup', ...held, patch: { reason }, event }))) return;
  log.info({ node: id, provider, label, from, reason, detail }, 'node retired');
  const image = world.config.labels.get(label)?.image ?? null;
  if (end.counts) await failures.record(launchPlace(node, image), detail ?? reason);
  if (from !== 'building') return;
  await tallyLaunch(context, node, { reason, detail });
  reportFailedLaunch(context, node, { image, metric: end.metric });
  const subject = { kind: 'node' as const, id, name: label };
  await keepConsole(context, { provider, serverId: consoleOf, subject, reason }, signal);
}

/** Of a held node nobody disposes before its time is over. */
function mayEnd(from: NodeState, reason: Reason): from is Exclude<NodeState, 'delete'> {
  return from !== 'delete' && (from !== 'hold' || reason === 'hold-expired');
}

function reportFailedLaunch(
  { metrics, clock }: ActionContext,
  { provider, az, target, manager, createdAt }: NodeRecord,
  { image, metric }: { image: string | null; metric: string },
): void {
  const result = `error.${metric}`;
  metrics.launchEnded({ result, provider, az, image, target, manager, ms: clock.now() - createdAt });
}

export async function endImage(context: ActionContext, image: ImageRecord, end: End): Promise<void> {
  const { store, failures } = context;
  const { id, state: from, provider, image: name } = image;
  const { reason, detail, consoleOf, signal } = end;
  if (from === 'delete') return;
  const event = { kind: from === 'building' ? 'build-failed' : 'retired', reason, detail };
  if (!(await store.moveImage({ id, from, to: 'delete', by: 'cleanup', patch: { reason }, event }))) return;
  logImage(context, image, end);
  if (end.counts) await failures.record(buildPlace(provider, name), detail ?? reason);
  const subject = { kind: 'image' as const, id, name };
  if (from === 'building') await keepConsole(context, { provider, serverId: consoleOf, subject, reason }, signal);
}

/** A build or an upload that failed is for an operator to look at, like that of a disk image. */
function logImage({ log }: ActionContext, image: ImageRecord, { reason, detail, counts }: End): void {
  const { id, state: from, provider, image: name, diskImageId } = image;
  const facts = { image: id, provider, name, from, reason, detail };
  if (from !== 'building' || !counts) log.info(facts, 'image retired');
  else log.warn(facts, diskImageId === null ? 'the build of an image failed' : 'the upload of an image failed');
}

export async function removeNode(
  { nodeId, reason, abandoned }: ActionOf<'remove-node'>,
  context: ActionContext,
): Promise<void> {
  const { store, log, metrics, world, clock } = context;
  const node = findNode(context, nodeId);
  const detail = abandoned.length === 0 ? null : `servers that could not be deleted: ${abandoned.join(', ')}`;
  if (!(await store.removeNode(nodeId, { kind: 'removed', reason, detail }))) return;
  if (detail === null) log.info({ node: nodeId, provider: node.provider, label: node.label }, 'node deleted');
  else
    log.warn(
      { node: nodeId, provider: node.provider, servers: abandoned },
      'node dropped: its provider left the configuration',
    );
  const image = world.config.labels.get(node.label)?.image ?? null;
  metrics.nodeDeleted({ image, provider: node.provider, target: node.target, ms: clock.now() - node.stateAt });
}

export async function removeImage(
  { imageId, reason, abandoned }: ActionOf<'remove-image'>,
  context: ActionContext,
): Promise<void> {
  const image = findImage(context, imageId);
  const detail = abandoned.length === 0 ? null : `left in the cloud: ${abandoned.join(', ')}`;
  if (!(await context.store.removeImage(imageId, { kind: 'removed', reason, detail }))) return;
  context.log.info({ image: imageId, provider: image.provider, name: image.image, detail }, 'image deleted');
}
