/** A session against a double, with a clock that stands still and everything it logs. */
import { setImmediate as turn } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { CloudAccess } from '../../../../src/providers/openstack/access.ts';
import { createSession } from '../../../../src/providers/openstack/create-session.ts';
import type { ApiRequest, Session } from '../../../../src/providers/openstack/session.ts';
import type { Log, LogFields } from '../../../../src/lib/log.ts';
import { createFakeClock, type FakeClock } from '../../../support/fake-clock.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';

export const PASSWORD = 'correct-horse-battery-staple';

const service = { endpoint: null, name: null, type: null };

export const anAccess: CloudAccess = {
  source: 'cloud test in clouds.yaml',
  authUrl: 'http://127.0.0.1:1/v3',
  auth: {
    kind: 'password',
    user: { id: null, name: 'zoe' },
    userDomain: { id: null, name: 'Default' },
    password: PASSWORD,
    scope: { project: { id: null, name: 'pool' }, domain: { id: null, name: 'Default' } },
  },
  region: null,
  interface: 'public',
  services: { identity: service, compute: service, image: service, network: service },
  tls: { verify: true, caFile: null, certFile: null, keyFile: null },
  usesFloatingIps: true,
  isPrivate: false,
  forceIpv4: false,
  networks: [],
  imageFormat: null,
};

export interface SessionUnderTest {
  readonly session: Session;
  readonly clock: FakeClock;
  readonly lines: { readonly fields: LogFields; readonly message: string }[];
  /** Pauses between tries that were slept through, in milliseconds. */
  readonly pauses: number[];
  /** Settles as `promise` does, while time passes in pauses of up to `maxPauseMs`. */
  during<T>(promise: Promise<T>, maxPauseMs?: number): Promise<T>;
}

export interface TestOptions {
  readonly access?: Partial<CloudAccess>;
  readonly env?: NodeJS.ProcessEnv;
  readonly apiTimeoutMs?: number;
}

/** Of a double: its address of the identity service, with version 3. */
export function openSession(url: string, options: TestOptions = {}): SessionUnderTest {
  const clock = createFakeClock();
  const lines: { fields: LogFields; message: string }[] = [];
  const session = createSession({
    access: { ...anAccess, authUrl: `${url}/identity/v3`, ...options.access },
    clock,
    random: createSeededRandom(1),
    log: recordingLog(lines),
    env: options.env ?? {},
    apiTimeoutMs: options.apiTimeoutMs ?? 60_000,
  });
  onTestFinished(() => session.close());
  const pauses: number[] = [];
  const during = async <T>(promise: Promise<T>, maxPauseMs = 10_000): Promise<T> => {
    let isSettled = false;
    const end = (): void => void (isSettled = true);
    promise.then(end, end);
    while (!isSettled) {
      const pauseMs = (clock.nextAt() ?? Infinity) - clock.now();
      if (pauseMs <= maxPauseMs) {
        pauses.push(pauseMs);
        await clock.advance(pauseMs);
      }
      await turn();
    }
    return promise;
  };
  return { session, clock, lines, pauses, during };
}

export function get(path = '/servers', more: Partial<ApiRequest> = {}): ApiRequest {
  return { service: 'compute', method: 'GET', path, signal: new AbortController().signal, ...more };
}

export function post(path = '/servers', more: Partial<ApiRequest> = {}): ApiRequest {
  return { ...get(path), method: 'POST', body: { server: { name: 'n1' } }, ...more };
}

/** The error with which `promise` rejects. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error,
  );
}

function recordingLog(lines: { fields: LogFields; message: string }[]): Log {
  const write = (fields: LogFields, message: string): void => void lines.push({ fields, message });
  return { debug: write, info: write, warn: write, error: write, child: () => recordingLog(lines) };
}
