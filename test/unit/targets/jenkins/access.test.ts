import { describe, expect, it } from 'vitest';
import { createJenkins } from '../../../../src/targets/jenkins/jenkins.ts';
import { createFakeClock } from '../../../support/fake-clock.ts';
import { CREDENTIALS, createJenkinsDouble } from '../../../../tools/jenkins-double/index.ts';
import { anAgent, failureOf, openJenkins, signal } from './jenkins-under-test.ts';

const CREATE = 'POST computer/doCreateItem';
const CRUMB = 'GET crumbIssuer/api/json';
const add = (name: string) => ({ ...anAgent, name });

describe('a crumb', () => {
  it('is not asked for with an API token', async () => {
    const { jenkins, asked } = await openJenkins();
    await jenkins.addAgent(anAgent, signal);
    expect(asked()).toEqual([`${CREATE} 302`]);
  });

  it('is fetched when it is needed, and kept with its web session', async () => {
    const { jenkins, double, asked } = await openJenkins({ hasPassword: true });
    await jenkins.addAgent(add('a'), signal);
    expect(asked()).toEqual([`${CREATE} 403`, `${CRUMB} 200`, `${CREATE} 302`]);
    await jenkins.addAgent(add('b'), signal);
    await jenkins.removeAgent('a', signal);
    expect(asked()).toEqual([`${CREATE} 302`, 'POST computer/a/doDelete 302']);
    expect(double.agents().map(({ name }) => name)).toEqual(['b']);
  });

  it('is fetched anew, once, when its session is over', async () => {
    const { jenkins, double, asked } = await openJenkins({ hasPassword: true });
    await jenkins.addAgent(add('a'), signal);
    asked();
    double.endSessions();
    await jenkins.addAgent(add('b'), signal);
    expect(asked()).toEqual([`${CREATE} 403`, `${CRUMB} 200`, `${CREATE} 302`]);

    double.fault({ kind: 'status', status: 403, match: { method: 'POST' }, times: 2 });
    expect(await failureOf(jenkins.addAgent(add('c'), signal))).toMatchObject({ code: 'auth' });
    expect(asked()).toEqual([`${CREATE} 403`, `${CRUMB} 200`, `${CREATE} 403`]);
  });

  it('is not sent to a Jenkins that issues none', async () => {
    const { jenkins, double, asked } = await openJenkins({ hasPassword: true, hasCrumbs: false });
    await jenkins.addAgent(anAgent, signal);
    expect(asked()).toEqual([`${CREATE} 302`]);
    double.fault({
      kind: 'status',
      status: 403,
      headers: { 'X-Required-Permission': 'hudson.model.Computer.Delete' },
      match: { method: 'POST' },
    });
    expect(await failureOf(jenkins.removeAgent(anAgent.name, signal))).toMatchObject({
      code: 'auth',
      message: `POST computer/${anAgent.name}/doDelete at Jenkins ${double.url} failed with 403: the user has no permission hudson.model.Computer.Delete`,
    });
    expect(asked()).toEqual([`POST computer/${anAgent.name}/doDelete 403`, `${CRUMB} 404`]);
  });

  it('that no Jenkins issues is sent to nobody', async () => {
    const { jenkins, double, asked } = await openJenkins({ hasPassword: true });
    const body = '{"crumb": "a\\r\\nHost: elsewhere", "crumbRequestField": "Jenkins-Crumb"}';
    double.fault({ kind: 'status', status: 200, body, match: { path: /^crumbIssuer/ } });
    expect(await failureOf(jenkins.addAgent(anAgent, signal))).toMatchObject({
      code: 'unavailable',
      message: `${CRUMB} at Jenkins ${double.url} got no usable answer: no crumb in it`,
    });
    expect(asked()).toEqual([`${CREATE} 403`, `${CRUMB} 200`]);
  });
});

describe('credentials', () => {
  it('that are wrong are an error of their own, which does not show them', async () => {
    const { jenkins, double } = await openJenkins({ apikey: 'a-wrong-key' });
    const error = await failureOf(jenkins.addAgent(anAgent, signal));
    expect(error).toMatchObject({
      code: 'auth',
      message: `POST computer/doCreateItem at Jenkins ${double.url} failed with 401: Error 401 Unauthorized`,
    });
    expect(await failureOf(jenkins.status(signal))).toMatchObject({ code: 'auth' });
  });

  it('do not show when a page repeats them, nor those in the address', async () => {
    const clock = createFakeClock();
    const { jenkins, double } = await openJenkins();
    const { user, token } = CREDENTIALS;
    const basic = Buffer.from(`${user}:${token}`).toString('base64');
    double.fault({ kind: 'status', status: 500, body: `<title>no ${token}, no \u001b[31m ${basic}</title>` });
    expect((await failureOf(jenkins.status(signal))).message).toBe(
      `GET api/json at Jenkins ${double.url} failed with 500: no ***, no [31m ***`,
    );
    await double.close();
    const url = double.url.replace('//', '//zoe:secret@').replace(/\/$/, '?key=secret#secret');
    const other = createJenkins({ url, user, apikey: token, rateMs: 0 }, { clock });
    const error = await failureOf(other.status(signal));
    expect(error).toMatchObject({
      code: 'unavailable',
      message: `GET api/json at Jenkins ${double.url} got no usable answer: the connection was refused`,
    });
    expect(error.cause).toBeUndefined();
    await other.close();
  });

  it.each(['jenkins.example.org', 'ftp://jenkins.example.org/', ''])('are sent to no "%s"', (url) => {
    const make = () => createJenkins({ url, user: 'a', apikey: 'b', rateMs: 0 }, { clock: createFakeClock() });
    expect(make).toThrow(expect.objectContaining({ code: 'config' }));
  });

  it('are not taken to where a redirection leads', async () => {
    const { jenkins, double } = await openJenkins();
    const elsewhere = createJenkinsDouble();
    await elsewhere.start();
    for (const status of [301, 302, 307]) {
      const headers = { Location: `${elsewhere.url}login?from=secret` };
      double.fault({ kind: 'status', status, headers, times: 2 });
      for (const call of [jenkins.status(signal), jenkins.addAgent(anAgent, signal)]) {
        const error = await failureOf(call);
        expect(error).toMatchObject({ code: 'unavailable' });
        expect(error.message).toMatch(`failed with ${status}: it sends us to ${elsewhere.url}login`);
        expect(error.message).not.toContain('secret');
      }
    }
    expect(elsewhere.requests).toEqual([]);
    await elsewhere.close();
  });
});
