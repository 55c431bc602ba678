/** Nova as a service: its versions, and what goes with every answer. */
import { computeRoutes, minorOf, negotiate, type VersionRange } from './compute-call.ts';
import { otherComputeRoutes } from './compute-other.ts';
import { serverRoutes } from './compute-servers.ts';
import type { Call, Reply, Route, Service } from './http.ts';

export function createCompute(range: VersionRange | null): Service {
  const version = (call: Call): Reply => {
    const { refusal } = negotiate(call.headers, range);
    if (refusal) return refusal.reply;
    return { status: 200, body: { version: { ...versionEntry(call, range), 'media-types': MEDIA_TYPES } } };
  };
  const versions = (call: Call): Reply => ({
    status: 200,
    body: { versions: [oldVersionEntry(call), versionEntry(call, range)] },
  });
  const routes: readonly Route[] = [
    { method: 'GET', pattern: '', isOpen: true, answer: versions },
    { method: 'GET', pattern: '/', isOpen: true, answer: versions },
    { method: 'GET', pattern: '/v2.1', isOpen: true, answer: version },
    { method: 'GET', pattern: '/v2.1/', isOpen: true, answer: version },
    ...serverRoutes(range),
    ...otherComputeRoutes(range),
    computeRoutes(range)('GET', '/extensions', () => ({ status: 200, body: { extensions: [] } })),
  ];
  return {
    routes,
    // The project may stand between version and resource; everything below is the same.
    canonicalPath: ({ path }) => path.replace(/^\/v2\.1\/[\da-f]{32}(?=\/|$)/, '/v2.1'),
    unauthorized: () => ({
      status: 401,
      headers: { 'Www-Authenticate': 'Keystone uri="/identity/"' },
      body: {
        error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' },
      },
    }),
    noRoute: () => NOT_FOUND,
    headersFor: (call, { route, isAdmitted }) => {
      // The list of versions is answered before anything that has ids of requests.
      if (!call.path.startsWith('/v2')) return {};
      const ids = { 'X-Openstack-Request-Id': call.requestId, 'X-Compute-Request-Id': call.requestId };
      const { version } = negotiate(call.headers, range);
      if (range === null || version === null || route === null || !isAdmitted) return ids;
      return {
        ...ids,
        'Openstack-Api-Version': `compute ${version}`,
        'X-Openstack-Nova-Api-Version': version,
        Vary: ['OpenStack-API-Version', 'X-OpenStack-Nova-API-Version'],
      };
    },
  };
}

const MEDIA_TYPES = [{ base: 'application/json', type: 'application/vnd.openstack.compute+json;version=2.1' }];

function oldVersionEntry(call: Call): unknown {
  return {
    id: 'v2.0',
    status: 'SUPPORTED',
    version: '',
    min_version: '',
    updated: '2011-01-21T11:33:21Z',
    links: [{ rel: 'self', href: `${call.root}/v2/` }],
  };
}

function versionEntry(call: Call, range: VersionRange | null): Readonly<Record<string, unknown>> {
  return {
    id: 'v2.1',
    status: 'CURRENT',
    version: range ? `2.${minorOf(range.max)}` : '',
    min_version: range ? `2.${minorOf(range.min)}` : '',
    updated: '2013-07-23T11:33:21Z',
    links: [{ rel: 'self', href: `${call.root}/v2.1/` }],
  };
}

const NOT_FOUND: Reply = {
  status: 404,
  headers: { 'Content-Type': 'text/html; charset=UTF-8' },
  body:
    '<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n' +
    '  The resource could not be found.<br /><br />\n\n\n\n </body>\n</html>',
};
