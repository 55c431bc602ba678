import type { AuthMethod, NameOrId, ProjectScope } from '../access.ts';

/** What `POST /v3/auth/tokens` is sent (Identity API v3, "Authentication and token management"). Holds secrets. */
export function loginRequest(auth: AuthMethod): unknown {
  return { auth: { identity: identity(auth), ...(auth.kind !== 'application-credential' && scope(auth.scope)) } };
}

/** What logs in, for messages: without its secret. */
export function describeLogin(auth: AuthMethod): string {
  if (auth.kind === 'password') return `the password of user ${describe(auth.user)}`;
  if (auth.kind === 'token') return 'the token';
  return `the application credential ${describe(auth.credential)}`;
}

export function loginSecret(auth: AuthMethod): string {
  if (auth.kind === 'password') return auth.password;
  return auth.kind === 'token' ? auth.token : auth.secret;
}

function identity(auth: AuthMethod): unknown {
  switch (auth.kind) {
    case 'password':
      return {
        methods: ['password'],
        password: { user: { ...inDomain(auth.user, auth.userDomain), password: auth.password } },
      };
    case 'token':
      return { methods: ['token'], token: { id: auth.token } };
    case 'application-credential':
      return { methods: ['application_credential'], application_credential: applicationCredential(auth) };
  }
}

/** A credential's name is unique among those of one user only. It brings its own scope. */
function applicationCredential(auth: Extract<AuthMethod, { kind: 'application-credential' }>): unknown {
  const { credential, secret } = auth;
  if (credential.id !== null) return { id: credential.id, secret };
  return { name: credential.name, secret, user: inDomain(auth.user, auth.userDomain) };
}

/** Without a project Keystone takes the user's default project. */
function scope({ project, domain }: ProjectScope): { readonly scope?: unknown } {
  if (project.id === null && project.name === null) return {};
  return { scope: { project: inDomain(project, domain) } };
}

function inDomain({ id, name }: NameOrId, domain: NameOrId): Readonly<Record<string, unknown>> {
  return id !== null ? { id } : { name, domain: oneOf(domain) };
}

/** Without a word on the domain it is the one that Keystone makes first, in which everything lies that v2 made. */
function oneOf({ id, name }: NameOrId): Readonly<Record<string, string>> {
  if (id !== null) return { id };
  return name !== null ? { name } : { id: 'default' };
}

function describe({ id, name }: NameOrId): string {
  return name ?? id ?? '';
}
