/** What else of Nova the driver asks for: flavors, limits, key pairs, zones. */
import { createHash } from 'node:crypto';
import { computeRefusal, computeRoutes, pageOf, readBody, versionedRoot, type ComputeCall } from './compute-call.ts';
import type { VersionRange } from './compute-call.ts';
import { useOf } from './compute-create.ts';
import { createKeypairSchema } from './compute-schemas.ts';
import { isoSeconds, type Reply, type Route } from './http.ts';
import { existsAt, type Flavor, type Keypair } from './records.ts';

export function otherComputeRoutes(range: VersionRange | null): readonly Route[] {
  const route = computeRoutes(range);
  return [
    route('GET', '/flavors', (call) => listFlavors(call, ({ id, name }) => ({ id, name }))),
    route('GET', '/flavors/detail', (call) => listFlavors(call, (flavor) => renderFlavor(call, flavor))),
    route('GET', '/flavors/:id', (call, { id = '' }) => {
      const flavor = call.region.flavors.get(id);
      if (!flavor) throw computeRefusal(404, `Flavor ${id} could not be found.`);
      return { status: 200, body: { flavor: renderFlavor(call, flavor) } };
    }),
    route('GET', '/limits', (call) => ({ status: 200, body: { limits: { rate: [], absolute: renderLimits(call) } } })),
    route('GET', '/os-keypairs', listKeypairs),
    route('POST', '/os-keypairs', createKeypair),
    route('GET', '/os-keypairs/:name', (call, { name }) => ({
      status: 200,
      body: {
        keypair: { ...renderKeypair(call, findKeypair(call, name)), ...keypairHistory(findKeypair(call, name)) },
      },
    })),
    route('DELETE', '/os-keypairs/:name', (call, { name }) => {
      findKeypair(call, name).goneAt = call.now;
      return { status: call.minor >= 2 ? 204 : 202 };
    }),
    route('GET', '/os-availability-zone', ({ region }) => ({
      status: 200,
      body: {
        availabilityZoneInfo: region.zones.map((zoneName) => ({
          zoneName,
          zoneState: { available: true },
          hosts: null,
        })),
      },
    })),
  ];
}

function listFlavors(call: ComputeCall, render: (flavor: Flavor) => unknown): Reply {
  const all = [...call.region.flavors.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const page = pageOf(call, all, {
    max: call.region.behaviour.computePage,
    markerOf: ({ id }) => id,
    findMarker: (marker) => indexAfter(all, ({ id }) => id === marker),
  });
  const path = call.path.slice(call.path.indexOf('/flavors'));
  return {
    status: 200,
    body: { flavors: page.entries.map(render), ...links(call, `flavors`, [path, page.nextQuery]) },
  };
}

function indexAfter<T>(all: readonly T[], isMarker: (entry: T) => boolean): number | null {
  const index = all.findIndex(isMarker);
  return index === -1 ? null : index + 1;
}

function links(
  call: ComputeCall,
  plural: string,
  [path, query]: readonly [string, string | null],
): Readonly<Record<string, unknown>> {
  if (query === null) return {};
  return { [`${plural}_links`]: [{ rel: 'next', href: `${versionedRoot(call)}${path}?${query}` }] };
}

function renderFlavor(call: ComputeCall, { id, name, ram, vcpus, disk }: Flavor): unknown {
  return {
    id,
    name,
    ram,
    disk,
    swap: call.minor >= 75 ? 0 : '',
    'OS-FLV-EXT-DATA:ephemeral': 0,
    'OS-FLV-DISABLED:disabled': false,
    vcpus,
    'os-flavor-access:is_public': true,
    rxtx_factor: 1,
    links: [
      { rel: 'self', href: `${versionedRoot(call)}/flavors/${id}` },
      { rel: 'bookmark', href: `${call.root}/flavors/${id}` },
    ],
    ...(call.minor >= 55 ? { description: null } : {}),
    ...(call.minor >= 61 ? { extra_specs: {} } : {}),
  };
}

/** Without floating IPs and security groups from 2.36 on: those are Neutron's, as are their numbers before. */
function renderLimits(call: ComputeCall): unknown {
  const { quota } = call.grant.project;
  const used = useOf(call);
  return {
    maxTotalInstances: quota.instances,
    maxTotalCores: quota.cores,
    maxTotalRAMSize: quota.ram,
    maxServerMeta: quota.metadataItems,
    maxTotalKeypairs: quota.keypairs,
    maxServerGroups: 10,
    maxServerGroupMembers: 10,
    ...(call.minor < 39 ? { maxImageMeta: 128 } : {}),
    ...(call.minor < 57 ? { maxPersonality: 5, maxPersonalitySize: 10_240 } : {}),
    ...(call.minor < 36
      ? {
          maxTotalFloatingIps: -1,
          maxSecurityGroups: -1,
          maxSecurityGroupRules: -1,
          totalFloatingIpsUsed: 0,
          totalSecurityGroupsUsed: 0,
        }
      : {}),
    totalRAMUsed: used.ram,
    totalCoresUsed: used.cores,
    totalInstancesUsed: used.instances,
    totalServerGroupsUsed: 0,
  };
}

/** Key pairs belong to users, and are paged from 2.35 on. */
function listKeypairs(call: ComputeCall): Reply {
  const { region } = call;
  const all = region
    .listAt(region.keypairs, call.now)
    .filter(({ userId }) => userId === call.grant.project.userId)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const render = (keypair: Keypair): unknown => ({ keypair: renderKeypair(call, keypair) });
  if (call.minor < 35) return { status: 200, body: { keypairs: all.map(render) } };
  const page = pageOf(call, all, {
    max: region.behaviour.computePage,
    markerOf: ({ name }) => name,
    findMarker: (marker) => indexAfter(all, ({ name }) => name === marker),
  });
  const more = links(call, 'keypairs', ['/os-keypairs', page.nextQuery]);
  return { status: 200, body: { keypairs: page.entries.map(render), ...more } };
}

function renderKeypair({ minor }: ComputeCall, { name, publicKey }: Keypair): Readonly<Record<string, unknown>> {
  const fingerprint = fingerprintOf(publicKey);
  return { name, public_key: publicKey, fingerprint, ...(minor >= 2 ? { type: 'ssh' } : {}) };
}

function keypairHistory({ seq, userId, createdAt }: Keypair): Readonly<Record<string, unknown>> {
  const created_at = `${isoSeconds(createdAt).slice(0, -1)}.000000`;
  return { user_id: userId, created_at, deleted: false, deleted_at: null, id: seq, updated_at: null };
}

/** MD5 of the key, as Nova shows it; null: it is none. */
function fingerprintOf(publicKey: string): string | null {
  const [type = '', key = ''] = publicKey.trim().split(/\s+/);
  if (!/^(ssh|ecdsa|sk)-/.test(type) || !/^AAAA[A-Za-z\d+/]+={0,2}$/.test(key) || key.length % 4 !== 0) return null;
  const digest = createHash('md5').update(Buffer.from(key, 'base64')).digest('hex');
  return digest.replace(/(..)(?=.)/g, '$1:');
}

function findKeypair(call: ComputeCall, name = ''): Keypair {
  const { userId } = call.grant.project;
  for (const keypair of call.region.keypairs.values()) {
    if (keypair.name === name && keypair.userId === userId && existsAt(keypair, call.now)) return keypair;
  }
  throw computeRefusal(404, `Keypair ${name} not found for user ${userId}`);
}

function createKeypair(call: ComputeCall): Reply {
  const { keypair: wanted } = readBody(call, createKeypairSchema(call.minor)) as unknown as {
    readonly keypair: { readonly name: string; readonly public_key?: string };
  };
  const { region, grant, now } = call;
  const allowed = call.minor >= 92 ? /^[\w @.-]+$/ : /^[\w -]+$/;
  if (!allowed.test(wanted.name)) {
    const letters = '[_- 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ]';
    const text = `An invalid 'name' value was provided. The name must be: Only expected characters: ${letters}`;
    throw computeRefusal(400, text);
  }
  if (wanted.public_key === undefined)
    throw computeRefusal(400, 'The double makes no private keys: send a public_key.');
  if (fingerprintOf(wanted.public_key) === null) {
    throw computeRefusal(400, 'Keypair data is invalid: failed to generate fingerprint');
  }
  const theirs = [...region.keypairs.values()].filter(
    (keypair) => keypair.userId === grant.project.userId && existsAt(keypair, now),
  );
  if (theirs.some(({ name }) => name === wanted.name)) {
    throw computeRefusal(409, `Key pair '${wanted.name}' already exists.`);
  }
  const limit = grant.project.quota.keypairs;
  if (limit >= 0 && theirs.length >= limit) throw computeRefusal(403, 'Quota exceeded, too many key pairs.');
  const keypair: Keypair = {
    id: region.random.uuid(),
    seq: region.nextSeq(),
    createdAt: now,
    goneAt: Infinity,
    name: wanted.name,
    userId: grant.project.userId,
    publicKey: wanted.public_key,
  };
  region.keypairs.set(keypair.id, keypair);
  const body = { keypair: { ...renderKeypair(call, keypair), user_id: keypair.userId } };
  return { status: call.minor >= 2 ? 201 : 200, body };
}
