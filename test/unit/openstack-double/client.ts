/** Plain requests to a double, as any client sends them. */
import { afterEach } from 'vitest';
import {
  createOpenStackDouble,
  PASSWORD,
  type OpenStackDouble,
  type OpenStackDoubleOptions,
} from '../../../tools/openstack-double/index.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed JSON; undefined: it is none. */
  readonly body: unknown;
}

export interface Client {
  readonly double: OpenStackDouble;
  readonly clock: FakeClock;
  /** `path` begins with the service: `/compute/v2.1/servers`. */
  send(method: string, path: string, options?: RequestOptions): Promise<Answer>;
  /** Logs in to a project, and is then that project's client. */
  login(project?: string): Promise<void>;
  /** A server with the smallest flavor and the first image, on the private network where there is one. */
  createServer(overrides?: object): Promise<string>;
  server(id: string, version?: string): Promise<Answer>;
  flavorId(name?: string): Promise<string>;
  imageId(name?: string): Promise<string>;
}

export interface RequestOptions {
  /** A string or a stream goes out as it is. */
  readonly body?: unknown;
  /** Microversion. */
  readonly version?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const open: OpenStackDouble[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((double) => double.close()));
});

/** Of a new double with a clock that stands still, logged in; it is closed after the test. */
export async function connect(options: OpenStackDoubleOptions = {}): Promise<Client> {
  const clock = createFakeClock();
  const double = await createOpenStackDouble({ clock, random: createSeededRandom(1), ...options });
  open.push(double);
  let token = '';

  const send: Client['send'] = async (method, path, { body, version, headers = {} } = {}) => {
    const response = await fetch(double.url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(token === '' ? {} : { 'X-Auth-Token': token }),
        ...(version === undefined ? {} : { 'OpenStack-API-Version': `compute ${version}` }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: rawBody(body), duplex: 'half' }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: parse(text) };
  };
  const idOf = async (path: string, key: string, name: string | undefined): Promise<string> => {
    const { body } = await send('GET', path);
    const all = (body as Record<string, readonly { id: string; name: string }[]>)[key] ?? [];
    return all.find((one) => name === undefined || one.name === name)?.id ?? `no ${name} in ${key}`;
  };

  const client: Client = {
    double,
    clock,
    send,
    login: async (project = 'nodepool') => {
      const answer = await send('POST', '/identity/v3/auth/tokens', { body: passwordAuth(project) });
      token = answer.headers.get('x-subject-token') ?? '';
    },
    createServer: async (overrides = {}) => {
      const server = {
        name: 'a-server',
        imageRef: await client.imageId(options.images?.[0]?.name ?? 'base-image'),
        flavorRef: await client.flavorId('m1.tiny'),
        ...overrides,
      };
      const { body, text } = await send('POST', '/compute/v2.1/servers', { body: { server } });
      const created = (body as { server?: { id: string } } | undefined)?.server;
      if (!created) throw new Error(`no server was created: ${text}`);
      return created.id;
    },
    server: (id, version) => send('GET', `/compute/v2.1/servers/${id}`, version === undefined ? {} : { version }),
    flavorId: (name) => idOf('/compute/v2.1/flavors/detail', 'flavors', name),
    imageId: (name) => idOf('/image/v2/images', 'images', name),
  };
  await client.login();
  return client;
}

export function passwordAuth(name: string, password = PASSWORD): object {
  const domain = { name: 'Default' };
  const identity = { methods: ['password'], password: { user: { name, domain, password } } };
  return { auth: { identity, scope: { project: { name, domain } } } };
}

function rawBody(body: unknown): string | ReadableStream {
  return typeof body === 'string' || body instanceof ReadableStream ? body : JSON.stringify(body);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not every answer is JSON; the text is there as well.
    return undefined;
  }
}
