/** The pooled connections of one session, direct and through proxies. */
import { Agent, Pool, ProxyAgent, type Dispatcher } from 'undici';
import { CONNECT_TIMEOUT_MS } from '../../../lib/connection-failures.ts';
import type { TlsAccess } from '../access.ts';
import { chooseProxies } from './proxies.ts';
import { prepareSecureContext } from './secure-context.ts';

/** A listing of ten thousand servers has about 30 MB. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** To each service. More requests than these wait for a connection; the lanes of a provider let fewer through. */
const CONNECTIONS = 32;

export interface ConnectionOptions {
  readonly tls: TlsAccess;
  /** Where `tls` is from, for messages. */
  readonly source: string;
  readonly env: NodeJS.ProcessEnv;
  /** Longest silence of the other side. */
  readonly timeoutMs: number;
}

export interface Connections {
  /** What sends requests to the address. */
  to(url: URL): Dispatcher;
  /** Closes what is open, when the requests on it have ended. What is asked for later is opened anew. */
  close(): Promise<void>;
}

/** Opens nothing yet. Errors: `config`, in one sentence, for TLS files and proxies that cannot be used. */
export function createConnections({ tls, source, env, timeoutMs }: ConnectionOptions): Connections {
  const chooseProxy = chooseProxies(env);
  const openContext = prepareSecureContext(tls, source);
  const limits = {
    connections: CONNECTIONS,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: MAX_ANSWER_BYTES,
  };
  const timeout = CONNECT_TIMEOUT_MS;
  const open = (isEncrypted: boolean, proxy: URL | null): Dispatcher => {
    const connect = isEncrypted
      ? { timeout, secureContext: openContext(), rejectUnauthorized: tls.verify }
      : { timeout };
    return proxy === null ? new Agent({ ...limits, connect }) : throughProxy(proxy, connect, limits);
  };

  const dispatchers = new Map<string, Dispatcher>();
  return {
    to: (url) => {
      const proxy = chooseProxy(url);
      const way = `${url.protocol} ${proxy?.href ?? ''}`;
      const dispatcher = dispatchers.get(way) ?? open(url.protocol === 'https:', proxy);
      dispatchers.set(way, dispatcher);
      return dispatcher;
    },
    close: async () => {
      const open = [...dispatchers.values()];
      dispatchers.clear();
      await Promise.all(open.map((dispatcher) => dispatcher.close()));
    },
  };
}

function throughProxy(proxy: URL, requestTls: ProxyAgent.Options['requestTls'], limits: Agent.Options): Dispatcher {
  return new ProxyAgent({
    ...limits,
    uri: proxy.href,
    ...(requestTls && { requestTls }),
    proxyTls: { timeout: CONNECT_TIMEOUT_MS },
    // Plain HTTP is handed to the proxy as it is: most let tunnels through to port 443 only.
    proxyTunnel: false,
    // Left alone, the agent makes its connections to the proxy without any limit of ours.
    factory: (origin, options) => new Pool(origin, { ...options, ...limits }),
    clientFactory: (origin, options) => new Pool(origin, { ...options, ...limits }),
  });
}
