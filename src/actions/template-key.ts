/**
 * The key of a snapshot's template server where the configuration names no key pair for it: made for this one server,
 * kept in a file so that a restarted daemon can still log in, and gone with the server.
 */
import { NodepoolError, isNodepoolError } from '../lib/errors.ts';
import { keypairName } from '../lib/keypair-name.ts';
import { recordKey } from '../lifecycle/records.ts';
import type { SlotRef } from '../planning/actions.ts';
import type { ServerSpec } from '../providers/provider.ts';
import type { ActionContext } from './context.ts';

/** The name of the key that was made for a template, in the cloud and on disk; null: it has none of its own. */
export async function ownKeyOf(
  { world, templateKeys }: ActionContext,
  { kind, provider, key }: SlotRef,
): Promise<string | null> {
  if (kind !== 'image') return null;
  const name = keypairName({ installation: world.installation, record: key });
  // Of a provider that left the configuration nobody knows; what is not there is deleted without harm.
  const configured = world.config.providers.get(provider)?.keypair ?? null;
  // A template that was begun before a key pair was configured goes on with its own.
  return configured === null || (await templateKeys.records()).includes(name) ? name : null;
}

/** The specification with the key pair that is made for it, if it is to have one. */
export async function withOwnKey(
  context: ActionContext,
  { slot, spec }: { slot: SlotRef; spec: ServerSpec },
  signal: AbortSignal,
): Promise<ServerSpec> {
  const key = await ownKeyOf(context, slot);
  if (key === null) return spec;
  const { publicKey } = await context.templateKeys.prepare(key);
  try {
    const { cloud } = context.provider(slot.provider);
    return { ...spec, keypair: await cloud.createKeypair({ publicKey, tags: spec.tags }, signal) };
  } catch (error) {
    // Neither says anything about servers: only this build has to wait.
    if (isNodepoolError(error, 'quota', 'conflict'))
      throw new NodepoolError('rejected', error.message, { cause: error });
    throw error;
  }
}

/** The error of a template whose key this host does not have; null: it can be logged in to. */
export async function findLostKey(context: ActionContext, slot: SlotRef): Promise<NodepoolError | null> {
  const key = await ownKeyOf(context, slot);
  if (key === null || (await context.templateKeys.records()).includes(key)) return null;
  const message = `the key of its template is not on this host (${context.templateKeys.path(key)}): it was begun elsewhere`;
  return new NodepoolError('refused', message);
}

/** Deletes the key at the cloud, then its file. */
export async function deleteOwnKey(context: ActionContext, slot: SlotRef, signal: AbortSignal): Promise<void> {
  const key = await ownKeyOf(context, slot);
  if (key === null) return;
  await context.provider(slot.provider).cloud.deleteAccessory({ kind: 'keypair', id: key }, signal);
  await context.templateKeys.remove(key);
}

/** Deletes the files of templates that are not being built any more: left by a crash, or a build that ended elsewhere. */
export async function sweepKeys({ templateKeys, store, world }: ActionContext): Promise<void> {
  const own = keypairName({ installation: world.installation, record: '' });
  const keys = (await templateKeys.records()).filter((key) => key.startsWith(own));
  if (keys.length === 0) return;
  // Rows are committed before a key is made: read after the names, they tell whether somebody builds with it.
  const { images } = await store.readPool();
  const needed = new Set(
    images
      .filter(({ state }) => state === 'building')
      .map((image) => keypairName({ installation: world.installation, record: recordKey('image', image) })),
  );
  for (const key of keys) if (!needed.has(key)) await templateKeys.remove(key);
}
