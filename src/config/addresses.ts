/** What the addresses of other services must look like. Each check answers what is wrong and what to do; null: nothing. */
import { isIP, isIPv6 } from 'node:net';
import { isHttpAddress } from '../lib/http-address.ts';

/** Does not show the address: a password may stand in it. */
export function checkJenkinsUrl(url: string): string | null {
  if (isHttpAddress(url)) return null;
  return 'is not the address of a Jenkins; write https://HOST/ or http://HOST:PORT/, with a port up to 65535';
}

/** A host that has its port under another key. Names are taken in any script, as they are looked up in any. */
export function checkHost(host: string): string | null {
  if (isIP(host) !== 0 || /^[\p{L}\p{M}\p{N}._-]+$/u.test(host)) return null;
  return 'is not a host name or address; write one alone, without tcp://, port or brackets';
}

/** The longest name that a socket of the system can have. */
const MAX_SOCKET_BYTES = 107;

/**
 * What libzmq connects to. It does not say so itself before the daemon runs, and not even then when a name cannot be
 * looked up, or a port is larger than there are: it takes the rest of a division for it.
 */
export function checkPublisher(endpoint: string): string | null {
  const { transport, rest = '' } = /^(?<transport>tcp|ipc):\/\/(?<rest>.*)$/s.exec(endpoint)?.groups ?? {};
  if (transport === undefined) return 'is not the address of a publisher; write tcp://HOST:PORT or ipc://PATH';
  return transport === 'tcp' ? checkTcp(rest) : checkIpc(rest);
}

function checkTcp(address: string): string | null {
  // The address to connect from may stand before it.
  const { source, host, port } = /^(?:(?<source>[^;]+);)?(?<host>.*):(?<port>[^:\]]*)$/s.exec(address)?.groups ?? {};
  if (host === undefined || port === undefined) return 'names no port; write tcp://HOST:PORT';
  if (!isPort(port)) return 'has a port that is not a number from 1 to 65535; correct it';
  if (host === '*')
    return 'has * as its host, which is for those who publish; write tcp://HOST:PORT with the one to listen to';
  if (!isTcpHost(host))
    return 'has a host that is not a name or address; write tcp://HOST:PORT, an IPv6 address as tcp://[ADDRESS]:PORT';
  return source === undefined || canConnectFrom(source, host) ? null : WRONG_SOURCE;
}

const WRONG_SOURCE =
  'cannot be reached from its source; write tcp://SOURCE:0;HOST:PORT, where SOURCE is a network interface, or an ' +
  'address of the same kind as HOST, IPv6 both in brackets';

/** Else libzmq tries for ever. It wants a port there too, be it any; and a name is one of an interface, such as eth0:1. */
function canConnectFrom(source: string, host: string): boolean {
  const { address = '', port = '' } = /^(?<address>.+):(?<port>\*|\d{1,5})$/s.exec(source)?.groups ?? {};
  const kind = isIP(withoutBrackets(address));
  const isPossible = kind === 0 ? /^[a-z0-9][\w.-]*(:\w+)?$/i.test(address) : kind === (host.startsWith('[') ? 6 : 4);
  return isPossible && (port === '*' || Number(port) <= 65_535);
}

/** A name in brackets is looked up as one of IPv6. */
function isTcpHost(host: string): boolean {
  const bare = withoutBrackets(host);
  return (bare !== host && isIPv6(bare)) || /^[a-z0-9][\w.-]*$/i.test(bare);
}

function withoutBrackets(host: string): string {
  return /^\[(.*)\]$/s.exec(host)?.[1] ?? host;
}

function checkIpc(path: string): string | null {
  // With @ it is a name that no file has.
  if (path === '' || path === '@') return 'names no path; write ipc://PATH';
  return Buffer.byteLength(path) > MAX_SOCKET_BYTES
    ? `has a path of more than ${MAX_SOCKET_BYTES} bytes; shorten it`
    : null;
}

export function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
}
