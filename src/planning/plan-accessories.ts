/**
 * Plans the removal of what belonged to servers of ours and is left over: key pairs, floating IPs and ports. It is
 * looked for when the clean-up fires. As with servers, what was created after the rows were read cannot be in a listing
 * that was taken before, and one listing is not enough.
 */
import { mayHaveServer, recordKey } from '../lifecycle/records.ts';
import type { Accessory } from '../providers/provider.ts';
import type { Draft } from './draft.ts';

/** Keys of records, by how far they are. */
interface Owners {
  readonly all: ReadonlySet<string>;
  readonly building: ReadonlySet<string>;
}

export function planAccessories(draft: Draft): void {
  if (!draft.world.switches.deletes) return;
  // Made when something may be left over: of thousands of floating IPs nearly all are in use.
  let index: Owners | null = null;
  const owners = (): Owners => (index ??= indexOwners(draft));
  for (const [provider, { accessories }] of draft.world.clouds) {
    if (!draft.holds(provider) || !accessories.known) continue;
    for (const accessory of accessories.items) {
      if (isLeftOver(draft, { provider, accessory, owners }))
        planRemoval(draft, { provider, accessory, takenAt: accessories.takenAt });
    }
  }
}

function indexOwners({ world: { nodes, images } }: Draft): Owners {
  const all = new Set<string>();
  const building = new Set<string>();
  const add = (key: string, isBuilding: boolean): void => {
    all.add(key);
    if (isBuilding) building.add(key);
  };
  for (const node of nodes) {
    const isBuilding = node.state === 'building';
    add(recordKey('node', node), isBuilding);
    for (const subnode of node.subnodes) add(recordKey('subnode', subnode), isBuilding);
  }
  // The deletion of a template takes its key pair along.
  for (const image of images) add(recordKey('image', image), image.state === 'building' || mayHaveServer(image));
  return { all, building };
}

interface Question {
  readonly provider: string;
  readonly accessory: Accessory;
  readonly owners: () => Owners;
}

/** Whether the newest listings say that nobody needs it. */
function isLeftOver(draft: Draft, { provider, accessory, owners }: Question): boolean {
  const { kind, tags } = accessory;
  if (tags === null || tags.installation !== draft.world.installation) return false;
  if (isInUse(draft, provider, accessory)) return false;
  // A port is its server's as long as there is a row; the others are needed for a launch alone.
  const { all, building } = owners();
  return !(kind === 'port' ? all : building).has(tags.record);
}

function isInUse(draft: Draft, provider: string, { serverId }: Accessory): boolean {
  if (serverId === null) return false;
  const { servers } = draft.cloud(provider);
  return servers.takenAt === null || servers.find(serverId) !== null;
}

interface Removal {
  readonly provider: string;
  readonly accessory: Accessory;
  readonly takenAt: number;
}

function planRemoval(draft: Draft, { provider, accessory, takenAt }: Removal): void {
  const { kind, id, name, serverId, tags } = accessory;
  // The second look need not wait for the next clean-up.
  if (!draft.seenTwice(`accessory/${provider}/${kind}/${id}`, takenAt)) return draft.needAccessories(provider, takenAt);
  // A server that was made between the two listings uses what the older one cannot know of.
  if (serverId !== null && (draft.cloud(provider).servers.takenAt ?? 0) <= takenAt) {
    draft.needServers(provider, takenAt);
    return;
  }
  draft.order({
    kind: 'delete-accessory',
    subject: `leak:${provider}/${id}`,
    reason: 'leaked',
    provider,
    accessory: { kind, id, name },
    owner: tags?.record ?? '',
  });
}
