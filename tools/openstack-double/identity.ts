/** Keystone v3: users, projects, tokens and the catalogue. */
import type { Clock } from '../../src/lib/clock.ts';
import type { Random } from '../../src/lib/random.ts';
import { isoSeconds, Refusal, type Call, type GrantedCall, type Reply, type Route, type Service } from './http.ts';
import { errorReply, readAuth, type AuthRequest } from './identity-auth.ts';
import type { Quota } from './settings.ts';

export interface Project {
  readonly id: string;
  readonly name: string;
  readonly userId: string;
  readonly password: string;
  readonly credential: { readonly id: string; readonly name: string; readonly secret: string } | null;
  quota: Quota;
}

/** What a token stands for. */
export interface Grant {
  readonly token: string;
  readonly methods: readonly string[];
  readonly project: Project;
  readonly isScoped: boolean;
  readonly issuedAt: number;
  expiresAt: number;
}

export interface IdentityDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly projects: readonly Project[];
  readonly regions: readonly string[];
  /** Root address of the whole double; the first region's services are right below it. */
  readonly root: () => string;
  readonly tokenMs: () => number;
  readonly hasProjectInUrl: boolean;
}

export interface Identity extends Service {
  /** null: no token that is valid now. */
  grantOf(token: string | undefined): Grant | null;
  /** Ends all tokens at once. */
  expireTokens(): void;
}

const DOMAIN = { id: 'default', name: 'Default' };

export function createIdentity(deps: IdentityDeps): Identity {
  const grants = new Map<string, Grant>();

  const grantOf = (token: string | undefined): Grant | null => {
    const grant = token === undefined ? undefined : grants.get(token);
    return grant && deps.clock.now() < grant.expiresAt ? grant : null;
  };

  const issue = (call: Call): Reply => {
    const request = readAuth(call.text);
    const { project, isScoped, expiresAt } = admit(request);
    const issuedAt = call.now;
    const token = `gAAAAAB${deps.random.hex(88)}`;
    const grant = { token, methods: request.methods, project, isScoped, issuedAt, expiresAt };
    grants.set(token, grant);
    return tokenReply(201, grant);
  };

  /** Who asks, for which project, and how long the token may live. */
  const admit = (request: AuthRequest): Pick<Grant, 'project' | 'isScoped' | 'expiresAt'> => {
    const fresh = deps.clock.now() + deps.tokenMs();
    if (request.kind === 'application-credential') {
      return { project: findCredential(deps.projects, request), isScoped: true, expiresAt: fresh };
    }
    const old = request.kind === 'token' ? grantOf(request.token) : null;
    if (request.kind === 'token' && !old) throw new Refusal(errorReply(404, 'Could not recognize Fernet token'));
    const user = old?.project ?? findUser(deps.projects, request);
    const { scope } = request;
    if (scope && !isNamed(user, scope)) throw new Refusal(unauthorized());
    // A token got for a token ends with it.
    return { project: user, isScoped: scope !== null, expiresAt: old?.expiresAt ?? fresh };
  };

  const catalogue = ({ project }: Grant): unknown =>
    CATALOGUE.map(([type, name, path]) => ({
      type,
      name,
      id: `${type}-service`,
      endpoints: deps.regions.flatMap((region, index) => {
        const prefix = index === 0 || type === 'identity' ? '' : `/regions/${region}`;
        const tail = type === 'compute' && deps.hasProjectInUrl ? `/${project.id}` : '';
        const url = `${deps.root()}${prefix}${path}${tail}`;
        return ['public', 'internal', 'admin'].map((kind) => ({
          id: `${type}-${region}-${kind}`,
          interface: kind,
          region_id: region,
          region,
          url,
        }));
      }),
    }));

  const tokenReply = (status: number, grant: Grant): Reply => ({
    status,
    headers: { 'X-Subject-Token': grant.token },
    body: {
      token: {
        methods: grant.methods,
        user: { domain: DOMAIN, id: grant.project.userId, name: grant.project.name, password_expires_at: null },
        audit_ids: [grant.token.slice(-22)],
        expires_at: `${isoSeconds(grant.expiresAt).slice(0, -1)}.000000Z`,
        issued_at: `${isoSeconds(grant.issuedAt).slice(0, -1)}.000000Z`,
        ...(grant.isScoped
          ? {
              project: { domain: DOMAIN, id: grant.project.id, name: grant.project.name },
              is_domain: false,
              roles: [{ id: 'role-member', name: 'member' }],
              catalog: catalogue(grant),
            }
          : {}),
      },
    },
  });

  const subjectOf = (call: Call): Grant => {
    const grant = grantOf(call.headers['x-subject-token'] as string | undefined);
    if (!grant) throw new Refusal(errorReply(404, 'Could not recognize Fernet token'));
    return grant;
  };

  const routes: readonly Route[] = [
    { method: 'GET', pattern: '/', isOpen: true, answer: versions },
    { method: 'GET', pattern: '', isOpen: true, answer: versions },
    { method: 'GET', pattern: '/v3', isOpen: true, answer: (call) => ({ status: 200, body: { version: v3(call) } }) },
    { method: 'GET', pattern: '/v3/', isOpen: true, answer: (call) => ({ status: 200, body: { version: v3(call) } }) },
    { method: 'POST', pattern: '/v3/auth/tokens', isOpen: true, answer: issue },
    { method: 'GET', pattern: '/v3/auth/tokens', answer: (call) => tokenReply(200, subjectOf(call)) },
    {
      method: 'DELETE',
      pattern: '/v3/auth/tokens',
      answer: (call) => {
        grants.delete(subjectOf(call).token);
        return { status: 204 };
      },
    },
    { method: 'GET', pattern: '/v3/auth/projects', answer: (call) => projectsReply(call) },
    {
      method: 'GET',
      pattern: '/v3/auth/catalog',
      answer: (call) => ({
        status: 200,
        body: { catalog: catalogue(call.grant), links: { self: `${call.root}/v3/auth/catalog` } },
      }),
    },
  ];

  return {
    routes,
    grantOf,
    expireTokens: () => {
      for (const grant of grants.values()) grant.expiresAt = -Infinity;
    },
    unauthorized,
    noRoute: () => NOT_FOUND,
    headersFor: (call) => ({ 'x-openstack-request-id': call.requestId, Vary: 'X-Auth-Token' }),
  };
}

const CATALOGUE = [
  ['identity', 'keystone', '/identity/v3/'],
  ['compute', 'nova', '/compute/v2.1'],
  ['image', 'glance', '/image'],
  ['network', 'neutron', '/network'],
] as const;

function versions(call: Call): Reply {
  return {
    status: 300,
    headers: { Location: `${call.root}/v3/` },
    body: { versions: { values: [v3(call)] } },
  };
}

function v3(call: Call): unknown {
  return {
    id: 'v3.14',
    status: 'stable',
    updated: '2020-04-07T00:00:00Z',
    links: [{ rel: 'self', href: `${call.root}/v3/` }],
    'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
  };
}

function projectsReply(call: GrantedCall): Reply {
  const { id, name } = call.grant.project;
  const project = {
    ...{ id, name, domain_id: DOMAIN.id, description: '', enabled: true, parent_id: DOMAIN.id, is_domain: false },
    ...{ tags: [], options: {}, links: { self: `${call.root}/v3/projects/${id}` } },
  };
  const links = { next: null, self: `${call.root}/v3/auth/projects`, previous: null };
  return { status: 200, body: { projects: [project], links } };
}

function findUser(
  projects: readonly Project[],
  request: Extract<AuthRequest, { kind: 'password' | 'token' }>,
): Project {
  const found =
    request.kind === 'password' &&
    projects.find(
      ({ userId, name, password }) =>
        password === request.password &&
        (request.user.id === userId || (request.user.name === name && isDefaultDomain(request.user.domain))),
    );
  if (!found) throw new Refusal(unauthorized());
  return found;
}

function findCredential(
  projects: readonly Project[],
  request: Extract<AuthRequest, { kind: 'application-credential' }>,
): Project {
  const { credential: asked } = request;
  const found = projects.find(({ credential, userId, name }) => {
    if (!credential) return false;
    if (asked.id !== null) return asked.id === credential.id;
    const isTheirs = asked.user?.id === userId || asked.user?.name === name;
    return asked.name === credential.name && isTheirs;
  });
  const label = asked.id ?? asked.name ?? '';
  if (!found) throw new Refusal(errorReply(404, `Could not find Application Credential: ${label}.`));
  if (found.credential?.secret !== asked.secret) throw new Refusal(unauthorized());
  if (request.hasScope) {
    const text = 'Error authenticating with application credential: Application credentials cannot request a scope.';
    throw new Refusal(errorReply(401, text));
  }
  return found;
}

function isNamed(project: Project, scope: NonNullable<Extract<AuthRequest, { kind: 'token' }>['scope']>): boolean {
  return scope.id === project.id || (scope.name === project.name && isDefaultDomain(scope.domain));
}

function isDefaultDomain(domain: { readonly id: string | null; readonly name: string | null } | null): boolean {
  return domain?.id === DOMAIN.id || domain?.name === DOMAIN.name;
}

function unauthorized(): Reply {
  return {
    ...errorReply(401, 'The request you have made requires authentication.'),
    headers: { 'WWW-Authenticate': 'Keystone uri="/identity/v3"' },
  };
}

/** Keystone is the one service whose unknown addresses are answered by its web framework. */
const NOT_FOUND: Reply = {
  status: 404,
  headers: { 'Content-Type': 'text/html; charset=utf-8' },
  body:
    '<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>The requested URL was not found on the server. If you entered the URL manually ' +
    'please check your spelling and try again.</p>\n',
};
