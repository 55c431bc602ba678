/** Where Keystone's version 3 is, given any of the addresses that operators write down for it. */
import type { Clock } from '../../../lib/clock.ts';
import { NodepoolError } from '../../../lib/errors.ts';
import { isHttpAddress } from '../../../lib/http-address.ts';
import type { CloudAccess } from '../access.ts';
import type { Outcome } from '../http/exchange.ts';
import { toFault } from '../http/faults.ts';
import { isRecord } from '../../../lib/json.ts';
import type { Transport } from '../http/transport.ts';

const VERSION_AT_END = /\/v\d+(?:\.\d+)?$/;

export interface IdentityRoot {
  /** Without a slash at its end. */
  readonly url: URL;
  /** Its path without a version, and without a slash at its end. */
  readonly base: string;
  /** The address names version 3: there is nothing to discover. */
  readonly isV3: boolean;
}

/** Errors: `config` when `auth_url` is not an HTTP address. */
export function identityRoot({ authUrl, source }: CloudAccess): IdentityRoot {
  if (!isHttpAddress(authUrl)) {
    throw new NodepoolError('config', `${source}: auth_url is not an address that begins with http:// or https://`);
  }
  const given = new URL(authUrl);
  const path = given.pathname.replace(/\/+$/, '');
  // Without what else an address may hold: a user name and password would show up in messages.
  const base = path.replace(VERSION_AT_END, '').replace(/\/+$/, '');
  return { url: new URL(path, given.origin), base, isV3: path.endsWith('/v3') };
}

export interface DiscoveryDeps {
  readonly access: CloudAccess;
  readonly root: IdentityRoot;
  readonly transport: Transport;
  readonly clock: Clock;
}

/**
 * The address of version 3, without a slash at its end: asks the document of versions, unless the given address says it.
 * Links in the document often name a host that only the cloud itself can reach; of them the path alone counts.
 * Errors: `auth` in one sentence when there is no version 3, `unavailable`, and the reason of `signal`.
 */
export async function findIdentityUrl(deps: DiscoveryDeps, signal: AbortSignal): Promise<URL> {
  const { access, root, transport, clock } = deps;
  const { base } = root;
  if (root.isV3) return root.url;
  const url = new URL(`${base}/`, root.url);
  const outcome = await transport.send({ method: 'GET', url, headers: {} }, signal);
  if (outcome.kind === 'unanswered' || (outcome.kind === 'answer' && outcome.status >= 500)) {
    const what = `asking ${url.href} for its versions for ${access.source}`;
    throw toFault(outcome, { what, secrets: [], now: clock.now() });
  }
  const versions = readVersions(outcome);
  const v3 = versions.find(({ id }) => id.startsWith('v3'));
  if (!v3) throw noV3(access, url, versions);
  return new URL(pathOf(v3.href, base), url);
}

interface Version {
  readonly id: string;
  readonly href: string;
}

/** `{"versions": {"values": [...]}}` from Keystone's root, or `{"version": ...}`. */
function readVersions(outcome: Outcome): readonly Version[] {
  if (outcome.kind !== 'answer' || outcome.status > 300 || !isRecord(outcome.body)) return [];
  const { versions, version } = outcome.body;
  const list: unknown = isRecord(versions) ? versions.values : [version];
  return (Array.isArray(list) ? list : []).filter(isRecord).map(({ id, links }) => {
    const [link] = Array.isArray(links) ? links.filter(isRecord).filter(({ rel }) => rel === 'self') : [];
    return { id: String(id), href: typeof link?.href === 'string' ? link.href : '' };
  });
}

/** Below what was given, in case a proxy put Keystone there without its knowledge. */
function pathOf(href: string, base: string): string {
  const path = URL.canParse(href) ? new URL(href).pathname.replace(/\/+$/, '') : '';
  return path.startsWith(`${base}/`) ? path : `${base}/v3`;
}

function noV3({ source }: CloudAccess, url: URL, versions: readonly Version[]): NodepoolError {
  const found =
    versions.length > 0
      ? `offers only ${versions.map(({ id }) => id).join(' and ')}`
      : 'does not say which versions it offers';
  return new NodepoolError(
    'auth',
    `${source}: the identity service at ${url.href} ${found}, but version 3 is needed: ask the cloud's operator for its address, which ends in /v3, and set it as auth_url`,
  );
}
