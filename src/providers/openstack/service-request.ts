/** How a request of the driver looks on the wire. */
import type { ApiRequest } from './session.ts';

/** The address below `endpoint`, which has no slash at its end. */
export function requestUrl(endpoint: URL, { path, query = {} }: Pick<ApiRequest, 'path' | 'query'>): URL {
  const url = new URL(endpoint);
  url.pathname = `${endpoint.pathname.replace(/\/$/, '')}${path}`;
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}

/** Holds the token. */
export function requestHeaders(request: Omit<ApiRequest, 'signal'>, tokenId: string): Record<string, string> {
  const { service, microversion, body, file } = request;
  return {
    'x-auth-token': tokenId,
    ...(body !== undefined && { 'content-type': contentType(request) }),
    ...(file !== undefined && { 'content-type': 'application/octet-stream' }),
    ...(service === 'compute' && microversion !== undefined && microversionHeaders(microversion)),
  };
}

/** Glance takes changes in a patch format of its own. */
function contentType({ service, method }: Pick<ApiRequest, 'service' | 'method'>): string {
  const isImagePatch = service === 'image' && method === 'PATCH';
  return isImagePatch ? 'application/openstack-images-v2.1-json-patch' : 'application/json';
}

/** The second form is the only one that Nova knew before 2.27. */
function microversionHeaders(microversion: string): Record<string, string> {
  return { 'openstack-api-version': `compute ${microversion}`, 'x-openstack-nova-api-version': microversion };
}
