/** Answers what the command line asked for. An intent is always answered: with a result, or one sentence why not. */
import { describeError, isNodepoolError, NodepoolError } from '../lib/errors.ts';
import { recordKey, type IntentKind, type IntentRecord, type ServerSlot } from '../lifecycle/records.ts';
import type { ActionOf, Note, SlotRef } from '../planning/actions.ts';
import type { CloudImage, Server } from '../providers/provider.ts';
import { buildDiskImage, rollBack, updateImage, uploadNewest } from './answer-image-intent.ts';
import type { ActionContext } from './context.ts';
import { explainRequest } from '../planning/explain-request.ts';
import { viewWait } from '../requests/view.ts';
import { describeAction } from './describe-action.ts';

type Answer = (args: IntentRecord['args'], context: ActionContext, signal: AbortSignal) => Promise<unknown>;

const ANSWERS: Readonly<Record<IntentKind, Answer>> = {
  'explain-request': explain,
  'image-build': buildDiskImage,
  'image-upload': uploadNewest,
  'image-update': updateImage,
  'image-rollback': rollBack,
  'image-delete': deleteImage,
  plan: describePlan,
  'alien-list': listAliens,
  'alien-image-list': listAlienImages,
};

export async function answerIntent(
  { intent }: ActionOf<'answer-intent'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  try {
    const result = await ANSWERS[intent.kind](intent.args, context, signal);
    await context.store.intents.finish(intent.id, { result });
  } catch (error) {
    // Who holds the lease next, or this daemon when the database is back, answers instead.
    if (isNodepoolError(error, 'aborted', 'database-unavailable')) throw error;
    await context.store.intents.finish(intent.id, { error: describeError(error) });
    if (!isNodepoolError(error)) throw error;
  }
}

/** Args `{id, force}`: the row goes at once, whatever the cloud says; the sweep deletes what is left there. */
async function deleteImage({ id, force }: IntentRecord['args'], context: ActionContext): Promise<unknown> {
  const image = context.world.images.find((candidate) => candidate.id === id);
  if (image === undefined) throw new NodepoolError('not-found', `there is no image ${String(id)}`);
  const patch = { reason: force === true ? 'forced' : 'operator' };
  const event = { kind: 'retired', reason: patch.reason };
  const hasWon =
    image.state === 'delete'
      ? await context.store.patch('image', image.id, { state: 'delete' }, patch, event)
      : await context.store.moveImage({ id: image.id, from: image.state, to: 'delete', by: 'operator', patch, event });
  if (!hasWon) throw new NodepoolError('refused', `image ${image.id} changed at the same moment; try again`);
  return { id: image.id };
}

/** Args `{id}`: why a request waits; null when it does not. */
async function explain({ id }: IntentRecord['args'], { world, plan }: ActionContext): Promise<unknown> {
  const explanation = explainRequest(world, plan.notes, Number(id));
  return Promise.resolve(explanation && viewWait(explanation));
}

async function describePlan(_args: IntentRecord['args'], { plan, world }: ActionContext): Promise<unknown> {
  const actions = plan.actions
    .filter(({ kind }) => kind !== 'answer-intent')
    .map((action) => ({
      kind: action.kind,
      subject: action.subject,
      reason: action.reason,
      text: describeAction(action),
    }));
  const tell = ({ about, text }: Note): { about: string; text: string } => ({ about, text });
  return Promise.resolve({
    actions,
    notes: plan.notes.filter(({ isShare }) => isShare !== true).map(tell),
    shares: plan.notes.filter(({ isShare }) => isShare === true).map(tell),
    next_wake_in_seconds: Math.max(0, (plan.nextWakeAt - world.now) / 1000),
  });
}

/** Servers that belong to no record: neither a node's nor a subnode's nor a template. */
async function listAliens(
  { provider }: IntentRecord['args'],
  context: ActionContext,
  signal: AbortSignal,
): Promise<unknown> {
  return surveyProviders(context, provider, async (name) => {
    const servers = await context.provider(name).cloud.listServers(signal);
    const isOurs = await ownership(context);
    return servers
      .filter((server) => !isOurs(server))
      .map((server) => ({ provider: name, hostname: server.name, server_id: server.id, ip: server.ip }));
  });
}

/** Images made from servers, or marked as ours, that belong to no record. */
async function listAlienImages(
  { provider }: IntentRecord['args'],
  context: ActionContext,
  signal: AbortSignal,
): Promise<unknown> {
  return surveyProviders(context, provider, async (name) => {
    const images = await context.provider(name).cloud.listImages(signal);
    const isOurs = await ownership(context);
    return images
      .filter((image) => (image.isSnapshot || image.tags !== null) && !isOurs(image))
      .map((image) => ({ provider: name, name: image.name, image_id: image.id }));
  });
}

/**
 * Whether a resource belongs to a record: by id, or by the tag of one that may not know its id yet. The records are
 * read after the listing, so that what was created meanwhile is not called an alien.
 */
async function ownership({ store, world }: ActionContext): Promise<(resource: Server | CloudImage) => boolean> {
  const { nodes, images } = await store.readPool();
  const owners = new Set<string | null>();
  const add = (kind: SlotRef['kind'], slot: ServerSlot & { id: number }): void => {
    owners.add(slot.serverId).add(recordKey(kind, slot));
  };
  for (const node of nodes) {
    add('node', node);
    for (const subnode of node.subnodes) add('subnode', subnode);
  }
  for (const image of images) {
    add('image', image);
    owners.add(image.cloudImageId);
  }
  return ({ id, tags }) => owners.has(id) || (tags?.installation === world.installation && owners.has(tags.record));
}

/** Asks one provider or all; one that does not answer is a warning, not the end (classic section 5). */
async function surveyProviders(
  context: ActionContext,
  only: unknown,
  ask: (name: string) => Promise<unknown[]>,
): Promise<unknown> {
  const all = [...context.world.config.providers.keys()];
  const names = typeof only === 'string' ? all.filter((name) => name === only) : all;
  if (names.length === 0) throw new NodepoolError('refused', `there is no provider ${String(only)}`);
  const rows: unknown[] = [];
  const warnings: string[] = [];
  for (const name of names) {
    try {
      rows.push(...(await ask(name)));
    } catch (error) {
      if (isNodepoolError(error, 'aborted', 'database-unavailable')) throw error;
      warnings.push(`provider ${name} did not answer: ${describeError(error)}`);
    }
  }
  return { rows, warnings };
}
