/** config/recipes/jenkins-agent on nodes that can be logged in to, with doubles of Jenkins and of its agent. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { JenkinsInboundDouble } from '../../support/jenkins-inbound-double.ts';
import { until } from '../../support/real-pool.ts';
import { JAVA, RecipeSite, watchArguments, type Running } from '../../support/recipe-site.ts';

let site: RecipeSite;
let jenkins: JenkinsInboundDouble;

beforeAll(async () => {
  [site, jenkins] = await Promise.all([RecipeSite.open(), JenkinsInboundDouble.start()]);
});

afterAll(async () => {
  jenkins.close();
  await site.close();
});

beforeEach(async () => {
  jenkins.forget();
  await site.begin();
});

async function start(settings: NodeJS.ProcessEnv = {}): Promise<Running> {
  return site.start('jenkins-agent', [], {
    NODEPOOL_LABEL: 'small',
    JENKINS_URL: jenkins.url,
    JENKINS_LOGIN_FILE: site.secretFile('jenkins.login', jenkins.login),
    JENKINS_SECRET_FILE: site.secretFile('jenkins.secret', jenkins.secret),
    JENKINS_JAVA: JAVA,
    JENKINS_POLL: '0.2',
    ...site.overHttp(),
    ...settings,
  });
}

const BUILD = 'echo built >>"$HOME/jobs"';

describe('a Jenkins agent', () => {
  it('runs one build on a node of its own, which is replaced, and nobody sees a secret', async () => {
    jenkins.enqueue(BUILD);
    jenkins.enqueue('false');
    const { result, seen } = await watchArguments(async (look) => {
      jenkins.onCall = look;
      return (await start()).ended;
    });
    expect(result).toMatchObject({ code: 0 });
    expect(await site.cleared()).toMatchObject({ requestor: 'jenkins-agent/1', endReason: 'released' });
    expect(await site.left()).toEqual(['built on one that is gone']);
    // The next build waits for the next node.
    expect(jenkins).toMatchObject({ builds: 1, isMarked: true, refusals: [], queue: ['false'] });

    expect(seen).toContain(`-secret @/dev/stdin -name ${jenkins.agent} -webSocket`);
    expect(seen).toContain('/api/json?tree=');
    const everything = [seen, result.stdout, result.stderr, site.logged(), site.onDisks(), await site.inDatabase()];
    for (const secret of [jenkins.secret, jenkins.login, jenkins.login.slice('ci:'.length)]) {
      for (const text of everything) expect(text.includes(secret)).toBe(false);
    }
  });

  it('is marked as online again for the next node, which may come from nodepool run', async () => {
    jenkins.isMarked = true;
    jenkins.enqueue(BUILD);
    const running = await start({ NODEPOOL_URL: '' });
    expect(await running.ended).toMatchObject({ code: 0 });
    expect(await site.cleared()).toMatchObject({ endReason: 'released' });
    expect([await site.left(), jenkins.isMarked]).toEqual([['built on one that is gone'], true]);
  });

  it('comes back when Jenkins has been away', async () => {
    const running = await start();
    const isConnected = (): Promise<true | null> => Promise.resolve(jenkins.isConnected || null);
    await until('the agent is connected', isConnected);
    jenkins.disconnect();
    await until('the agent is connected again', isConnected);
    jenkins.enqueue(BUILD);
    expect(await running.ended).toMatchObject({ code: 0 });
    expect(await site.cleared()).toMatchObject({ endReason: 'released' });
    expect(await site.left()).toEqual(['built on one that is gone']);
  });

  it('that is told to stop in the middle of a build gives the node back', async () => {
    jenkins.enqueue('echo began >>"$HOME/jobs"; sleep 60');
    const running = await start();
    await site.jobRuns();
    running.kill('SIGTERM');
    expect((await running.ended).code).toBe(143);
    expect(await site.cleared()).toMatchObject({ endReason: 'failed' });
    expect(await site.left()).toEqual(['began on one that is gone']);
  });

  it('that Jenkins does not let in gives up, and its node is given back as failed', async () => {
    const secret = site.secretFile('wrong.secret', '0123');
    let looks = 0;
    // While the recipe waits for what Jenkins says of the agent, the patience of its node does not run out.
    jenkins.onCall = async (what) => {
      if (!what.includes('/api/json') || (looks += 1) === 1) return;
      await until('the agent is refused', () => Promise.resolve(jenkins.refusals.length > 0 || null));
    };
    const running = await start({ JENKINS_SECRET_FILE: secret, JENKINS_PATIENCE: '2' });
    const { code, stderr } = await running.ended;
    expect(code).toBe(1);
    expect(stderr).toContain('Jenkins and the agent have not come together for 2 seconds');
    expect(await site.cleared()).toMatchObject({ endReason: 'failed' });
    expect(new Set(jenkins.refusals)).toEqual(new Set(['incorrect secret']));
  });

  it('that does not start at all is not tried for ever, and its node is given back as failed', async () => {
    const running = await start({ JENKINS_JAVA: 'false' });
    expect(await running.ended).toMatchObject({ code: 1, stderr: expect.stringContaining('does not stay') as string });
    expect(await site.cleared()).toMatchObject({ endReason: 'failed' });
  });

  it('takes no node when Jenkins does not know the agent', async () => {
    const before = await site.requests();
    const running = await start({ JENKINS_AGENT: 'another' });
    expect(await running.ended).toMatchObject({
      code: 1,
      stderr: 'jenkins-agent: Jenkins does not show the agent another (404)\n',
    });
    expect(await site.requests()).toBe(before);
  });
});
