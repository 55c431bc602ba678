/** The driver's calls on a session that answers from a table. What is not in the table fails the test. */
import type { ProviderConfig } from '../../../../src/config/types.ts';
import { NodepoolError } from '../../../../src/lib/errors.ts';
import type { CloudAccess } from '../../../../src/providers/openstack/access.ts';
import { createOpenStackCloud, type OpenStackCloud } from '../../../../src/providers/openstack/cloud.ts';
import type { ApiRequest, ApiResponse, Session } from '../../../../src/providers/openstack/session.ts';
import type { ServerSpec, Tags } from '../../../../src/providers/provider.ts';
import { aProvider, INSTALLATION } from '../../../support/builders.ts';
import { createFakeClock, type FakeClock } from '../../../support/fake-clock.ts';
import { anAccess } from './session-under-test.ts';

export const PROJECT = { id: 'project-id', name: 'pool' };
export const TAGS: Tags = { installation: INSTALLATION, record: 'node-7-k3x', attempt: 1 };
export const METADATA = { nodepool_installation: INSTALLATION, nodepool_record: 'node-7-k3x', nodepool_attempt: '1' };
export const signal = new AbortController().signal;

/** A body, an error to reject with, or what makes either from the request and its number. */
export type Answer = object | NodepoolError | ((request: ApiRequest, nth: number) => unknown);

/** An answer without a body, whose header says where the result is. */
export class Located {
  readonly location: string;

  constructor(location: string) {
    this.location = location;
  }
}

/** By `POST compute /servers`. */
export type Routes = Record<string, Answer>;

export interface StubOptions {
  readonly config?: Partial<ProviderConfig>;
  readonly access?: Partial<CloudAccess>;
  readonly microversions?: readonly string[];
  readonly hasNetwork?: boolean;
}

export interface StubCloud extends OpenStackCloud {
  readonly clock: FakeClock;
  /** May be changed at any time. */
  readonly routes: Routes;
  readonly requests: ApiRequest[];
  /** The requests of one route. */
  sent(route: string): readonly ApiRequest[];
}

const FLAVOR = { id: 'flavor-1', name: 'm1.small', ram: 8192, vcpus: 4, disk: 80 };
const NETWORKS = [
  { id: 'net-private', name: 'private', shared: false, 'router:external': false, project_id: PROJECT.id },
  { id: 'net-public', name: 'public', shared: false, 'router:external': true, project_id: 'admin' },
];

/** A cloud without servers that has what a server needs, and a network without a router. */
export function emptyCloud(): Routes {
  return {
    'GET compute /servers/detail': { servers: [] },
    'GET compute /flavors/detail': { flavors: [FLAVOR] },
    'GET compute /limits': { limits: { absolute: {} } },
    'GET compute /os-keypairs': { keypairs: [] },
    'GET image /images': { images: [{ id: 'image-1', name: 'Ubuntu' }] },
    'GET network /networks': { networks: NETWORKS },
    'GET network /routers': { routers: [] },
    'GET network /ports': { ports: [] },
    'GET network /floatingips': { floatingips: [] },
    'POST compute /servers': { server: { id: 'server-1' } },
  };
}

/** What makes a router join `private` with `public`. */
export function routed(): Routes {
  const interfaces = [{ id: 'port-r', network_id: 'net-private', device_owner: 'network:router_interface' }];
  return {
    'GET network /routers': { routers: [{ id: 'router-1', external_gateway_info: { network_id: 'net-public' } }] },
    'GET network /ports': ({ query }: ApiRequest) => ({ ports: query?.device_id === 'router-1' ? interfaces : [] }),
  };
}

export function stubCloud(changes: Routes = {}, options: StubOptions = {}): StubCloud {
  const { microversions = ['2.69', '2.47', '2.45'], hasNetwork = true } = options;
  const clock = createFakeClock();
  const routes = { ...emptyCloud(), ...changes };
  const requests: ApiRequest[] = [];
  const routeOf = ({ method, service, path }: ApiRequest): string => `${method} ${service} ${path}`;
  const sent = (route: string): readonly ApiRequest[] => requests.filter((request) => routeOf(request) === route);

  const send = async (request: ApiRequest): Promise<ApiResponse> => {
    if (request.signal.aborted) throw new NodepoolError('aborted', 'abandoned');
    requests.push(request);
    const route = routeOf(request);
    const answer = routes[route];
    if (answer === undefined) throw new Error(`nothing answers ${route}`);
    const body: unknown = typeof answer === 'function' ? await answer(request, sent(route).length) : answer;
    if (body instanceof NodepoolError) throw body;
    if (body instanceof Located) return { status: 202, headers: { location: body.location }, body: undefined };
    return { status: 200, headers: {}, body };
  };
  const session: Session = {
    send,
    project: async () => PROJECT,
    has: async (service) => service !== 'network' || hasNetwork,
    bestMicroversion: async (wanted) => wanted.find((one) => microversions.includes(one)) ?? null,
    endpoints: async () => new Map([['compute', 'https://compute.example.org/v2.1']]),
    close: async () => undefined,
  };
  const config = aProvider({ driver: 'openstack', ...options.config });
  const cloud = createOpenStackCloud({ session, clock, config, access: { ...anAccess, ...options.access } });
  return { ...cloud, clock, routes, requests, sent };
}

/** A server as Nova lists it, the pool's own unless it says otherwise. */
export function novaServer(overrides: object = {}): object {
  return {
    id: 'server-1',
    name: 'devstack-7',
    status: 'ACTIVE',
    metadata: METADATA,
    addresses: { private: [{ addr: '10.0.0.5', version: 4, 'OS-EXT-IPS:type': 'fixed' }] },
    flavor: { vcpus: 4, ram: 8192 },
    ...overrides,
  };
}

export function aSpec(overrides: Partial<ServerSpec> = {}): ServerSpec {
  return {
    name: 'devstack-7',
    image: { base: 'Ubuntu' },
    minRamMb: 4096,
    nameFilter: null,
    az: null,
    configDrive: null,
    keypair: null,
    userData: null,
    volumeGb: null,
    tags: TAGS,
    metadata: { groups: '["cloud"]' },
    ...overrides,
  };
}

export const refused = (code: NodepoolError['code'], message: string = code): NodepoolError =>
  new NodepoolError(code, message);
