/** A cloud of one server: Keystone, which gives out tokens, and services that take them. */
import {
  startHttpDouble,
  type DoubleOptions,
  type HttpDouble,
  type Received,
  type Reply,
  type Respond,
} from './http-double.ts';

/** Of Keystone's own clock, which is not ours. */
const KEYSTONE_NOW = Date.UTC(2040, 5, 1);

export interface CloudDouble {
  readonly http: HttpDouble;
  readonly url: string;
  /** Tokens that the services take. */
  readonly valid: Set<string>;
  /** Logins that were asked for, with success or without. */
  readonly logins: number;
  /** How long the tokens to come live, in seconds. */
  tokenLifeS: number;
  /** Answers logins instead of Keystone; null: Keystone does. */
  onLogin: Respond | null;
  /** A service below its endpoint (`/compute/v2.1`): a request with a valid token is answered by `respond`. */
  serve(method: string, path: string, respond: Respond): void;
}

export async function startCloudDouble(options: DoubleOptions = {}): Promise<CloudDouble> {
  const http = await startHttpDouble(options);
  const valid = new Set<string>();
  const cloud: CloudDouble = {
    http,
    url: http.url,
    valid,
    get logins() {
      return http.count('POST', '/identity/v3/auth/tokens');
    },
    tokenLifeS: 3600,
    onLogin: null,
    serve: (method, path, respond) =>
      http.on(method, path, (request, nth) => (isAuthorized(request) ? respond(request, nth) : unauthorized)),
  };
  const isAuthorized = ({ headers }: Received): boolean => valid.has(headers['x-auth-token'] ?? '');
  http.on('POST', '/identity/v3/auth/tokens', (request, nth) => {
    if (cloud.onLogin) return cloud.onLogin(request, nth);
    const id = `token-number-${nth}`;
    valid.add(id);
    return tokenReply(id, http.url, cloud.tokenLifeS);
  });
  return cloud;
}

export const unauthorized: Reply = {
  status: 401,
  headers: { 'x-openstack-request-id': 'req-keystone' },
  json: { error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' } },
};

export function tokenReply(id: string, url: string, lifeS: number): Reply {
  const service = (type: string, path: string) => ({
    type,
    name: type,
    endpoints: [{ interface: 'public', region_id: 'one', region: 'one', url: `${url}${path}` }],
  });
  return {
    status: 201,
    headers: { 'x-subject-token': id },
    json: {
      token: {
        issued_at: new Date(KEYSTONE_NOW).toISOString(),
        expires_at: new Date(KEYSTONE_NOW + lifeS * 1000).toISOString(),
        project: { id: 'p1', name: 'pool', domain: { id: 'default' } },
        catalog: [service('compute', '/compute/v2.1/p1'), service('network', '/network'), service('image', '/image')],
      },
    },
  };
}
