import type { FailureRecord, ImageRecord } from '../lifecycle/records.ts';
import type { ActionOf, Reason } from '../planning/actions.ts';
import { findImage, type ActionContext } from './context.ts';

export async function withdrawImage(
  { imageId, detail }: ActionOf<'withdraw-image'>,
  context: ActionContext,
): Promise<void> {
  await withdraw(context, findImage(context, imageId), { reason: 'withdrawn', detail });
}

/** From now on nodes boot from the image before it. Answers whether it was READY, and not withdrawn yet as far as known. */
export async function withdraw(
  context: ActionContext,
  image: ImageRecord,
  { reason, detail }: { reason: Extract<Reason, 'withdrawn' | 'rolled-back'>; detail: string },
): Promise<boolean> {
  const { store, clock, log, metrics, failures, world } = context;
  const { id, provider, image: name } = image;
  const patch = { withdrawnAt: clock.now(), reason };
  if (!(await store.patch('image', id, { state: 'ready' }, patch, { kind: 'withdrawn', reason, detail }))) return false;
  log.warn({ image: id, provider, name, reason, detail }, 'image withdrawn; the one before it is used again');
  metrics.imageWithdrawn({ image: name, provider });
  // Launches failed because of it: the image before it need not wait for that.
  const isOfImage = (place: FailureRecord): boolean =>
    place.kind === 'launch' && place.provider === provider && place.image === name;
  for (const place of world.failures.filter(isOfImage)) await failures.clear(place, world.failures);
  return true;
}
