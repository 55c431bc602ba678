/** A client and the double that it talks to, over HTTP, with a clock that stands still. */
import { setImmediate as turn } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { NodepoolError } from '../../../../src/lib/errors.ts';
import { createJenkins, type Jenkins, type JenkinsAgent } from '../../../../src/targets/jenkins/jenkins.ts';
import {
  createJenkinsDouble,
  CREDENTIALS,
  type JenkinsDouble,
  type JenkinsDoubleOptions,
} from '../../../../tools/jenkins-double/index.ts';
import { createFakeClock, type FakeClock } from '../../../support/fake-clock.ts';

export const HOST_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA3WHMpXSem9FfTDCYQYDscLJ3/q+m4ZAlChx8qgbNzY';

export const signal = new AbortController().signal;

export const anAgent: JenkinsAgent = {
  name: 'trusty-cloud-17',
  host: '203.0.113.17',
  port: 22,
  description: 'Dynamic single use trusty node',
  label: 'trusty',
  remoteRoot: '/home/jenkins',
  credentialsId: 'nodepool-key',
  username: 'jenkins',
  privateKeyPath: '/var/lib/jenkins/.ssh/id_rsa',
  hostKey: HOST_KEY,
};

export interface UnderTest {
  readonly jenkins: Jenkins;
  readonly double: JenkinsDouble;
  readonly clock: FakeClock;
  /** What was asked of the double since the last time: `GET api/json 200`. */
  asked(): string[];
}

export interface TestOptions extends JenkinsDoubleOptions {
  /** Logs in with the password instead of the API token. */
  readonly hasPassword?: boolean;
  /** Absent: the right one. */
  readonly apikey?: string;
  readonly rateMs?: number;
}

export async function openJenkins(options: TestOptions = {}): Promise<UnderTest> {
  const clock = createFakeClock();
  const double = createJenkinsDouble({ clock, ...options });
  await double.start();
  const { user, token, password } = CREDENTIALS;
  const apikey = options.apikey ?? (options.hasPassword ? password : token);
  const jenkins = createJenkins({ url: double.url, user, apikey, rateMs: options.rateMs ?? 0 }, { clock });
  onTestFinished(async () => {
    // First those that the client waits for, or it would wait for ever.
    await double.close();
    await jenkins.close();
  });
  let told = 0;
  const asked = (): string[] => {
    const news = double.requests.slice(told);
    told = double.requests.length;
    return news.map(({ method, path, status }) => `${method} ${path} ${status ?? '-'}`);
  };
  return { jenkins, double, clock, asked };
}

/** The error with which `promise` rejects. */
export async function failureOf(promise: Promise<unknown>): Promise<NodepoolError> {
  return promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error as NodepoolError,
  );
}

/** Lets I/O go on until something is so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}
