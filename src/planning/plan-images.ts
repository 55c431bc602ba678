/** Plans provider images: the builds that are missing or due, their next steps, and the retirement of old ones. */
import type { ProviderConfig, ProviderImageConfig } from '../config/types.ts';
import { GENERATIONS_KEPT } from '../lifecycle/limits.ts';
import { mayHaveServer, type ImageRecord } from '../lifecycle/records.ts';
import type { Reason } from './actions.ts';
import { byVersion, describeFailing, groupImages, imagesOf, isUsable } from './choose-image.ts';
import type { Draft } from './draft.ts';
import { imagesInUse } from './images-in-use.ts';
import { findAnyPause } from './pauses.ts';
import { buildPlace, describeRest, findTrial, isResting, planFailure, providerPlace } from './places.ts';
import { isCloudImageMissing, planImageBuild, planImageDeletion, retireImage } from './plan-image-steps.ts';
import { imageSlot, planSlotDeletion, slotSubject } from './plan-slot.ts';
import { describeUploadWait, lostUploadReason } from './plan-uploads.ts';
import { describeLeft, estimate, type Order } from './quota.ts';

export function planImages(draft: Draft): void {
  if (draft.world.switches.images) planMissingImages(draft);
  for (const group of groupImages(draft.world.images).values()) {
    const usable = group.filter(isUsable);
    planTrial(draft, usable);
    for (const image of group) planImage(draft, image, usable);
  }
}

/** A new image whose nodes fail gives way to the one before it, if that one's did not. */
function planTrial(draft: Draft, [newest, before]: readonly ImageRecord[]): void {
  if (newest === undefined || !draft.holds(newest.provider)) return;
  const failing = describeFailing(newest, before, draft.world.config.imageFailureShare);
  if (failing === null) return;
  const subject = `image:${newest.id}` as const;
  draft.order({ kind: 'withdraw-image', subject, reason: 'withdrawn', imageId: newest.id, detail: failing });
}

/** `usable` are those of its group that nodes may boot from, the newest first. */
function planImage(draft: Draft, image: ImageRecord, usable: readonly ImageRecord[]): void {
  if (!draft.actsOn(image.provider)) return;
  const { deletes, images } = draft.world.switches;
  const departed = departedReason(draft, image);
  if (image.state === 'delete') {
    if (deletes) planImageDeletion(draft, image);
  } else if (departed !== null) {
    retireImage(draft, image, { reason: departed, isFailure: isDisputed(draft, image, departed) });
  } else if (image.state === 'ready') {
    planReadyImage(draft, image, usable);
  } else if (images && image.diskImageId === null) {
    planImageBuild(draft, image);
  }
}

/** The current image and the previous one are kept; an older one goes when nothing needs it. */
function planReadyImage(draft: Draft, image: ImageRecord, usable: readonly ImageRecord[]): void {
  // Without an id there is nothing to boot from; such rows come from other hands.
  if (image.cloudImageId === null || isCloudImageMissing(draft, image))
    retireImage(draft, image, { reason: 'image-gone' });
  else if (isOutdated(image, usable) && !isInUse(draft, image)) retireImage(draft, image, { reason: 'image-outdated' });
  else if (draft.world.switches.deletes) planTemplateRemoval(draft, image);
}

/** A withdrawn one stays, for whoever wants to know what is wrong with it, until a newer image is good. */
function isOutdated(image: ImageRecord, usable: readonly ImageRecord[]): boolean {
  const age = usable.indexOf(image);
  if (age >= 0) return age >= GENERATIONS_KEPT;
  const [newest] = usable;
  return newest !== undefined && byVersion(newest, image) < 0;
}

function departedReason(draft: Draft, image: ImageRecord): Reason | null {
  const provider = draft.world.config.providers.get(image.provider);
  if (provider === undefined) return 'provider-removed';
  const config = provider.images.get(image.image);
  if (config === undefined) return 'image-removed';
  const isUpload = image.diskImageId !== null || config.source.kind === 'diskimage';
  return image.state === 'building' && isUpload ? lostUploadReason(draft, image) : null;
}

/**
 * Whether it counts as a failure that an upload ends: a daemon whose configuration is another one, as while a new one is
 * being distributed, would begin it anew at once.
 */
function isDisputed(draft: Draft, { state, diskImageId, provider, image }: ImageRecord, reason: Reason): boolean {
  const isOfConfiguration = reason === 'image-removed' || reason === 'format-missing';
  return (
    state === 'building' && diskImageId !== null && isOfConfiguration && planFailure(draft, buildPlace(provider, image))
  );
}

/** Whether a node still boots from it: its create call may be under way. */
function isInUse(draft: Draft, image: ImageRecord): boolean {
  return draft.world.nodes.some(({ state, imageId }) => state === 'building' && imageId === image.id);
}

function planTemplateRemoval(draft: Draft, image: ImageRecord): void {
  const owned = imageSlot(image);
  if (!mayHaveServer(image)) return;
  if (!planSlotDeletion(draft, owned)) return;
  draft.order({ kind: 'forget-server', subject: slotSubject(owned.ref), reason: 'gone', slot: owned.ref });
}

function planMissingImages(draft: Draft): void {
  const inUse = imagesInUse(draft.world.config);
  for (const provider of draft.world.config.providers.values()) {
    if (!draft.holds(provider.name)) continue;
    for (const name of inUse.get(provider.name) ?? []) {
      const image = provider.images.get(name);
      if (image !== undefined) planMissingImage(draft, provider, image);
    }
  }
}

function planMissingImage(draft: Draft, provider: ProviderConfig, image: ProviderImageConfig): void {
  const rows = imagesOf(draft.world.images, provider.name, image.name);
  if (rows.some(({ state }) => state === 'building')) return;
  const reason = missingReason(draft, rows);
  if (reason === null) return;
  if (image.source.kind === 'diskimage') {
    const wait = describeUploadWait(draft, image.source.diskimage, provider.imageType);
    // One that is only due again is the builder's business.
    if (reason === 'image-missing') draft.note(`image ${image.name} at ${provider.name}`, wait);
    return;
  }
  const obstacle = findObstacle(draft, provider.name, image);
  if (obstacle !== null) return draft.note(`image ${image.name} at ${provider.name}`, obstacle);
  draft.charge(provider.name, estimate(draft, templateOrder(provider.name, image.name)).cost);
  const subject = `build:${provider.name}/${image.name}` as const;
  draft.order({ kind: 'build-image', subject, reason, provider: provider.name, image: image.name });
}

/** Why an image cannot be built at a provider now; null: it can. */
function findObstacle(draft: Draft, provider: string, image: ProviderImageConfig): string | null {
  const { name } = image;
  const paused = findAnyPause(draft.world, image, provider);
  if (paused !== null) return paused;
  const rest = isResting(draft, buildPlace(provider, name)) ?? isResting(draft, providerPlace(provider));
  if (rest !== null) return describeRest('built again', rest);
  const trial = findTrial(draft, provider);
  if (trial !== null)
    return `waits for a launch that tries ${provider} after ${trial.count} failures: ${trial.lastError}`;
  if (draft.cloud(provider).servers.takenAt === null) return 'not built while the state of the cloud is unknown';
  if (draft.world.clouds.get(provider)?.limits === null) return 'not built before the limits of the cloud are read';
  const template = estimate(draft, templateOrder(provider, name));
  if (template.misfit !== null || template.room > 0) return template.misfit;
  // Ahead of the supply: in a pool that is always full the next free place is the image's.
  return `waits for a free place at ${provider} for its template server (${describeLeft(template)})`;
}

function templateOrder(provider: string, image: string): Order {
  return { provider, image, servers: 1 };
}

function missingReason(draft: Draft, rows: readonly ImageRecord[]): 'image-missing' | 'image-update' | null {
  // Nodes boot from none that was withdrawn; that of the image before it may have vanished since.
  if (!rows.some(isUsable)) return 'image-missing';
  const ready = rows.filter(({ state, cloudImageId }) => state === 'ready' && cloudImageId !== null);
  const newest = Math.max(...ready.map(({ version }) => version)) * 1000;
  const firedAt = draft.world.memory.cron.firedAt.imageUpdate;
  return firedAt !== null && newest < firedAt ? 'image-update' : null;
}
