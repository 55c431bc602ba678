import type { AuthMethod, CloudAccess } from './access.ts';

/**
 * Cloud, region and project in words, as `https://keystone.example/identity, region DFW, project ci`. Of an application
 * credential nobody knows the project before it is used.
 */
export function describeLocation({ authUrl, region, auth }: CloudAccess): string {
  const identity = authUrl.replace(/\/+$/, '').replace(/\/v\d+(\.\d+)?$/, '');
  const project = projectOf(auth);
  return [identity, region === null ? null : `region ${region}`, project === null ? null : `project ${project}`]
    .filter((part) => part !== null)
    .join(', ');
}

function projectOf(auth: AuthMethod): string | null {
  return auth.kind === 'application-credential' ? null : (auth.scope.project.id ?? auth.scope.project.name);
}
