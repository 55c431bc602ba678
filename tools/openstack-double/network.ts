/** Neutron v2.0. */
import type { GrantedCall, Params, Reply, Route, Service } from './http.ts';
import { createFloatingIp, deleteFloatingIp, updateFloatingIp } from './network-floating.ts';
import { networkRefusal } from './network-refusal.ts';
import { floatingRows, groupRows, networkRows, portRows, routerRows, subnetRows, type Row } from './network-rows.ts';
import { existsAt } from './records.ts';

interface Collection {
  readonly plural: string;
  readonly singular: string;
  /** How Neutron says that there is none, after its id. */
  readonly missing: readonly [type: string, title: string, text: string];
  readonly rows: (call: GrantedCall, time: number) => readonly Row[];
}

const COLLECTIONS: readonly Collection[] = [
  {
    plural: 'networks',
    singular: 'network',
    missing: ['NetworkNotFound', 'Network', 'could not be found.'],
    rows: networkRows,
  },
  {
    plural: 'subnets',
    singular: 'subnet',
    missing: ['SubnetNotFound', 'Subnet', 'could not be found.'],
    rows: subnetRows,
  },
  {
    plural: 'routers',
    singular: 'router',
    missing: ['RouterNotFound', 'Router', 'could not be found'],
    rows: routerRows,
  },
  { plural: 'ports', singular: 'port', missing: ['PortNotFound', 'Port', 'could not be found.'], rows: portRows },
  {
    plural: 'floatingips',
    singular: 'floatingip',
    missing: ['FloatingIPNotFound', 'Floating IP', 'could not be found'],
    rows: floatingRows,
  },
  {
    plural: 'security-groups',
    singular: 'security_group',
    missing: ['SecurityGroupNotFound', 'Security group', 'does not exist'],
    rows: groupRows,
  },
];

export function createNetworkService(): Service {
  const versions = (call: { readonly root: string }): Reply => ({
    status: 200,
    body: { versions: [{ id: 'v2.0', status: 'CURRENT', links: [{ rel: 'self', href: `${call.root}/v2.0/` }] }] },
  });
  const routes: readonly Route[] = [
    { method: 'GET', pattern: '', isOpen: true, answer: versions },
    { method: 'GET', pattern: '/', isOpen: true, answer: versions },
    { method: 'GET', pattern: '/v2.0/', answer: () => ({ status: 200, body: { resources: [] } }) },
    ...COLLECTIONS.flatMap((collection) => [
      { method: 'GET', pattern: `/v2.0/${collection.plural}`, answer: (call: GrantedCall) => list(call, collection) },
      {
        method: 'GET',
        pattern: `/v2.0/${collection.plural}/:id`,
        answer: (call: GrantedCall, { id = '' }: Params) => show(call, collection, id),
      },
    ]),
    { method: 'POST', pattern: '/v2.0/floatingips', answer: createFloatingIp },
    { method: 'PUT', pattern: '/v2.0/floatingips/:id', answer: (call, { id = '' }) => updateFloatingIp(call, id) },
    { method: 'DELETE', pattern: '/v2.0/floatingips/:id', answer: (call, { id = '' }) => deleteFloatingIp(call, id) },
    { method: 'DELETE', pattern: '/v2.0/ports/:id', answer: (call, { id = '' }) => deletePort(call, id) },
    { method: 'GET', pattern: '/v2.0/quotas/:project', answer: (call, params) => showQuota(call, params, false) },
    {
      method: 'GET',
      pattern: '/v2.0/quotas/:project/details',
      answer: (call, params) => showQuota(call, params, true),
    },
    { method: 'GET', pattern: '/v2.0/extensions', answer: () => ({ status: 200, body: { extensions: EXTENSIONS } }) },
  ];
  return {
    routes,
    // Neutron takes `.json` at the end of any path.
    canonicalPath: ({ path }) => path.replace(/\.json$/, ''),
    unauthorized: (call) => (call.path.startsWith('/v2.0') ? UNAUTHORIZED : NO_PAGE),
    noRoute: (call, isKnownPath) => {
      if (!call.path.startsWith('/v2.0')) return NO_PAGE;
      return isKnownPath
        ? networkRefusal(405, 'HTTPMethodNotAllowed', MALFORMED).reply
        : networkRefusal(404, 'HTTPNotFound', 'The resource could not be found.').reply;
    },
    headersFor: (call) => (call.path.startsWith('/v2.0') ? { 'X-Openstack-Request-Id': call.requestId } : {}),
  };
}

const EXTENSIONS = ['external-net', 'router', 'security-group', 'quotas', 'quota_details', 'fip-port-details'].map(
  (alias) => ({ alias, name: alias, description: alias, updated: '2018-04-09T10:00:00-00:00', links: [] }),
);

const MALFORMED = 'The server could not comply with the request since it is either malformed or otherwise incorrect.';

const UNAUTHORIZED: Reply = {
  status: 401,
  headers: { 'Www-Authenticate': 'Keystone uri="/identity/"' },
  body: { error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' } },
};

const NO_PAGE: Reply = {
  status: 404,
  headers: { 'Content-Type': 'text/html' },
  body:
    '<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n' +
    '  The resource could not be found.<br /><br />\n\n\n\n </body>\n</html>',
};

const CONTROLS = ['fields', 'limit', 'marker', 'page_reverse', 'sort_key', 'sort_dir'];

function list(call: GrantedCall, { plural, rows }: Collection): Reply {
  const { query, region } = call;
  region.sweep();
  const key = plural.replaceAll('-', '_');
  const found = rows(call, call.now).filter((row) => isWanted(row, query));
  const limit = readLimit(query);
  const marker = query.get('marker');
  const start = marker === null ? 0 : found.findIndex(({ id }) => id === marker) + 1;
  const page = limit === null ? found : found.slice(start, start + limit);
  const fields = query.getAll('fields');
  const body = { [key]: page.map((row) => selectFields(row, fields)) };
  if (limit === null) return { status: 200, body };
  const links = linksOf(`${call.root}/v2.0/${plural}`, query, { page, isFull: page.length === limit });
  return { status: 200, body: { ...body, [`${key}_links`]: links } };
}

/** A way back there always is, also from an empty first page. */
function linksOf(
  address: string,
  query: URLSearchParams,
  { page, isFull }: { readonly page: readonly Row[]; readonly isFull: boolean },
): readonly unknown[] {
  const hrefWith = (row: Row | undefined): string => {
    const next = new URLSearchParams(query);
    if (row) next.set('marker', String(row.id));
    return `${address}?${next.toString()}`;
  };
  const back = { rel: 'previous', href: `${hrefWith(page[0])}&page_reverse=True` };
  return isFull ? [{ rel: 'next', href: hrefWith(page.at(-1)) }, back] : [back];
}

function readLimit(query: URLSearchParams): number | null {
  const text = query.get('limit');
  if (text === null || text === '0') return null;
  if (/^\d+$/.test(text)) return Number(text);
  const problem = `Limit must be an integer 0 or greater and not '${text}'.`;
  throw networkRefusal(400, 'BadRequest', `Bad limit request: ${problem}`);
}

/** Several values of one attribute are alternatives; what is no attribute is passed over, as Neutron does. */
function isWanted(row: Row, query: URLSearchParams): boolean {
  return [...new Set(query.keys())].every((key) => {
    if (CONTROLS.includes(key) || !(key in row)) return true;
    return query.getAll(key).some((wanted) => isSame(row[key], wanted));
  });
}

function isSame(value: unknown, wanted: string): boolean {
  if (typeof value === 'boolean') return value === /^(true|1|yes|on)$/i.test(wanted);
  if (Array.isArray(value)) return value.includes(wanted);
  if (typeof value === 'number') return value === Number(wanted);
  return value === null ? wanted === '' : value === wanted;
}

function selectFields(row: Row, fields: readonly string[]): Row {
  if (fields.length === 0) return row;
  return Object.fromEntries(fields.filter((field) => field in row).map((field) => [field, row[field]]));
}

function show(call: GrantedCall, { singular, missing: [type, title, text], rows }: Collection, id: string): Reply {
  const row = rows(call, call.now).find((entry) => entry.id === id);
  if (row) return { status: 200, body: { [singular]: selectFields(row, call.query.getAll('fields')) } };
  throw networkRefusal(404, type, `${title} ${id} ${text}`);
}

function deletePort({ region, grant, now }: GrantedCall, id: string): Reply {
  const port = region.ports.get(id);
  if (!port || port.projectId !== grant.project.id || !existsAt(port, now)) {
    throw networkRefusal(404, 'PortNotFound', `Port ${id} could not be found.`);
  }
  port.goneAt = now;
  return { status: 204 };
}

function showQuota({ region, grant, now }: GrantedCall, { project = '' }: Params, isDetailed: boolean): Reply {
  if (project !== grant.project.id) {
    throw networkRefusal(403, 'PolicyNotAuthorized', 'rule:get_quota is disallowed by policy');
  }
  const { quota } = grant.project;
  const limits = {
    ...{ network: 100, subnet: 100, subnetpool: -1, router: 10, rbac_policy: 10 },
    ...{ security_group: 100, security_group_rule: 1000 },
  };
  const all = { ...limits, port: quota.ports, floatingip: quota.floatingIps };
  if (!isDetailed) return { status: 200, body: { quota: all } };
  const kinds = { port: region.ports, floatingip: region.floatingIps };
  const usedOf = (name: string): number =>
    [...(kinds[name as keyof typeof kinds]?.values() ?? [])].filter(
      (thing) => thing.projectId === grant.project.id && existsAt(thing, now),
    ).length;
  const detailed = Object.entries(all).map(([name, limit]) => [name, { limit, used: usedOf(name), reserved: 0 }]);
  return { status: 200, body: { quota: Object.fromEntries(detailed) as unknown } };
}
