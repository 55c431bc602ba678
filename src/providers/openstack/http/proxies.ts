/**
 * Which proxy a request goes through, by the environment variables that curl and Python read: `http_proxy` for plain
 * HTTP, `https_proxy` for HTTPS, `no_proxy` for what is reached without; the lower-case form of a name wins.
 */
import { BlockList, isIP } from 'node:net';
import { NodepoolError } from '../../../lib/errors.ts';
import { isHttpAddress } from '../../../lib/http-address.ts';

/** The proxy for an address; null: none. */
export type ProxyChoice = (url: URL) => URL | null;

interface Exception {
  readonly host: string;
  /** null: every port. */
  readonly port: string | null;
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

/** Errors: `config` for a proxy that is not an HTTP address. Its value may hold a password and is not shown. */
export function chooseProxies(env: NodeJS.ProcessEnv): ProxyChoice {
  const proxies: Readonly<Record<string, URL | null>> = {
    'http:': readProxy(env, 'http_proxy'),
    'https:': readProxy(env, 'https_proxy'),
  };
  const entries = (setting(env, 'no_proxy') ?? '').split(/[\s,]+/).filter((entry) => entry !== '');
  const networks = readNetworks(entries);
  const exceptions = entries.map(readException);
  return (url) => {
    const host = url.hostname.replaceAll(/^\[|\]$/g, '');
    const port = url.port || (DEFAULT_PORTS[url.protocol] ?? '');
    if (isInside(networks, host) || exceptions.some((exception) => covers(exception, host, port))) return null;
    return proxies[url.protocol] ?? null;
  };
}

function setting(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name] ?? env[name.toUpperCase()];
}

function readProxy(env: NodeJS.ProcessEnv, name: string): URL | null {
  const value = setting(env, name)?.trim() ?? '';
  if (value === '') return null;
  const address = value.includes('://') ? value : `http://${value}`;
  if (isHttpAddress(address)) return new URL(address);
  throw new NodepoolError('config', `the environment variable ${name} does not hold the address of an HTTP proxy`);
}

/** Entries such as `10.0.0.0/8`: clouds are often known by the addresses of their services alone. */
function readNetworks(entries: readonly string[]): BlockList {
  const networks = new BlockList();
  for (const entry of entries) {
    const [address = '', bits = ''] = entry.split('/');
    const family = isIP(address);
    if (family === 0 || !/^\d+$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) continue;
    networks.addSubnet(address, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
  }
  return networks;
}

function isInside(networks: BlockList, host: string): boolean {
  const family = isIP(host);
  return family !== 0 && networks.check(host, family === 4 ? 'ipv4' : 'ipv6');
}

function readException(entry: string): Exception {
  const [, bracketed, plain, port = null] = /^(?:\[([^\]]*)\]|([^:]*|.*:.*:.*?))(?::(\d+))?$/.exec(entry) ?? [];
  const host = (bracketed ?? plain ?? entry).toLowerCase();
  return { host: host === '*' ? host : host.replace(/^\*?\./, ''), port };
}

function covers(exception: Exception, host: string, port: string): boolean {
  if (exception.port !== null && exception.port !== port) return false;
  return exception.host === '*' || host === exception.host || host.endsWith(`.${exception.host}`);
}
