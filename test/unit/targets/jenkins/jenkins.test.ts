import { describe, expect, it } from 'vitest';
import { parseXml, type Element } from '../../../../tools/jenkins-double/xml.ts';
import { anAgent, failureOf, HOST_KEY, openJenkins, signal } from './jenkins-under-test.ts';

/** The configuration of the double's only agent, as `path text` lines. */
function linesOf(xml: string): string[] {
  const walk = ({ name, text, children }: Element, path: string): string[] =>
    children.length > 0
      ? children.flatMap((child) => walk(child, `${path}/${child.name}`))
      : [`${path || name} ${text}`.trim()];
  const root = parseXml(xml);
  if (!root) throw new Error('it is not well-formed');
  return walk(root, '');
}

describe('the status', () => {
  it('tells the mode and which agents are busy, by two requests however many there are', async () => {
    const { jenkins, double, asked } = await openJenkins({ prefix: '/ci/jenkins' });
    for (const name of ['a', 'b', 'c']) await jenkins.addAgent({ ...anAgent, name }, signal);
    double.runBuild('a', 'gate-tests');
    asked();
    const idle = { isBusy: false };
    expect(await jenkins.status(signal)).toEqual({
      isQuietingDown: false,
      computers: [
        { name: 'Built-In Node', ...idle },
        { name: 'a', isBusy: true },
        { name: 'b', ...idle },
        { name: 'c', ...idle },
      ],
    });
    expect(asked()).toEqual(['GET api/json 200', 'GET computer/api/json 200']);

    double.setQuietingDown(true);
    double.endBuild('a');
    const later = await jenkins.status(signal);
    expect(later.isQuietingDown).toBe(true);
    expect(later.computers[1]).toEqual({ name: 'a', ...idle });
  });

  it.each([
    ['a page for logins', '<html><title>Sign in</title></html>', '200, not JSON'],
    [
      'a list that lacks a part',
      '{"computer": [{"displayName": "a", "offline": false}]}',
      'no list of computers in it',
    ],
    ['something else that is JSON', '{"status": "ok"}', 'no list of computers in it'],
    ['JSON that is no object', 'null', '200, not JSON'],
  ])('is unknown when the answer is %s', async (_, body, words) => {
    const { jenkins, double } = await openJenkins();
    double.fault({ kind: 'status', status: 200, body, match: { path: /^computer/ } });
    const error = await failureOf(jenkins.status(signal));
    expect(error).toMatchObject({ code: 'unavailable' });
    expect(error.message).toBe(`GET computer/api/json at Jenkins ${double.url} got no usable answer: ${words}`);
  });

  it('is unknown where there is no Jenkins', async () => {
    const { jenkins, double } = await openJenkins();
    double.fault({ kind: 'status', status: 404 });
    expect(await failureOf(jenkins.status(signal))).toMatchObject({
      code: 'unavailable',
      message: `GET api/json at Jenkins ${double.url} got no usable answer: 404, as if there were no Jenkins`,
    });
  });
});

describe('an agent', () => {
  it('is added with one executor for jobs that ask for it, over SSH, its key checked', async () => {
    const { jenkins, double, asked } = await openJenkins();
    await jenkins.addAgent(anAgent, signal);
    expect(asked()).toEqual(['POST computer/doCreateItem 302']);
    const [agent] = double.agents();
    const [algorithm, key] = HOST_KEY.split(' ');
    expect(linesOf(agent?.configXml ?? '')).toEqual([
      '/name trusty-cloud-17',
      '/description Dynamic single use trusty node',
      '/remoteFS /home/jenkins',
      '/numExecutors 1',
      '/mode EXCLUSIVE',
      '/retentionStrategy',
      '/launcher/host 203.0.113.17',
      '/launcher/port 22',
      '/launcher/credentialsId nodepool-key',
      '/launcher/launchTimeoutSeconds 60',
      '/launcher/maxNumRetries 10',
      '/launcher/retryWaitTime 15',
      `/launcher/sshHostKeyVerificationStrategy/key/algorithm ${algorithm}`,
      `/launcher/sshHostKeyVerificationStrategy/key/key ${key}`,
      '/launcher/tcpNoDelay true',
      '/label trusty',
      '/nodeProperties',
    ]);
    expect(JSON.stringify(agent?.json)).not.toContain('id_rsa');
  });

  it('is added without a label, and trusted where its key is not known', async () => {
    const { jenkins, double } = await openJenkins();
    await jenkins.addAgent({ ...anAgent, label: null, hostKey: null, port: 2222 }, signal);
    const { configXml = '' } = double.agents()[0] ?? {};
    expect(linesOf(configXml)).toContain('/label');
    expect(linesOf(configXml)).toContain('/launcher/port 2222');
    expect(configXml).toContain('verifiers.NonVerifyingKeyVerificationStrategy"/>');
  });

  it('is given a user and the path of a key where there are no credentials', async () => {
    const { jenkins, double } = await openJenkins();
    await jenkins.addAgent({ ...anAgent, credentialsId: null }, signal);
    expect(double.agents()[0]?.json).toMatchObject({
      launcher: { username: 'jenkins', privatekey: '/var/lib/jenkins/.ssh/id_rsa' },
    });
  });

  it('counts as added when it is there already, as after an answer that was lost', async () => {
    const { jenkins, double, asked } = await openJenkins();
    double.fault({ kind: 'reset', isDone: true });
    expect(await failureOf(jenkins.addAgent(anAgent, signal))).toMatchObject({ code: 'unavailable' });
    asked();
    await jenkins.addAgent(anAgent, signal);
    expect(asked()).toEqual(['POST computer/doCreateItem 400', 'GET computer/trusty-cloud-17/config.xml 200']);
    expect(double.agents()).toHaveLength(1);
  });

  it('takes the place of one that an earlier node of its name has left, but of nobody else', async () => {
    const { jenkins, double } = await openJenkins();
    await jenkins.addAgent({ ...anAgent, host: '203.0.113.1' }, signal);
    await jenkins.addAgent(anAgent, signal);
    expect(linesOf(double.agents()[0]?.configXml ?? '')).toContain('/launcher/host 203.0.113.17');
    const ofOthers = { ...anAgent, name: 'theirs', host: '203.0.113.2', description: 'Made by hand' };
    await jenkins.addAgent(ofOthers, signal);
    expect(await failureOf(jenkins.addAgent({ ...anAgent, name: 'theirs' }, signal))).toMatchObject({
      code: 'rejected',
      message: expect.stringContaining('theirs') as string,
    });
    expect(double.agents().map(({ name }) => name)).toEqual(['trusty-cloud-17', 'theirs']);
  });

  it('is rejected with the words of Jenkins when that refuses it', async () => {
    const { jenkins, double } = await openJenkins();
    expect(await failureOf(jenkins.addAgent({ ...anAgent, name: 'a#b' }, signal))).toMatchObject({
      code: 'rejected',
      message: `POST computer/doCreateItem at Jenkins ${double.url} failed with 400: ?#? is an unsafe character`,
    });
  });

  it('is removed, and counts as removed when it is not there', async () => {
    const { jenkins, double, asked } = await openJenkins();
    await jenkins.addAgent({ ...anAgent, name: 'a b+ä' }, signal);
    asked();
    await jenkins.removeAgent('a b+ä', signal);
    expect(asked()).toEqual(['POST computer/a%20b%2B%C3%A4/doDelete 302']);
    expect(double.agents()).toEqual([]);

    await jenkins.removeAgent('a b+ä', signal);
    expect(asked()).toEqual(['POST computer/a%20b%2B%C3%A4/doDelete 404', 'GET api/json 200']);
  });

  it('does not count as removed when nothing is there at all, such as Jenkins behind a proxy', async () => {
    const { jenkins, double } = await openJenkins();
    await jenkins.addAgent(anAgent, signal);
    double.fault({ kind: 'status', status: 404, times: 2 });
    expect(await failureOf(jenkins.removeAgent(anAgent.name, signal))).toMatchObject({ code: 'unavailable' });
    expect(double.agents()).toHaveLength(1);
  });

  it.each(['', '.', '..'])('of the name "%s" is asked for nowhere', async (name) => {
    const { jenkins, asked } = await openJenkins();
    expect(await failureOf(jenkins.removeAgent(name, signal))).toMatchObject({ code: 'rejected' });
    expect(await failureOf(jenkins.startJob(`folder/${name}`, {}, signal))).toMatchObject({ code: 'rejected' });
    expect(asked()).toEqual([]);
  });
});

describe('a label', () => {
  it('takes the place of the one before it, and nothing else changes', async () => {
    const { jenkins, double, asked } = await openJenkins();
    await jenkins.addAgent({ ...anAgent, description: 'for <label> & "co"' }, signal);
    const before = double.agents()[0]?.configXml ?? '';
    asked();
    await jenkins.labelAgent(anAgent.name, 'a&b <c>', signal);
    const path = `computer/${anAgent.name}/config.xml`;
    expect(asked()).toEqual([`GET ${path} 200`, `POST ${path} 200`]);
    expect(double.labelOf(anAgent.name)).toBe('a&b <c>');
    const after = double.agents()[0]?.configXml ?? '';
    expect(after).toBe(before.replace('<label>trusty</label>', '<label>a&amp;b &lt;c&gt;</label>'));
  });

  it('is given to one that had none', async () => {
    const { jenkins, double } = await openJenkins();
    await jenkins.addAgent({ ...anAgent, label: null }, signal);
    await jenkins.labelAgent(anAgent.name, 'trusty', signal);
    expect(double.labelOf(anAgent.name)).toBe('trusty');
  });

  it('cannot be given to an agent that is not there', async () => {
    const { jenkins, double } = await openJenkins();
    expect(await failureOf(jenkins.labelAgent('gone', 'trusty', signal))).toMatchObject({
      code: 'not-found',
      message: `GET computer/gone/config.xml at Jenkins ${double.url} failed with 404: Not Found - Jenkins`,
    });
  });

  it('is not written into what is no configuration', async () => {
    const { jenkins, double, asked } = await openJenkins();
    await jenkins.addAgent(anAgent, signal);
    asked();
    const body = '<html><body>Sign in</body></html>';
    double.fault({ kind: 'status', status: 200, body, match: { method: 'GET' } });
    expect(await failureOf(jenkins.labelAgent(anAgent.name, 'x', signal))).toMatchObject({ code: 'unavailable' });
    const headers = { 'Content-Type': 'application/xml' };
    double.fault({ kind: 'status', status: 200, headers, body: '<slave><label>', match: { method: 'GET' } });
    expect(await failureOf(jenkins.labelAgent(anAgent.name, 'x', signal))).toMatchObject({ code: 'unavailable' });
    expect(asked().filter((line) => line.startsWith('POST'))).toEqual([]);
  });
});

describe('a job', () => {
  const jobs = [
    { name: 'test node', parameters: ['NODE', 'WHY'] },
    { name: 'ops/nightly/test-node', parameters: ['NODE'] },
    { name: 'plain' },
    { name: 'off', parameters: ['NODE'], isDisabled: true },
  ];

  it('waits in the queue with its parameters, also one in folders', async () => {
    const { jenkins, double, asked } = await openJenkins({ jobs });
    await jenkins.startJob('test node', { NODE: 'a', WHY: 'x=1&y ü+', OTHER: 'dropped' }, signal);
    await jenkins.startJob('ops/nightly/test-node', { NODE: 'b' }, signal);
    expect(asked()).toEqual([
      'POST job/test%20node/buildWithParameters 201',
      'POST job/ops/job/nightly/job/test-node/buildWithParameters 201',
    ]);
    expect(double.queue()).toEqual([
      { id: 1, job: 'test node', parameters: { NODE: 'a', WHY: 'x=1&y ü+' } },
      { id: 2, job: 'ops/nightly/test-node', parameters: { NODE: 'b' } },
    ]);
  });

  it('counts as started when it waits already', async () => {
    const { jenkins, double, asked } = await openJenkins({ jobs });
    const start = () => jenkins.startJob('ops/nightly/test-node', { NODE: 'b' }, signal);
    await start();
    await start();
    expect(asked().at(-1)).toMatch(/ 303$/);
    expect(double.queue()).toHaveLength(1);
  });

  it.each([
    ['nowhere', 'not-found', '404: Not Found - Jenkins'],
    ['plain', 'rejected', '400: Error 400 plain is not parameterized'],
    ['off', 'rejected', '409: Error 409 off is not buildable'],
  ])('is not started: %s', async (job, code, words) => {
    const { jenkins, double } = await openJenkins({ jobs });
    const error = await failureOf(jenkins.startJob(job, { NODE: 'a' }, signal));
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(words);
    expect(double.queue()).toEqual([]);
  });

  it('that Jenkins did not take into the queue is not taken for started', async () => {
    const { jenkins, double } = await openJenkins({ jobs });
    double.fault({ kind: 'status', status: 302, headers: { Location: '/job/off/' } });
    expect(await failureOf(jenkins.startJob('off', {}, signal))).toMatchObject({
      code: 'unavailable',
      message: `POST job/off/buildWithParameters at Jenkins ${double.url} failed with 302: it sends us to /job/off/`,
    });
  });
});
