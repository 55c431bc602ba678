import { createBounded } from '../../lib/bounded.ts';
import type { Clock } from '../../lib/clock.ts';
import { isNodepoolError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Random } from '../../lib/random.ts';
import type { CloudAccess, ServiceName } from './access.ts';
import { locateService } from './identity/catalogue.ts';
import { createConnections } from './http/connections.ts';
import { createExchange, type Answer } from './http/exchange.ts';
import { createKeystone } from './identity/keystone.ts';
import { pickMicroversion, readMicroversions, versionDocumentUrl, type MicroversionRange } from './microversions.ts';
import { remember } from './remember.ts';
import { createServiceCalls, type ServiceCall } from './service-calls.ts';
import { requestUrl } from './service-request.ts';
import type { Session } from './session.ts';
import { createTokenKeeper } from './identity/token-keeper.ts';
import { createTransport } from './http/transport.ts';

export interface SessionDeps {
  readonly access: CloudAccess;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Read for proxies. */
  readonly env: NodeJS.ProcessEnv;
  /** For one request with all its repetitions, and for one login, in milliseconds. */
  readonly apiTimeoutMs: number;
}

const SERVICES: readonly ServiceName[] = ['identity', 'compute', 'image', 'network'];

/** A cloud that is being upgraded, or hidden by its proxy for a while, shows what it can at the next look. */
const MICROVERSIONS_AGE_MS = 10 * 60_000;

/** For what is done for all callers, and does not end because one of them leaves. */
const NEVER = new AbortController().signal;

/**
 * Reads the TLS files, and sends nothing before the first call. Errors: `config`, in one sentence, for files, proxies
 * and addresses that cannot be used.
 */
export function createSession({ access, clock, random, log, env, apiTimeoutMs }: SessionDeps): Session {
  const connections = createConnections({ tls: access.tls, source: access.source, env, timeoutMs: apiTimeoutMs });
  const exchange = createExchange({ connections, clock, log });
  const transport = createTransport({ exchange, clock, random, timeoutMs: apiTimeoutMs });
  const bounded = createBounded(clock, apiTimeoutMs);
  const keystone = createKeystone({ access, transport, clock });
  const tokens = createTokenKeeper({
    clock,
    login: () => bounded(`logging in to ${access.source}`, NEVER, (signal) => keystone.login(signal)),
  });
  const call = createServiceCalls({ access, clock, transport, bounded, tokens });
  const microversions = remember({ clock, maxAgeMs: MICROVERSIONS_AGE_MS, read: (signal) => readRange(call, signal) });

  return {
    send: async (request) => {
      const { status, headers, body } = await call({
        ...request,
        urlBelow: (endpoint) => requestUrl(endpoint, request),
      });
      return { status, headers, body };
    },
    project: async (signal) => (await tokens.get(signal)).project,
    has: async (service, signal) => 'url' in locateService(service, access, await tokens.get(signal)),
    bestMicroversion: async (wanted, signal) => pickMicroversion(wanted, await microversions.get(signal)),
    endpoints: async (signal) => {
      const token = await tokens.get(signal);
      const found = new Map<ServiceName, string>();
      for (const service of SERVICES) {
        const location = locateService(service, access, token);
        if ('url' in location) found.set(service, location.url.href);
      }
      return found;
    },
    close: () => connections.close(),
  };
}

/** What the compute service supports; null: no microversions. */
async function readRange(
  call: (request: ServiceCall) => Promise<Answer>,
  signal: AbortSignal,
): Promise<MicroversionRange | null> {
  try {
    const answer = await call({
      service: 'compute',
      method: 'GET',
      path: '/',
      urlBelow: versionDocumentUrl,
      signal,
    });
    return readMicroversions(answer.body);
  } catch (error) {
    // A cloud that hides the document is spoken to in the oldest version.
    if (isNodepoolError(error, 'not-found', 'rejected')) return null;
    throw error;
  }
}
