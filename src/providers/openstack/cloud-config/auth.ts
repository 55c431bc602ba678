/**
 * How to log in, from the settings of a cloud. Settings may stand at the top or in `auth`, and have several names; which
 * one counts is as in openstacksdk (`_fix_backwards_auth`, `_handle_domain_id`, `_validate_auth` of its loader).
 */
import { oneLine } from '../../../config/problems.ts';
import type { AuthMethod, NameOrId, ProjectScope } from '../access.ts';
import { missing, wrong, type Origin } from './origin.ts';
import { mapAt, textAt, type Settings } from './settings.ts';

export interface CloudSettings {
  readonly origin: Origin;
  /** Of the cloud in its region, with what the provider says over them. */
  readonly settings: Settings;
}

type MakeMethod = (cloud: CloudSettings) => AuthMethod;

const METHODS: Readonly<Record<string, MakeMethod>> = {
  password: passwordMethod,
  v3password: passwordMethod,
  token: tokenMethod,
  v3token: tokenMethod,
  v3applicationcredential: credentialMethod,
};

/** Error: `config`, when something is missing or the method is not known. */
export function authMethodOf(cloud: CloudSettings): AuthMethod {
  const type = textAt(cloud.settings, 'auth_type') ?? 'password';
  const make = Object.hasOwn(METHODS, type) ? METHODS[type] : undefined;
  if (make) return make(cloud);
  const known = Object.keys(METHODS).join(', ');
  throw wrong(cloud.origin, 'auth_type', `is "${oneLine(type)}", which is not supported; choose one of ${known}`);
}

/** Of what is given twice, `auth` counts. */
export function authText({ settings }: CloudSettings, ...names: readonly string[]): string | null {
  return firstText([mapAt(settings, 'auth'), settings], names);
}

function passwordMethod(cloud: CloudSettings): AuthMethod {
  const password = authText(cloud, 'password');
  if (password === null && authText(cloud, 'application_credential_id', 'application_credential_name') !== null) {
    throw wrong(
      cloud.origin,
      'auth_type',
      'is password but an application credential is given; make it v3applicationcredential',
    );
  }
  return {
    kind: 'password',
    ...userOf(cloud),
    password: password ?? need(cloud, 'password'),
    scope: scopeOf(cloud),
  };
}

function tokenMethod(cloud: CloudSettings): AuthMethod {
  const token = overridingText(cloud, 'token', 'auth_token');
  return { kind: 'token', token: token ?? need(cloud, 'token'), scope: scopeOf(cloud) };
}

function credentialMethod(cloud: CloudSettings): AuthMethod {
  const credential = {
    id: authText(cloud, 'application_credential_id'),
    name: authText(cloud, 'application_credential_name'),
  };
  if (credential.id === null && credential.name === null) need(cloud, 'application_credential_id');
  const secret = authText(cloud, 'application_credential_secret');
  return {
    kind: 'application-credential',
    credential,
    // The cloud finds a credential by its id alone; names are the user's own.
    ...(credential.id === null ? userOf(cloud) : { user: NOBODY, userDomain: NOBODY }),
    secret: secret ?? need(cloud, 'application_credential_secret'),
  };
}

const NOBODY: NameOrId = { id: null, name: null };

function userOf(cloud: CloudSettings): { readonly user: NameOrId; readonly userDomain: NameOrId } {
  const user = { id: authText(cloud, 'user_id'), name: authText(cloud, 'username', 'user_name') };
  if (user.id === null && user.name === null) need(cloud, 'username');
  return { user, userDomain: domainOf(cloud, 'user') };
}

function scopeOf(cloud: CloudSettings): ProjectScope {
  const project = {
    id: overridingText(cloud, 'project_id', 'tenant_id'),
    name: overridingText(cloud, 'project_name', 'tenant_name'),
  };
  if (project.id === null && project.name === null) need(cloud, 'project_name');
  return { project, domain: domainOf(cloud, 'project') };
}

/** Clouds from before there were domains have everything in the one with the id `default`. */
const FIRST_DOMAIN = 'default';

function domainOf(cloud: CloudSettings, whose: 'user' | 'project'): NameOrId {
  const part = (kind: 'id' | 'name'): string | null =>
    overridingText(cloud, `${whose}_domain_${kind}`) ??
    overridingText(cloud, `domain_${kind}`) ??
    authText(cloud, `default_domain_${kind}`);
  const domain = { id: part('id'), name: part('name') };
  const isGiven = domain.id !== null || domain.name !== null;
  return isGiven ? domain : { id: authText(cloud, 'default_domain') ?? FIRST_DOMAIN, name: null };
}

/** Of what is given twice, the top counts: it may come from the environment. */
function overridingText({ settings }: CloudSettings, ...names: readonly string[]): string | null {
  const auth = mapAt(settings, 'auth');
  for (const name of names) {
    const text = firstText([settings, auth], [name]);
    if (text !== null) return text;
  }
  return null;
}

function firstText(maps: readonly Settings[], names: readonly string[]): string | null {
  for (const map of maps) {
    for (const name of names) {
      const text = textAt(map, name);
      if (text !== null) return text;
    }
  }
  return null;
}

function need({ origin }: CloudSettings, key: string): never {
  throw missing(origin, key);
}
