/** config/recipes/github-runner on nodes that can be logged in to, with doubles of GitHub and of its runner. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GithubDouble } from '../../support/github-double.ts';
import { until } from '../../support/real-pool.ts';
import { RecipeSite, watchArguments, type Running } from '../../support/recipe-site.ts';

let site: RecipeSite;
let github: GithubDouble;

beforeAll(async () => {
  [site, github] = await Promise.all([RecipeSite.open(), GithubDouble.start()]);
});

afterAll(async () => {
  github.close();
  await site.close();
});

beforeEach(async () => {
  github.forget();
  await site.begin();
});

function start(settings: NodeJS.ProcessEnv = {}): Running {
  return site.start('github-runner', [], {
    NODEPOOL_LABEL: 'small',
    GITHUB_API_URL: github.url,
    GITHUB_SCOPE: github.scope,
    GITHUB_TOKEN_FILE: site.secretFile('github.token', github.token),
    GITHUB_LABELS: 'self-hosted, ubuntu',
    ...settings,
  });
}

const WAYS = [
  ['nodepool run', (): NodeJS.ProcessEnv => ({})],
  ['with-node', () => site.overHttp()],
] as const;

describe.each(WAYS)('a GitHub runner on a node from %s', (_, settingsOf) => {
  it('runs one job there, the node is replaced, and nobody sees a secret', async () => {
    github.queue.push({ name: 'build', command: 'echo built >>"$HOME/jobs"' }, { name: 'next', command: 'false' });
    const settings = settingsOf();
    const { result, seen } = await watchArguments((look) => {
      github.onCall = look;
      return start(settings).ended;
    });
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toContain('Job build completed with result: Succeeded');
    expect(await site.cleared()).toMatchObject({ requestor: 'github-runner/1', endReason: 'released' });
    expect(await site.left()).toEqual(['built on one that is gone']);
    expect([github.results, github.runners, github.refusals]).toEqual([['Succeeded'], [], []]);
    expect(github.queue).toHaveLength(1);

    // It saw what there was to see.
    expect(seen).toContain('generate-jitconfig');
    expect(seen).toContain('github-runner/1');
    const everything = [seen, result.stdout, result.stderr, site.logged(), site.onDisks(), await site.inDatabase()];
    for (const secret of [github.token, ...github.secrets]) {
      for (const text of everything) expect(text.includes(secret)).toBe(false);
    }
  });

  it('that is told to stop in the middle of a job gives the node back', async () => {
    github.queue.push({ name: 'build', command: 'echo began >>"$HOME/jobs"; sleep 60' });
    const running = start(settingsOf());
    await site.jobRuns();
    running.kill('SIGTERM');
    expect((await running.ended).code).toBe(143);
    expect(await site.cleared()).toMatchObject({ endReason: 'failed' });
    expect(await site.left()).toEqual(['began on one that is gone']);
  });

  it('that is killed in the middle of a job gives the node back, too', async () => {
    github.queue.push({ name: 'build', command: 'echo began >>"$HOME/jobs"; sleep 60' });
    const running = start(settingsOf());
    await site.jobRuns();
    running.kill('SIGKILL');
    await running.ended;
    expect(await site.cleared()).toMatchObject({ endReason: 'failed' });
    expect(await site.left()).toEqual(['began on one that is gone']);
  });
});

describe.each(WAYS)('a GitHub runner from %s that waits for a job', (_, settingsOf) => {
  it('is taken off the list of GitHub when it is killed', async () => {
    github.silence = /^GET /;
    const running = start(settingsOf());
    await github.leavesUnanswered(/^GET /);
    running.kill('SIGKILL');
    await running.ended;
    await until('the list is empty', async () => github.runners.length === 0 || null);
    expect(await site.cleared()).toMatchObject({ endReason: 'failed' });
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'gives its node back after %s while GitHub does not answer',
    async (signal) => {
      github.silence = /^(GET|DELETE) /;
      const running = start(settingsOf());
      await github.leavesUnanswered(/^GET /);
      running.kill(signal);
      await github.leavesUnanswered(/^DELETE /);
      expect(await site.cleared()).toMatchObject({ endReason: 'failed' });
      // Who is told to stop waits for GitHub, but nobody waits for what is left of one that was killed.
      if (signal === 'SIGTERM') github.forget();
      expect(await running.ended).toMatchObject({ code: signal === 'SIGTERM' ? 143 : null });
    },
  );
});

describe('a GitHub runner', () => {
  it('whose job fails gives its node back as failed', async () => {
    github.queue.push({ name: 'build', command: 'echo tried >>"$HOME/jobs"; exit 3' });
    const ended = await start().ended;
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('no job succeeded here: it was Failed');
    expect(await site.cleared()).toMatchObject({ endReason: 'failed' });
    expect(await site.left()).toEqual(['tried on one that is gone']);
  });

  it('that gets no job is taken off the list of GitHub, and its node is given back as failed', async () => {
    const ended = await start().ended;
    expect(ended.code).toBe(1);
    expect(await site.cleared()).toMatchObject({ endReason: 'failed' });
    expect([github.runners, github.secrets.length]).toEqual([[], 1]);
  });

  it('takes no node when GitHub gives no configuration, and says what GitHub says', async () => {
    const before = await site.requests();
    const ended = await start({ GITHUB_SCOPE: 'repos/example/other' }).ended;
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toMatch(/^github-runner: GitHub gives no configuration for a runner \(404\): no POST/);
    expect(await site.requests()).toBe(before);
  });

  it('says that GitHub does not answer', async () => {
    const ended = await start({ GITHUB_API_URL: 'http://127.0.0.1:1' }).ended;
    expect(ended).toMatchObject({ code: 1, stderr: 'github-runner: GitHub does not answer at http://127.0.0.1:1\n' });
  });

  it('says what it needs', async () => {
    const ended = await start({ GITHUB_SCOPE: '' }).ended;
    expect(ended).toMatchObject({ code: 1, stderr: 'github-runner: GITHUB_SCOPE is not set\n' });
  });
});
