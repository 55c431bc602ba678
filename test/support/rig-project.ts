/**
 * A project of the rig, asked over plain HTTP with its password: a question takes milliseconds, of the ordinary client
 * seconds. Only what carries the tags of one installation is looked at, and deleted.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { until, type Entry } from './real-pool.ts';
import type { Rig } from './rig.ts';

/** In one page. */
const PRIVATE_IMAGES = 'limit=1000&visibility=private';

/** An image as Glance has it; properties are fields like the others. */
export interface GlanceImage {
  readonly id: string;
  readonly status: string;
  readonly [field: string]: unknown;
}

interface TaggedServer {
  readonly id: string;
  readonly image: { readonly id: string } | '';
  readonly metadata: Readonly<Record<string, string>>;
}

export interface RigProject {
  /** In whatever state they are. */
  images(installation: string): Promise<readonly GlanceImage[]>;
  /** Id of the image that the server was booted from; null: there is no such server. */
  imageOf(serverId: string): Promise<string | null>;
  /** Deletes what the installation has there. */
  empty(installation: string): Promise<void>;
}

/** @param cloud name of the project's entry in `clouds.yaml` */
export async function openProject(rig: Rig, cloud: string): Promise<RigProject> {
  const { compute, image, get, find, remove } = await logIn(rig, cloud);
  const servers = async (installation: string): Promise<readonly TaggedServer[]> => {
    const { servers: all } = await get<{ servers: TaggedServer[] }>(`${compute}/servers/detail`);
    return all.filter(({ metadata }) => metadata['nodepool_installation'] === installation);
  };
  const images = async (installation: string): Promise<readonly GlanceImage[]> => {
    const { images: all } = await get<{ images: GlanceImage[] }>(`${image}/v2/images?${PRIVATE_IMAGES}`);
    return all.filter(({ nodepool_installation }) => nodepool_installation === installation);
  };
  return {
    images,
    imageOf: async (serverId) => {
      const found = await find<{ server: TaggedServer }>(`${compute}/servers/${serverId}`);
      return found === null || found.server.image === '' ? null : found.server.image.id;
    },
    empty: async (installation) => {
      for (const { id } of await servers(installation)) await remove(`${compute}/servers/${id}`);
      for (const { id } of await images(installation)) await remove(`${image}/v2/images/${id}`);
    },
  };
}

/** What belongs to a pool, by kind, sorted: ids of servers and images, names of key pairs, addresses. */
export interface Holdings {
  readonly servers: readonly string[];
  readonly images: readonly string[];
  readonly floatingIps: readonly string[];
  readonly keypairs: readonly string[];
  /** Servers that ports belong to. */
  readonly ports: readonly string[];
}

/** What the project `rig` holds, whoever made it; what the rig itself made is left out. */
export async function cloudHoldings(rig: Rig): Promise<Holdings> {
  const access = await logIn(rig, 'rig');
  const { servers, images, floatingips, keypairs } = await listProject(access);
  const { ports } = await access.get<{ ports: { device_owner: string }[] }>(`${access.network}/v2.0/ports`);
  return {
    servers: servers.map(({ id }) => id).sort(),
    images: images.map(({ id }) => id).sort(),
    floatingIps: floatingips.map(({ floating_ip_address: address }) => address).sort(),
    keypairs: keypairs.map(({ name }) => name).sort(),
    ports: ports.map(({ device_owner: owner }) => owner).filter((owner) => owner.startsWith('compute:')),
  };
}

/**
 * Deletes what the project holds, whoever left it there, and resolves when nothing is left. What is being deleted already,
 * or is in state ERROR, is deleted once more, which is no error here; for the ordinary client it is.
 */
export async function emptyProject(rig: Rig, cloud: string): Promise<void> {
  const access = await logIn(rig, cloud);
  const { compute, image, network } = access;
  const asked = new Set<string>();
  const look = async (): Promise<true | null> => {
    const { servers, images, floatingips, keypairs } = await listProject(access);
    const left = [
      ...servers.map(({ id }) => `${compute}/servers/${id}`),
      ...images.map(({ id }) => `${image}/v2/images/${id}`),
      ...floatingips.map(({ id }) => `${network}/v2.0/floatingips/${id}`),
      ...keypairs.map(({ name }) => `${compute}/os-keypairs/${name}`),
    ];
    // What a daemon was about to make when it was killed may come late.
    for (const url of left.filter((one) => !asked.has(one))) {
      asked.add(url);
      await access.remove(url);
    }
    return left.length === 0 ? true : null;
  };
  await until(`an empty project ${cloud}`, look, EMPTY_PATIENCE_MS);
}

interface Listed {
  readonly servers: readonly Named[];
  readonly images: readonly Named[];
  readonly floatingips: readonly (Named & { readonly floating_ip_address: string })[];
  readonly keypairs: readonly { readonly name: string }[];
}

async function listProject({ compute, image, network, get }: Access): Promise<Listed> {
  const { servers } = await get<Pick<Listed, 'servers'>>(`${compute}/servers`);
  const { images } = await get<Pick<Listed, 'images'>>(`${image}/v2/images?${PRIVATE_IMAGES}`);
  const { floatingips } = await get<Pick<Listed, 'floatingips'>>(`${network}/v2.0/floatingips`);
  const { keypairs } = await get<{ keypairs: { keypair: { name: string } }[] }>(`${compute}/os-keypairs`);
  // The rig's own is no part of a pool.
  const names = keypairs.map(({ keypair: { name } }) => ({ name })).filter(({ name }) => name !== 'rig');
  return { servers, images, floatingips, keypairs: names };
}

const EMPTY_PATIENCE_MS = 900_000;

interface Named {
  readonly id: string;
}

interface Access {
  /** Addresses of services. */
  readonly compute: string;
  readonly image: string;
  readonly network: string;
  get<T>(url: string): Promise<T>;
  /** null: there is none. */
  find<T>(url: string): Promise<T | null>;
  /** What is not there is fine. */
  remove(url: string): Promise<void>;
}

/** Asks until a service answers: that one does not now and then, when the machine is busy, is nothing that a test looks for. */
function ask(url: string, init: RequestInit): Promise<Response> {
  const look = async (): Promise<Response | null> => {
    const answer = await fetch(url, init).catch(() => {
      // Nobody listens, or the connection has broken off.
      return null;
    });
    return answer === null || answer.status >= 500 ? null : answer;
  };
  return until(`an answer to ${init.method ?? 'GET'} ${url}`, look);
}

interface CloudEntry extends Entry {
  readonly auth: Readonly<Record<string, string>>;
}

interface CatalogEntry {
  readonly type: string;
  readonly endpoints: readonly { readonly interface: string; readonly url: string }[];
}

/** How the rig's own `clouds.yaml` has that cloud. */
export function cloudEntry({ state }: Rig, cloud: string): CloudEntry {
  const { clouds } = parse(readFileSync(join(state, 'clouds.yaml'), 'utf8')) as { clouds: Record<string, CloudEntry> };
  return clouds[cloud] ?? { auth: {} };
}

async function logIn(rig: Rig, cloud: string): Promise<Access> {
  const { auth_url, username, password, project_name } = cloudEntry(rig, cloud).auth;
  const domain = { id: 'default' };
  const identity = { methods: ['password'], password: { user: { name: username, password, domain } } };
  const body = { auth: { identity, scope: { project: { name: project_name, domain } } } };
  const answer = await ask(`${auth_url ?? ''}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`the log-in to ${cloud} was answered with ${answer.status}`);
  const { token } = (await answer.json()) as { token: { catalog: readonly CatalogEntry[] } };
  const address = (type: string): string => {
    const endpoints = token.catalog.find((entry) => entry.type === type)?.endpoints ?? [];
    return endpoints.find((endpoint) => endpoint.interface === 'public')?.url ?? '';
  };
  const headers = { 'x-auth-token': answer.headers.get('x-subject-token') ?? '' };
  return { compute: address('compute'), image: address('image'), network: address('network'), ...createCalls(headers) };
}

function createCalls(headers: Readonly<Record<string, string>>): Pick<Access, 'get' | 'find' | 'remove'> {
  const find = async <T>(url: string): Promise<T | null> => {
    const answer = await ask(url, { headers });
    if (answer.status === 404) return null;
    if (!answer.ok) throw new Error(`GET ${url} was answered with ${answer.status}`);
    return (await answer.json()) as T;
  };
  return {
    find,
    get: async <T>(url: string): Promise<T> => {
      const found = await find<T>(url);
      if (found === null) throw new Error(`there is no ${url}`);
      return found;
    },
    remove: async (url) => {
      const { ok, status } = await ask(url, { method: 'DELETE', headers });
      if (!ok && status !== 404) throw new Error(`DELETE ${url} was answered with ${status}`);
    },
  };
}
