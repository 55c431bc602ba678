/** Plans provider images: the builds that are missing or due, their next steps, and the retirement of old ones. */
import type { ProviderConfig, ProviderImageConfig } from '../config/types.ts';
import type { ImageRecord } from '../lifecycle/records.ts';
import type { Reason } from './actions.ts';
import type { Draft } from './draft.ts';
import { buildPlace, findTrial, isResting, providerPlace } from './places.ts';
import { isCloudImageMissing, planImageBuild, planImageDeletion, retireImage } from './plan-image-steps.ts';
import { imageSlot, planSlotDeletion, slotSubject } from './plan-slot.ts';
import { describeLeft, estimate, type Order } from './quota.ts';

export function planImages(draft: Draft): void {
  if (draft.world.switches.images) planMissingImages(draft);
  const images = groupImages(draft.world.images);
  for (const group of images.values()) {
    for (const [age, image] of group.entries()) planImage(draft, image, age);
  }
}

/** Images of one provider and name, the newest READY first, then everything else. */
function groupImages(images: readonly ImageRecord[]): Map<string, ImageRecord[]> {
  const groups = new Map<string, ImageRecord[]>();
  for (const image of images) {
    const key = `${image.provider}/${image.image}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [image]);
    else group.push(image);
  }
  const rank = ({ state }: ImageRecord): number => (state === 'ready' ? 0 : 1);
  for (const group of groups.values()) group.sort((a, b) => rank(a) - rank(b) || b.version - a.version || b.id - a.id);
  return groups;
}

function planImage(draft: Draft, image: ImageRecord, age: number): void {
  const isReachable = draft.world.clouds.has(image.provider);
  if (!draft.holds(image.provider) && (isReachable || !draft.world.leases.has('supply'))) return;
  const { deletes, images } = draft.world.switches;
  const departed = departedReason(draft, image);
  if (image.state === 'delete') {
    if (deletes) planImageDeletion(draft, image);
  } else if (departed !== null) {
    retireImage(draft, image, { reason: departed });
  } else if (image.state === 'ready') {
    planReadyImage(draft, image, age);
  } else if (images) {
    planImageBuild(draft, image);
  }
}

/** The current image (age 0) and the previous one are kept; an older one goes when nothing needs it. */
function planReadyImage(draft: Draft, image: ImageRecord, age: number): void {
  // Without an id there is nothing to boot from; such rows come from other hands.
  if (image.cloudImageId === null || isCloudImageMissing(draft, image))
    retireImage(draft, image, { reason: 'image-gone' });
  else if (age >= 2 && !isInUse(draft, image)) retireImage(draft, image, { reason: 'image-outdated' });
  else if (draft.world.switches.deletes) planTemplateRemoval(draft, image);
}

function departedReason(draft: Draft, image: ImageRecord): Reason | null {
  const provider = draft.world.config.providers.get(image.provider);
  if (provider === undefined) return 'provider-removed';
  const config = provider.images.get(image.image);
  if (config === undefined) return 'image-removed';
  // An upload that another version left half done: nobody goes on with it.
  return config.source.kind === 'diskimage' && image.state === 'building' ? 'image-failed' : null;
}

/** Whether a node still boots from it: its create call may be under way. */
function isInUse(draft: Draft, image: ImageRecord): boolean {
  return draft.world.nodes.some(({ state, imageId }) => state === 'building' && imageId === image.id);
}

function planTemplateRemoval(draft: Draft, image: ImageRecord): void {
  const owned = imageSlot(image);
  if (image.serverId === null && image.attemptAt === null) return;
  if (!planSlotDeletion(draft, owned)) return;
  draft.order({ kind: 'forget-server', subject: slotSubject(owned.ref), reason: 'gone', slot: owned.ref });
}

/** Image names that labels in force use, by provider. Labels with min-ready -1 are disabled. */
export function imagesInUse(draft: Draft): ReadonlyMap<string, ReadonlySet<string>> {
  const inUse = new Map<string, Set<string>>();
  for (const label of draft.world.config.labels.values()) {
    if (label.minReady < 0) continue;
    for (const provider of label.providers) {
      const names = inUse.get(provider) ?? new Set<string>();
      names.add(label.image);
      inUse.set(provider, names);
    }
  }
  return inUse;
}

function planMissingImages(draft: Draft): void {
  const inUse = imagesInUse(draft);
  for (const provider of draft.world.config.providers.values()) {
    if (!draft.holds(provider.name)) continue;
    for (const name of inUse.get(provider.name) ?? []) {
      const image = provider.images.get(name);
      if (image !== undefined) planMissingImage(draft, provider, image);
    }
  }
}

function planMissingImage(draft: Draft, provider: ProviderConfig, image: ProviderImageConfig): void {
  const rows = draft.world.images.filter((row) => row.provider === provider.name && row.image === image.name);
  if (rows.some(({ state }) => state === 'building')) return;
  const reason = missingReason(draft, rows);
  // A disk image that is only due again is the builder's business.
  if (reason === null || (image.source.kind === 'diskimage' && reason === 'image-update')) return;
  const obstacle = findObstacle(draft, provider.name, image);
  if (obstacle !== null) return draft.note(`image ${image.name} at ${provider.name}`, obstacle);
  draft.charge(provider.name, estimate(draft, templateOrder(provider.name, image.name)).cost);
  const subject = `build:${provider.name}/${image.name}` as const;
  draft.order({ kind: 'build-image', subject, reason, provider: provider.name, image: image.name });
}

/** Why an image cannot be built at a provider now; null: it can. */
function findObstacle(draft: Draft, provider: string, { name, source }: ProviderImageConfig): string | null {
  if (source.kind === 'diskimage') {
    return `waits for an upload of disk image ${source.diskimage}; this version does not build disk images`;
  }
  const rest = isResting(draft, buildPlace(provider, name)) ?? isResting(draft, providerPlace(provider));
  if (rest !== null) {
    const retryAt = new Date(rest.retryAt).toISOString();
    return `not built again before ${retryAt} after ${rest.count} failures: ${rest.lastError}`;
  }
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
  const ready = rows.filter(({ state, cloudImageId }) => state === 'ready' && cloudImageId !== null);
  if (ready.length === 0) return 'image-missing';
  const newest = Math.max(...ready.map(({ version }) => version)) * 1000;
  const firedAt = draft.world.memory.cron.firedAt.imageUpdate;
  return firedAt !== null && newest < firedAt ? 'image-update' : null;
}
