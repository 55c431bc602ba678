import { resolveAccess } from '../../../../../src/providers/openstack/cloud-config/resolve-access.ts';
import type { AuthMethod, CloudAccess } from '../../../../../src/providers/openstack/access.ts';
import type { CredentialsConfig } from '../../../../../src/config/types.ts';

export interface Given {
  /** By absolute path. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly keys?: Partial<CredentialsConfig>;
  readonly region?: string;
}

export const CLOUDS = '/etc/openstack/clouds.yaml';

const NO_KEYS: CredentialsConfig = {
  cloud: null,
  username: null,
  password: null,
  authUrl: null,
  projectId: null,
  projectName: null,
  serviceType: null,
  serviceName: null,
};

/** What a provider comes to on a machine with these files and variables. The daemon runs in `/run`. */
export function accessOf({ files = {}, env = {}, keys = {}, region }: Given): CloudAccess {
  return resolveAccess({
    credentials: { ...NO_KEYS, ...keys },
    regionName: region ?? null,
    env,
    home: '/home/ann',
    cwd: '/run',
    readText: (path) => {
      const text = files[path];
      return text === undefined ? null : { text };
    },
  });
}

/** The same for the cloud `a` with these settings, as lines of a clouds.yaml. */
export function accessTo(settings: readonly string[], more: Given = {}): CloudAccess {
  const { files, ...rest } = more;
  return accessOf({ keys: { cloud: 'a' }, files: { [CLOUDS]: cloudA(...settings), ...files }, ...rest });
}

export function cloudA(...settings: readonly string[]): string {
  return ['clouds:', '  a:', ...settings.map((line) => `    ${line}`), ''].join('\n');
}

/** Enough to log in. */
export const LOGIN =
  'auth: { auth_url: "https://k.example/v3", username: u, password: p, project_name: pr, user_domain_name: D, project_domain_name: D }';

export function passwordOf({ auth }: CloudAccess): Extract<AuthMethod, { kind: 'password' }> {
  if (auth.kind !== 'password') throw new Error(`the method is ${auth.kind}`);
  return auth;
}

/** What is said when it does not work out. */
export function refusalOf(resolve: () => CloudAccess): string {
  try {
    resolve();
  } catch (error) {
    return `${(error as { code?: string }).code}: ${(error as Error).message}`;
  }
  throw new Error('it worked');
}
