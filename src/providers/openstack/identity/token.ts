import { NodepoolError } from '../../../lib/errors.ts';
import type { Answer } from '../http/exchange.ts';
import { objectOf, objectsOf, textOf, type Json } from '../parse.ts';
import type { Project } from '../session.ts';

export interface Token {
  /** Sent as X-Auth-Token: a secret. */
  readonly id: string;
  /** By our clock, in milliseconds since the epoch. */
  readonly receivedAt: number;
  /** From `receivedAt`. Keystone's own clock may be another than ours: only the difference of its times counts. */
  readonly lifeMs: number;
  readonly project: Project;
  readonly catalogue: readonly CatalogueService[];
}

export interface CatalogueService {
  readonly type: string;
  readonly name: string | null;
  readonly endpoints: readonly CatalogueEndpoint[];
}

export interface CatalogueEndpoint {
  readonly interface: string;
  readonly region: string | null;
  readonly url: string;
}

/** Errors: `unavailable` for an answer that is not a token's, `auth` for a token without a project. */
export function readToken(answer: Answer, { source, now }: { readonly source: string; readonly now: number }): Token {
  const id = answer.headers['x-subject-token'] ?? '';
  const token = objectOf(objectOf(answer.body).token);
  const endsAt = Date.parse(textOf(token.expires_at) ?? '');
  if (id === '' || Number.isNaN(endsAt)) {
    throw new NodepoolError('unavailable', `${source}: the identity service took the login but sent no usable token`);
  }
  const project = objectOf(token.project);
  const projectId = textOf(project.id);
  if (projectId === null) {
    throw new NodepoolError('auth', `${source}: the login is for no project; set project_name or project_id`);
  }
  const issuedAt = Date.parse(textOf(token.issued_at) ?? '');
  return {
    id,
    receivedAt: now,
    lifeMs: endsAt - (Number.isNaN(issuedAt) ? now : issuedAt),
    project: { id: projectId, name: textOf(project.name) ?? projectId },
    catalogue: objectsOf(token.catalog).map(readService),
  };
}

function readService(service: Json): CatalogueService {
  const endpoints = objectsOf(service.endpoints).map((endpoint) => ({
    interface: textOf(endpoint.interface) ?? '',
    region: textOf(endpoint.region_id) ?? textOf(endpoint.region),
    url: textOf(endpoint.url) ?? '',
  }));
  return { type: textOf(service.type) ?? '', name: textOf(service.name), endpoints };
}
