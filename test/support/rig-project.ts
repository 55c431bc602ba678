/**
 * A project of the rig, asked over plain HTTP with its password: a question takes milliseconds, of the ordinary client
 * seconds. Only what carries the tags of one installation is looked at, and deleted.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Rig } from './rig.ts';

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
  const { compute, image, headers } = await logIn(rig, cloud);
  const get = async <T>(url: string): Promise<T> => {
    const answer = await fetch(url, { headers });
    if (!answer.ok) throw new Error(`GET ${url} was answered with ${answer.status}`);
    return (await answer.json()) as T;
  };
  const remove = async (url: string): Promise<void> => {
    const { ok, status } = await fetch(url, { method: 'DELETE', headers });
    if (!ok && status !== 404) throw new Error(`DELETE ${url} was answered with ${status}`);
  };
  const servers = async (installation: string): Promise<readonly TaggedServer[]> => {
    const { servers: all } = await get<{ servers: TaggedServer[] }>(`${compute}/servers/detail`);
    return all.filter(({ metadata }) => metadata['nodepool_installation'] === installation);
  };
  const images = async (installation: string): Promise<readonly GlanceImage[]> => {
    const query = 'limit=1000&visibility=private';
    const { images: all } = await get<{ images: GlanceImage[] }>(`${image}/v2/images?${query}`);
    return all.filter(({ nodepool_installation }) => nodepool_installation === installation);
  };
  return {
    images,
    imageOf: async (serverId) => {
      const answer = await fetch(`${compute}/servers/${serverId}`, { headers });
      if (answer.status === 404) return null;
      const { server } = (await answer.json()) as { server: TaggedServer };
      return server.image === '' ? null : server.image.id;
    },
    empty: async (installation) => {
      for (const { id } of await servers(installation)) await remove(`${compute}/servers/${id}`);
      for (const { id } of await images(installation)) await remove(`${image}/v2/images/${id}`);
    },
  };
}

interface Access {
  /** Addresses of services. */
  readonly compute: string;
  readonly image: string;
  readonly headers: Readonly<Record<string, string>>;
}

interface CloudEntry {
  readonly auth: Readonly<Record<string, string>>;
}

interface CatalogEntry {
  readonly type: string;
  readonly endpoints: readonly { readonly interface: string; readonly url: string }[];
}

async function logIn({ state }: Rig, cloud: string): Promise<Access> {
  const { clouds } = parse(readFileSync(join(state, 'clouds.yaml'), 'utf8')) as { clouds: Record<string, CloudEntry> };
  const { auth_url, username, password, project_name } = clouds[cloud]?.auth ?? {};
  const domain = { id: 'default' };
  const identity = { methods: ['password'], password: { user: { name: username, password, domain } } };
  const body = { auth: { identity, scope: { project: { name: project_name, domain } } } };
  const answer = await fetch(`${auth_url ?? ''}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const { token } = (await answer.json()) as { token: { catalog: readonly CatalogEntry[] } };
  const address = (type: string): string => {
    const endpoints = token.catalog.find((entry) => entry.type === type)?.endpoints ?? [];
    return endpoints.find((endpoint) => endpoint.interface === 'public')?.url ?? '';
  };
  const headers = { 'x-auth-token': answer.headers.get('x-subject-token') ?? '' };
  return { compute: address('compute'), image: address('image'), headers };
}
