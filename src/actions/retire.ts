/** Moves out of a life cycle: failed, over age, removed from the configuration, asked for by an operator. */
import { describeError, ERROR_CODES, isNodepoolError } from '../lib/errors.ts';
import type { ImageRecord, NodeRecord } from '../lifecycle/records.ts';
import type { ActionOf, Reason, SlotRef } from '../planning/actions.ts';
import { buildPlace, launchPlace } from '../planning/places.ts';
import { findImage, findNode, findSubnode, type ActionContext } from './context.ts';

/** The last part of `nodepool.launch.error.*`, where it is not the error that tells. */
const LAUNCH_METRICS: Partial<Record<Reason, string>> = {
  'server-error': 'status',
  'server-gone': 'status',
  'launch-timeout': 'timeout',
  'boot-timeout': 'ssh',
  'script-failed': 'script',
  'image-removed': 'nodepool',
};

export async function retireNode(action: ActionOf<'retire-node'>, context: ActionContext): Promise<void> {
  const { reason, detail, isFailure } = action;
  await endNode(context, findNode(context, action.nodeId), {
    reason,
    detail,
    metric: LAUNCH_METRICS[reason] ?? 'unknown',
    counts: isFailure,
  });
}

export async function retireImage(action: ActionOf<'retire-image'>, context: ActionContext): Promise<void> {
  const { reason, detail, isFailure } = action;
  await endImage(context, findImage(context, action.imageId), { reason, detail, counts: isFailure });
}

interface Failure {
  readonly reason: Reason;
  readonly error: unknown;
  /** It counts against its place. */
  readonly counts: boolean;
}

/** Ends the life of what a failed step belongs to: the image build, or the whole node set. */
export async function failSlot(
  context: ActionContext,
  slot: SlotRef,
  { reason, error, counts }: Failure,
): Promise<void> {
  const detail = describeError(error);
  if (slot.kind === 'image') return endImage(context, findImage(context, slot.id), { reason, detail, counts });
  const node = slot.kind === 'subnode' ? findSubnode(context, slot.id).node : findNode(context, slot.id);
  const metric = isNodepoolError(error) ? ERROR_CODES[error.code].metric : 'unknown';
  await endNode(context, node, { reason: slot.kind === 'subnode' ? 'subnode-failed' : reason, detail, metric, counts });
}

interface End {
  readonly reason: Reason;
  readonly detail: string | null;
  readonly counts: boolean;
}

async function endNode(
  context: ActionContext,
  node: NodeRecord,
  { reason, detail, metric, counts }: End & { metric: string },
): Promise<void> {
  const { store, log, world, failures, clock, metrics } = context;
  if (node.state === 'delete' || node.state === 'hold') return;
  const event = { kind: node.state === 'building' ? 'launch-failed' : 'retired', reason, detail };
  const hasWon = await store.moveNode({
    id: node.id,
    from: node.state,
    to: 'delete',
    by: 'cleanup',
    patch: { reason },
    event,
  });
  if (!hasWon) return;
  log.info(
    { node: node.id, provider: node.provider, label: node.label, from: node.state, reason, detail },
    'node retired',
  );
  const image = world.config.labels.get(node.label)?.image ?? null;
  if (node.state === 'building') {
    const { provider, az, target, manager } = node;
    metrics.launchEnded({
      result: `error.${metric}`,
      provider,
      az,
      image,
      target,
      manager,
      ms: clock.now() - node.createdAt,
    });
  }
  if (counts) await failures.record(launchPlace(node, image), detail ?? reason);
}

async function endImage(context: ActionContext, image: ImageRecord, { reason, detail, counts }: End): Promise<void> {
  const { store, log, failures } = context;
  if (image.state === 'delete') return;
  const event = { kind: image.state === 'building' ? 'build-failed' : 'retired', reason, detail };
  const hasWon = await store.moveImage({
    id: image.id,
    from: image.state,
    to: 'delete',
    by: 'cleanup',
    patch: { reason },
    event,
  });
  if (!hasWon) return;
  log.info(
    { image: image.id, provider: image.provider, name: image.image, from: image.state, reason, detail },
    'image retired',
  );
  if (counts) await failures.record(buildPlace(image.provider, image.image), detail ?? reason);
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
