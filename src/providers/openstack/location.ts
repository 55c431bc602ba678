import type { AuthMethod, CloudAccess } from './access.ts';
import { identityRoot } from './identity/identity-url.ts';

/**
 * Cloud, region and project in words, as `https://keystone.example/identity, region DFW, project ci`. Of which project an
 * application credential is nobody knows before it is used. Error: `config` when `auth_url` is not an HTTP address.
 */
export function describeLocation(access: CloudAccess): string {
  const { region, auth } = access;
  const { url, base } = identityRoot(access);
  return [`${url.origin}${base}`, region === null ? null : `region ${region}`, describeProject(auth)]
    .filter((part) => part !== null)
    .join(', ');
}

function describeProject(auth: AuthMethod): string | null {
  if (auth.kind === 'application-credential')
    return `application credential ${auth.credential.id ?? auth.credential.name}`;
  const { id, name } = auth.scope.project;
  return id === null && name === null ? null : `project ${id ?? name}`;
}
