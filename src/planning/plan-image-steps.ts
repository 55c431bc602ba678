/** Plans one provider image: its build step by step, its retirement, its deletion. */
import { nextImageStep, type ImageStep } from '../lifecycle/image-steps.ts';
import { TEMPLATE_BOOT_MS, TEMPLATE_LAUNCH_MS } from '../lifecycle/limits.ts';
import type { CloudImageId, ServerId } from '../lib/ids.ts';
import { mayHaveServer, recordKey, type ImageRecord } from '../lifecycle/records.ts';
import type { CloudImage } from '../providers/provider.ts';
import type { Reason } from './actions.ts';
import type { Draft } from './draft.ts';
import { buildPlace, planFailure } from './places.ts';
import {
  attemptedAt,
  createGraceMs,
  isCloudSilent,
  FOREIGN_LAUNCH,
  imageSlot,
  isForeignLaunch,
  isServerMissing,
  listingLagMs,
  pastOf,
  planSlotDeletion,
  planSlotsLaunch,
} from './plan-slot.ts';
import { findOverdraft } from './quota.ts';

interface Retirement {
  readonly reason: Reason;
  readonly detail?: string | null;
  readonly isFailure?: boolean;
  readonly consoleOf?: ServerId | null;
}

const TEMPLATE_LIMITS = { launchTimeoutMs: TEMPLATE_LAUNCH_MS, bootTimeoutMs: TEMPLATE_BOOT_MS };

export function planImageBuild(draft: Draft, image: ImageRecord): void {
  if (isForeignBuild(image)) return retireImage(draft, image, { reason: 'script-interrupted', detail: FOREIGN_LAUNCH });
  const { images } = draft.cloud(image.provider);
  const step = nextImageStep({
    now: draft.world.now,
    record: { ...image, saveAt: savedAt(draft, image) },
    cloudImage:
      image.cloudImageId === null ? (cloudImagesOf(draft, image)[0] ?? null) : images.find(image.cloudImageId),
    listedAt: images.takenAt,
    isGone: isCloudImageMissing(draft, image),
    graceMs: createGraceMs(draft, image.provider),
  });
  // A script under way is not an interrupted one.
  if (!draft.isBusy(`image:${image.id}`)) orderImageStep(draft, image, step);
}

/** Its set-up may have been under way: the image of a template that is set up twice is not to be trusted. */
function isForeignBuild(image: ImageRecord): boolean {
  return image.cloudImageId === null && isForeignLaunch(image);
}

function orderImageStep(draft: Draft, image: ImageRecord, step: ImageStep): void {
  const base = { subject: `image:${image.id}`, reason: 'next-step', imageId: image.id } as const;
  switch (step.do) {
    case 'finish':
      return draft.order({ ...base, kind: 'finish-image' });
    case 'set-up':
      return draft.order({ ...base, kind: 'setup-image' });
    case 'adopt':
      return draft.order({ ...base, kind: 'adopt-image', reason: 'adopt', cloudImageId: step.cloudImage.id });
    case 'wait':
      draft.needImages(image.provider, step.listingAfter, step.for);
      return draft.wakeAt(step.until + 1);
    case 'fail':
      return retireImage(draft, image, { ...failureOf(draft, image, step.reason), detail: step.detail });
    case 'save':
      return planSave(draft, image);
    case 'template':
      return planTemplate(draft, image);
  }
}

/** The template is what is saved: without it the build has failed. */
function planSave(draft: Draft, image: ImageRecord): void {
  if (image.serverId === null || isServerMissing(draft, imageSlot(image))) {
    return retireImage(draft, image, failureOf(draft, image, 'server-gone'));
  }
  const { servers, images } = draft.cloud(image.provider);
  if (servers.takenAt === null || images.takenAt === null) return;
  draft.order({
    kind: 'save-image',
    subject: `image:${image.id}`,
    reason: 'next-step',
    imageId: image.id,
    serverId: image.serverId,
  });
}

function planTemplate(draft: Draft, image: ImageRecord): void {
  const overdraft = findOverdraft(draft, image.provider);
  // An operator may ask for a build while the pool is full: it waits, and its place is kept free.
  if (!mayHaveServer(image) && overdraft !== null) {
    draft.note(
      `image ${image.image} at ${image.provider}`,
      `waits for a free place for its template server (${overdraft} short)`,
    );
    return;
  }
  const outcome = planSlotsLaunch(draft, [imageSlot(image)], TEMPLATE_LIMITS);
  if (outcome.is !== 'failed') return;
  const { reason, detail, consoleOf } = outcome;
  retireImage(draft, image, { ...failureOf(draft, image, reason), detail, consoleOf });
}

/** A build that a restart or a vanished template cut off says nothing about the image: it does not count. */
function failureOf(draft: Draft, image: ImageRecord, reason: Reason): Retirement {
  const isInnocent = reason === 'script-interrupted' || reason === 'server-gone' || isTemplateLost(draft, image);
  return { reason, isFailure: !isInnocent && planFailure(draft, buildPlace(image.provider, image.image)) };
}

/** Whether the newest listing lacks the template: what was being saved of it went with it. */
function isTemplateLost(draft: Draft, image: ImageRecord): boolean {
  const { servers } = draft.cloud(image.provider);
  if (image.serverId === null || servers.takenAt === null) return false;
  const shownAfter = attemptedAt(draft, imageSlot(image)) + listingLagMs(draft, image.provider);
  return servers.takenAt > shownAfter && servers.find(image.serverId) === null;
}

export function retireImage(
  draft: Draft,
  image: ImageRecord,
  { reason, detail = null, isFailure = false, consoleOf = null }: Retirement,
): void {
  if (!draft.world.switches.deletes) return;
  const subject = `image:${image.id}` as const;
  draft.order({ kind: 'retire-image', subject, reason, imageId: image.id, detail, isFailure, consoleOf });
}

export function planImageDeletion(draft: Draft, image: ImageRecord): void {
  const subject = `image:${image.id}` as const;
  const known = [image.serverId, image.cloudImageId].filter((id) => id !== null);
  const isForced = image.reason === 'forced';
  if (isForced || !draft.world.clouds.has(image.provider)) {
    // What is left in the cloud under our tag is found by the sweep as soon as the cloud can be reached.
    draft.order({
      kind: 'remove-image',
      subject,
      reason: isForced ? 'forced' : 'provider-removed',
      imageId: image.id,
      abandoned: known,
    });
    return;
  }
  const isTemplateGone = planSlotDeletion(draft, imageSlot(image));
  if (!isTemplateGone || !isCloudImageGone(draft, image)) return;
  draft.order({ kind: 'remove-image', subject, reason: 'gone', imageId: image.id, abandoned: [] });
}

/** Orders the deletion of the cloud image, and says whether none can be left. */
function isCloudImageGone(draft: Draft, image: ImageRecord): boolean {
  if (image.cloudImageId === null && image.saveAt === null) return true;
  const takenAt = draft.cloud(image.provider).images.takenAt ?? 0;
  const decidableAfter = lastAppearance(draft, image);
  const canTell = takenAt > decidableAfter;
  const ids = new Set(cloudImagesOf(draft, image).map(({ id }) => id));
  if (ids.size === 0 && canTell) return true;
  // A known image is deleted by its id while no listing can tell whether it is there.
  if (!canTell && image.cloudImageId !== null) ids.add(image.cloudImageId);
  if (ids.size === 0) draft.needImages(image.provider, Math.max(decidableAfter, takenAt), 'decision');
  else orderCloudImageDeletion(draft, image, [...ids]);
  return false;
}

function orderCloudImageDeletion(
  draft: Draft,
  { id: imageId, provider }: ImageRecord,
  cloudImageIds: readonly CloudImageId[],
): void {
  if (isCloudSilent(draft, draft.world.clouds.get(provider)?.images)) return;
  const subject = `image:${imageId}` as const;
  draft.order({ kind: 'delete-cloud-image', subject, reason: 'deleted', imageId, provider, cloudImageIds });
}

/** Until when an image that was being saved may still appear in listings. */
function lastAppearance(draft: Draft, image: ImageRecord): number {
  return (savedAt(draft, image) ?? 0) + createGraceMs(draft, image.provider);
}

/** When the last save call was recorded; null: none is that may still have an effect. */
function savedAt(draft: Draft, image: ImageRecord): number | null {
  return pastOf(draft, image.saveAt, ['save', recordKey('image', image)]);
}

function cloudImagesOf(draft: Draft, image: ImageRecord): readonly CloudImage[] {
  return draft.cloud(image.provider).images.belongingTo(recordKey('image', image), image.cloudImageId);
}

function isLost(image: CloudImage | null): boolean {
  return image === null || image.status === 'error' || image.status === 'deleting';
}

/** Whether an image that we know by id is missing, or lost, in two listings that are young enough to show it. */
export function isCloudImageMissing(draft: Draft, image: ImageRecord): boolean {
  const { images } = draft.cloud(image.provider);
  if (image.cloudImageId === null || images.takenAt === null) return false;
  if (images.takenAt <= (savedAt(draft, image) ?? 0) + listingLagMs(draft, image.provider)) return false;
  if (!isLost(images.find(image.cloudImageId))) return false;
  if (draft.seenTwice(`missing-image/${image.provider}/${image.cloudImageId}`, images.takenAt)) return true;
  draft.needImages(image.provider, images.takenAt, 'decision');
  return false;
}
