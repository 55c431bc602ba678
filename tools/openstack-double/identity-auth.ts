/** Reads the body of `POST /v3/auth/tokens` as strictly as Keystone does. */
import { Refusal, type Reply } from './http.ts';

export interface NameAndDomain {
  readonly id: string | null;
  readonly name: string | null;
  readonly domain: { readonly id: string | null; readonly name: string | null } | null;
}

interface Common {
  readonly methods: readonly string[];
}

export type AuthRequest = Common &
  (
    | {
        readonly kind: 'password';
        readonly user: NameAndDomain;
        readonly password: string;
        readonly scope: NameAndDomain | null;
      }
    | { readonly kind: 'token'; readonly token: string; readonly scope: NameAndDomain | null }
    | {
        readonly kind: 'application-credential';
        readonly credential: {
          readonly id: string | null;
          readonly name: string | null;
          readonly secret: string;
          readonly user: NameAndDomain | null;
        };
        readonly hasScope: boolean;
      }
  );

type Json = Readonly<Record<string, unknown>>;

const MALFORMED =
  'The server could not comply with the request since it is either malformed or otherwise incorrect. ' +
  'The client is assumed to be in error.';

export function readAuth(text: string): AuthRequest {
  const auth = object(object(parse(text), 'auth', 'request body'), 'identity', 'auth', true);
  const { methods } = auth;
  if (!Array.isArray(methods) || methods.length === 0) throw invalid("'methods' is a required property");
  const root = (parse(text) as Json).auth as Json;
  const common = { methods: methods.map(String) };
  switch (methods[0]) {
    case 'password': {
      const user = object(object(auth, 'password', 'identity'), 'user', 'password');
      return {
        ...common,
        kind: 'password',
        user: nameAndDomain(user, 'user'),
        password: string(user, 'password'),
        scope: scopeOf(root),
      };
    }
    case 'token':
      return { ...common, kind: 'token', token: string(object(auth, 'token', 'identity'), 'id'), scope: scopeOf(root) };
    case 'application_credential': {
      const credential = object(auth, 'application_credential', 'identity');
      const id = typeof credential.id === 'string' ? credential.id : null;
      const name = typeof credential.name === 'string' ? credential.name : null;
      const user = id === null ? nameAndDomain(object(credential, 'user', 'application_credential'), 'user') : null;
      const hasScope = root.scope !== undefined;
      return {
        ...common,
        kind: 'application-credential',
        credential: { id, name, secret: string(credential, 'secret'), user },
        hasScope,
      };
    }
    default:
      throw expecting(String(methods[0]), 'identity');
  }
}

function scopeOf({ scope }: Json): NameAndDomain | null {
  if (scope === undefined || scope === 'unscoped') return null;
  const project = typeof scope === 'object' && scope !== null ? (scope as Json).project : undefined;
  if (typeof project !== 'object' || project === null) {
    throw expecting('system, project, domain, OS-TRUST:trust or unscoped', 'scope');
  }
  return nameAndDomain(project as Json, 'project');
}

/** By id, or by name, which means nothing without its domain. */
function nameAndDomain(value: Json, what: string): NameAndDomain {
  const text = (entry: unknown): string | null => (typeof entry === 'string' ? entry : null);
  const id = text(value.id);
  if (id !== null) return { id, name: null, domain: null };
  const domain = value.domain as Json | undefined;
  if (typeof domain !== 'object' || domain === null) throw expecting('domain', what);
  return { id, name: string(value, 'name'), domain: { id: text(domain.id), name: text(domain.name) } };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Whatever is wrong with it, Keystone says the same.
    throw expecting('valid JSON', 'request body');
  }
}

function object(value: unknown, key: string, where: string, isSchema = false): Json {
  const entry = typeof value === 'object' && value !== null ? (value as Json)[key] : undefined;
  if (typeof entry === 'object' && entry !== null) return entry as Json;
  throw isSchema ? invalid(`'${key}' is a required property`) : expecting(key, where);
}

function string(value: Json, key: string): string {
  const entry = value[key];
  if (typeof entry !== 'string') throw invalid(`'${key}' is a required property`);
  return entry;
}

function expecting(what: string, where: string): Refusal {
  return invalid(`Expecting to find ${what} in ${where}. ${MALFORMED}`);
}

function invalid(message: string): Refusal {
  return new Refusal(errorReply(400, message));
}

const TITLES: Readonly<Record<number, string>> = { 400: 'Bad Request', 401: 'Unauthorized', 404: 'Not Found' };

export function errorReply(code: number, message: string): Reply {
  return { status: code, body: { error: { code, message, title: TITLES[code] ?? '' } } };
}
