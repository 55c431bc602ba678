/** The double is as strict as Jenkins: what it would not let pass must not pass here. */
import { onTestFinished, describe, expect, it } from 'vitest';
import { describeAgent } from '../../../../src/targets/jenkins/agent-form.ts';
import {
  createJenkinsDouble,
  CREDENTIALS,
  type JenkinsDouble,
  type JenkinsDoubleOptions,
} from '../../../../tools/jenkins-double/index.ts';
import { anAgent } from './jenkins-under-test.ts';

async function start(options: JenkinsDoubleOptions = {}): Promise<JenkinsDouble> {
  const double = createJenkinsDouble(options);
  await double.start();
  onTestFinished(() => double.close());
  return double;
}

const basic = (secret: string): string => `Basic ${Buffer.from(`${CREDENTIALS.user}:${secret}`).toString('base64')}`;
const WITH_TOKEN = { authorization: basic(CREDENTIALS.token) };
const WITH_PASSWORD = { authorization: basic(CREDENTIALS.password) };

interface Sent {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | URLSearchParams;
}

const send = (double: JenkinsDouble, path: string, { method, headers, body }: Sent = {}): Promise<Response> =>
  fetch(double.url + path, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: headers ?? WITH_TOKEN,
    redirect: 'manual',
    ...(body !== undefined && { body }),
  });

const aForm = (more: Record<string, string | undefined> = {}): URLSearchParams => {
  const fields = Object.entries({ ...describeAgent(anAgent), ...more });
  return new URLSearchParams(fields.filter((field): field is [string, string] => field[1] !== undefined));
};

/** The form with one thing in its JSON changed: `launcher.port`. */
function changed(path: string, value: unknown): URLSearchParams {
  const json = JSON.parse(describeAgent(anAgent).json ?? '') as Record<string, unknown>;
  const names = path.split('.');
  const last = names.pop() ?? '';
  const parent = names.reduce((one, name) => one[name] as Record<string, unknown>, json);
  parent[last] = value;
  return aForm({ json: JSON.stringify(json) });
}

describe('requests to the double', () => {
  it.each<[string, Sent, number]>([
    ['nowhere', {}, 404],
    ['computer/doCreateItem', {}, 404],
    ['computer/a/api/json', {}, 404],
    ['job/b/buildWithParameters', { body: new URLSearchParams() }, 404],
    ['job/a/buildWithParameters', {}, 405],
    ['api/json', { body: new URLSearchParams() }, 405],
    ['api/json', { headers: {} }, 403],
    ['api/json', { headers: { authorization: basic('wrong') } }, 401],
    ['api/json?tree=a[b', {}, 500],
    ['computer/doCreateItem', { body: aForm({ name: undefined }) }, 400],
    ['computer/doCreateItem', { body: aForm({ name: ' ' }) }, 400],
    ['computer/doCreateItem', { body: aForm({ json: undefined }) }, 400],
    ['computer/doCreateItem', { body: aForm({ type: undefined }) }, 500],
    ['computer/doCreateItem', { body: aForm({ json: '{' }) }, 500],
    [
      'computer/doCreateItem',
      { body: aForm().toString(), headers: { ...WITH_TOKEN, 'content-type': 'text/plain' } },
      400,
    ],
    ['computer/doCreateItem', { body: changed('mode', 'exclusive') }, 500],
    ['computer/doCreateItem', { body: changed('numExecutors', 0) }, 500],
    ['computer/doCreateItem', { body: changed('labels', 'x') }, 500],
    ['computer/doCreateItem', { body: changed('remoteFS', undefined) }, 500],
    ['computer/doCreateItem', { body: changed('launcher.$class', 'hudson.slaves.JNLPLauncher') }, 500],
    ['computer/doCreateItem', { body: changed('launcher.port', 'ssh') }, 500],
    ['computer/doCreateItem', { body: changed('launcher.credentials', 'x') }, 500],
    ['computer/doCreateItem', { body: changed('launcher.sshHostKeyVerificationStrategy', null) }, 500],
    ['computer/doCreateItem', { body: changed('launcher.sshHostKeyVerificationStrategy.key', 'ssh-ed25519') }, 500],
    ['computer/doCreateItem', { body: changed('launcher.sshHostKeyVerificationStrategy.key', 'ssh-rsa AAAA') }, 500],
  ])('to %s are refused: %j', async (path, sent, status) => {
    const double = await start({ jobs: [{ name: 'a', parameters: ['NODE'] }] });
    expect((await send(double, path, sent)).status).toBe(status);
    expect(double.agents()).toEqual([]);
    expect(double.queue()).toEqual([]);
  });

  it.each<[string, Sent, number]>([
    ['doDelete', {}, 405],
    ['config.xml', { method: 'PUT' }, 400],
    ['config.xml', { body: new URLSearchParams('<slave>') }, 500],
    ['config.xml', { body: '<slave><name>trusty-cloud-17</name>' }, 500],
    ['config.xml', { body: '<slave><name>trusty-cloud-17</name><label>a&b</label></slave>' }, 500],
    ['config.xml', { body: '<slave><name>other</name></slave>' }, 500],
    ['config.xml', { body: '<project/>' }, 500],
  ])('about an agent are refused: %s %j', async (path, sent, status) => {
    const double = await start();
    expect((await send(double, 'computer/doCreateItem', { body: aForm() })).status).toBe(302);
    const before = double.agents();
    const headers = typeof sent.body === 'string' ? { ...WITH_TOKEN, 'content-type': 'application/xml' } : WITH_TOKEN;
    expect((await send(double, `computer/${anAgent.name}/${path}`, { headers, ...sent })).status).toBe(status);
    expect(double.agents()).toEqual(before);
  });

  it('that change something need the crumb of their own session when they come with a password', async () => {
    const double = await start();
    const create = async (headers: Record<string, string>) =>
      (await send(double, 'computer/doCreateItem', { body: aForm(), headers: { ...WITH_PASSWORD, ...headers } }))
        .status;
    const session = async () => {
      const answer = await send(double, 'crumbIssuer/api/json', { headers: WITH_PASSWORD });
      const { crumb } = (await answer.json()) as { crumb: string };
      return { crumb, cookie: (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '' };
    };
    const [one, other] = [await session(), await session()];
    expect(await create({})).toBe(403);
    expect(await create({ 'jenkins-crumb': one.crumb })).toBe(403);
    expect(await create({ cookie: one.cookie })).toBe(403);
    expect(await create({ cookie: one.cookie, 'jenkins-crumb': other.crumb })).toBe(403);
    double.endSessions();
    expect(await create({ cookie: one.cookie, 'jenkins-crumb': one.crumb })).toBe(403);
    const third = await session();
    expect(await create({ cookie: third.cookie, 'jenkins-crumb': third.crumb })).toBe(302);
    expect((await send(await start({ hasCrumbs: false }), 'crumbIssuer/api/json')).status).toBe(404);
  });
});
