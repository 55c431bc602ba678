/** The keys of a provider that say how to log in, as settings over those of a cloud. */
import type { CredentialsConfig } from '../../../config/types.ts';
import { mapAt, type Setting, type Settings } from './settings.ts';

const PROJECT = ['project_id', 'project_name', 'tenant_id', 'tenant_name'];

/** Each with what it takes the place of, at the top and in `auth`: an id would win over a name. */
const REPLACED: Readonly<Record<string, readonly string[]>> = {
  username: ['username', 'user_name', 'user_id'],
  password: ['password'],
  auth_url: ['auth_url'],
  project_id: PROJECT,
  project_name: PROJECT,
};

/** What the provider says wins, wherever the cloud has it. */
export function withDirectKeys(settings: Settings, credentials: CredentialsConfig): Settings {
  const { username, password, authUrl, serviceType, serviceName } = credentials;
  const auth = present({ username, password, auth_url: authUrl, ...projectOf(credentials) });
  const replaced = Object.keys(auth).flatMap((key) => REPLACED[key] ?? []);
  return {
    ...without(settings, replaced),
    auth: { ...without(mapAt(settings, 'auth'), replaced), ...auth },
    ...present({ compute_service_type: serviceType, compute_service_name: serviceName }),
  };
}

const ID = /^(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;

/** The first versions sent `project-id` as the name of the project, and configurations hold either in it. */
function projectOf({ projectId, projectName }: CredentialsConfig): Record<string, string | null> {
  const isId = projectId !== null && ID.test(projectId);
  return isId ? { project_id: projectId } : { project_name: projectName ?? projectId };
}

function present(settings: Readonly<Record<string, string | null>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(settings).filter((entry): entry is [string, string] => entry[1] !== null));
}

function without(settings: Settings, keys: readonly string[]): Record<string, Setting | undefined> {
  return Object.fromEntries(Object.entries(settings).filter(([key]) => !keys.includes(key)));
}
