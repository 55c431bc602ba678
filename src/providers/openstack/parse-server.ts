/** What a server of Nova's listing says of itself, as far as the pool cares. */
import { isIP } from 'node:net';
import { serverId, type ServerId } from '../../lib/ids.ts';
import type { Flavor, ServerSize, ServerStatus, Tags } from '../provider.ts';
import type { FixedAddress, ServerAddresses } from './addresses.ts';
import { numberOf, objectOf, objectsOf, requireText, textOf, type Json } from './parse.ts';
import { readTags } from './tags.ts';

export interface ServerFacts {
  readonly id: ServerId;
  readonly name: string;
  readonly status: ServerStatus;
  readonly tags: Tags | null;
  readonly fault: string | null;
  /** Where the listing has the flavor's numbers, which it has from microversion 2.47 on. */
  readonly size: ServerSize | null;
  readonly flavorId: string | null;
  readonly addresses: ServerAddresses;
}

/**
 * Nova's words for what concerns the pool. All others mean a server that exists and that no job can run on, for a while
 * or for good (SHUTOFF, PAUSED, SUSPENDED, REBOOT, RESCUE, SHELVED, UNKNOWN and so on): `unknown`.
 */
const STATUSES: Readonly<Record<string, ServerStatus>> = {
  ACTIVE: 'active',
  // Both happen to a server that runs on.
  MIGRATING: 'active',
  PASSWORD: 'active',
  BUILD: 'building',
  REBUILD: 'building',
  ERROR: 'error',
  DELETED: 'deleting',
  SOFT_DELETED: 'deleting',
};

const FAULT_LENGTH_MAX = 500;

/**
 * Of a cell that is down Nova names no more than ids, with the status UNKNOWN (from microversion 2.69 on): such a server
 * has no name, no tags and no addresses here.
 */
export function parseServer(server: Json): ServerFacts {
  const flavor = objectOf(server.flavor);
  const [cores, ramMb] = [numberOf(flavor.vcpus), numberOf(flavor.ram)];
  return {
    id: serverId(requireText(server, 'id')),
    name: textOf(server.name) ?? '',
    status: statusOf(server),
    tags: readTags(server.metadata),
    fault: faultOf(server),
    size: cores === null || ramMb === null ? null : { cores, ramMb },
    flavorId: textOf(flavor.id),
    addresses: addressesOf(server),
  };
}

/** A listing's size, or what the flavor says; null where the flavor is gone. */
export function sizeOf({ size, flavorId }: ServerFacts, flavors: readonly Flavor[]): ServerSize | null {
  const flavor = size ?? flavors.find(({ id }) => id === flavorId);
  return flavor ? { cores: flavor.cores, ramMb: flavor.ramMb } : null;
}

/** The deletion shows in the task first; while it runs the status may still be any. */
function statusOf(server: Json): ServerStatus {
  const task = textOf(server['OS-EXT-STS:task_state']);
  if (task === 'deleting' || task === 'soft-deleting') return 'deleting';
  return STATUSES[(textOf(server.status) ?? '').toUpperCase()] ?? 'unknown';
}

function faultOf(server: Json): string | null {
  const message = textOf(objectOf(server.fault).message)?.replaceAll(/\s+/g, ' ').trim() ?? '';
  if (message === '') return null;
  return message.length > FAULT_LENGTH_MAX ? `${message.slice(0, FAULT_LENGTH_MAX)}...` : message;
}

function addressesOf(server: Json): ServerAddresses {
  const fixed: FixedAddress[] = [];
  const floating: string[] = [];
  for (const [network, entries] of Object.entries(objectOf(server.addresses))) {
    for (const entry of objectsOf(entries)) {
      const address = textOf(entry.addr) ?? '';
      if (isIP(address) === 0) continue;
      if (entry['OS-EXT-IPS:type'] === 'floating') floating.push(address);
      else fixed.push({ network, address });
    }
  }
  const access = [textOf(server.accessIPv4), textOf(server.accessIPv6)].filter((address) => address !== null);
  return { fixed, floating, access };
}
