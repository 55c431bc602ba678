/**
 * Plans the removal of what carries our tag in a cloud although no row owns it: left by a crash, a lost answer,
 * or rows deleted by hand. Rows are read after the listing was taken and are committed before the create call,
 * so a server in the listing without a row has lost its row; it is deleted once a second listing shows it too.
 */
import { patienceMs } from '../lifecycle/limits.ts';
import { recordKey, type ImageRecord, type ServerSlot } from '../lifecycle/records.ts';
import type { CloudImage, Server } from '../providers/provider.ts';
import type { Draft } from './draft.ts';

interface Owner {
  /** Row id of the resource, when the row knows one. */
  readonly knownId: string | null;
  /** The row may still adopt what carries its tag, or deletes it itself. */
  readonly isOpen: boolean;
}

export function planLeaks(draft: Draft): void {
  if (!draft.world.switches.deletes) return;
  const serverOwners = indexServerOwners(draft);
  const imageOwners = new Map(draft.world.images.map((image) => [recordKey('image', image), imageOwner(image)]));
  for (const provider of draft.world.clouds.keys()) {
    if (!draft.holds(provider)) continue;
    planLeakedServers(draft, provider, serverOwners);
    planLeakedImages(draft, provider, imageOwners);
  }
}

function indexServerOwners(draft: Draft): ReadonlyMap<string, Owner> {
  const owners = new Map<string, Owner>();
  const add = (kind: 'node' | 'subnode' | 'image', slot: ServerSlot & { id: number }, isDeleting: boolean): void => {
    const isOpen = isDeleting || (slot.serverId === null && slot.attemptAt !== null);
    owners.set(recordKey(kind, slot), { knownId: slot.serverId, isOpen });
  };
  for (const node of draft.world.nodes) {
    add('node', node, node.state === 'delete');
    for (const subnode of node.subnodes) add('subnode', subnode, node.state === 'delete');
  }
  for (const image of draft.world.images) add('image', image, image.state === 'delete');
  return owners;
}

function imageOwner(image: ImageRecord): Owner {
  const isOpen = image.state === 'delete' || (image.cloudImageId === null && image.saveAt !== null);
  return { knownId: image.cloudImageId, isOpen };
}

function isOwned(owner: Owner | undefined, id: string): boolean {
  return owner !== undefined && (owner.isOpen || owner.knownId === id);
}

function planLeakedServers(draft: Draft, provider: string, owners: ReadonlyMap<string, Owner>): void {
  const { servers } = draft.cloud(provider);
  for (const server of servers.items) {
    if (server.status === 'deleting' || !isLeaked(draft, server, owners)) continue;
    const seenMs = draft.seenFor(`leak/${provider}/${server.id}`, servers.takenAt ?? 0);
    if (seenMs === 0) {
      draft.needServers(provider, servers.takenAt ?? 0);
      continue;
    }
    draft.order({
      kind: 'delete-leaked-server',
      subject: `leak:${provider}/${server.id}`,
      reason: 'leaked',
      provider,
      serverId: server.id,
      owner: server.tags?.record ?? '',
    });
    // Until a listing no longer shows it the pool does not know that it is gone.
    draft.needServers(provider, (servers.takenAt ?? 0) + patienceMs(seenMs));
  }
}

function planLeakedImages(draft: Draft, provider: string, owners: ReadonlyMap<string, Owner>): void {
  const { images } = draft.cloud(provider);
  for (const image of images.items) {
    if (image.status === 'deleting' || !isLeaked(draft, image, owners)) continue;
    const seenMs = draft.seenFor(`leak-image/${provider}/${image.id}`, images.takenAt ?? 0);
    if (seenMs === 0) {
      draft.needImages(provider, images.takenAt ?? 0);
      continue;
    }
    draft.order({
      kind: 'delete-leaked-image',
      subject: `leak:${provider}/${image.id}`,
      reason: 'leaked',
      provider,
      cloudImageId: image.id,
      owner: image.tags?.record ?? '',
    });
    draft.needImages(provider, (images.takenAt ?? 0) + patienceMs(seenMs));
  }
}

function isLeaked(draft: Draft, resource: Server | CloudImage, owners: ReadonlyMap<string, Owner>): boolean {
  if (resource.tags?.installation !== draft.world.installation) return false;
  return !isOwned(owners.get(resource.tags.record), resource.id);
}
