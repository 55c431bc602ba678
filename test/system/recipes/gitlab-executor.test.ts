/** config/recipes/gitlab-executor on nodes that can be logged in to, called as GitLab Runner calls a custom executor. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BusyPool } from '../../support/busy-pool.ts';
import {
  GitlabRunnerDouble,
  readCustomExecutor,
  type CustomExecutor,
  type GitlabJob,
} from '../../support/gitlab-runner-double.ts';
import { RECIPES, RecipeSite, waits, watchArguments } from '../../support/recipe-site.ts';

let site: RecipeSite;

beforeAll(async () => {
  site = await RecipeSite.open();
});
afterAll(() => site.close());
beforeEach(() => site.begin());

/** What the example says, for the places and the label of the tests. */
function executorOf(label: string): CustomExecutor {
  const toml = readFileSync(`${RECIPES}/gitlab-runner.example.toml`, 'utf8');
  return readCustomExecutor(toml.replaceAll('/etc/nodepool/recipes', RECIPES).replace('ubuntu-small', label));
}

async function aRunner(label = 'small', settings = site.overHttp()): Promise<GitlabRunnerDouble> {
  return new GitlabRunnerDouble(executorOf(label), site.environment(settings));
}

const aJob = (script: string, parts: Partial<GitlabJob> = {}): GitlabJob => ({
  id: 7,
  script,
  token: `glcbt-${randomBytes(16).toString('hex')}`,
  ...parts,
});

describe('a GitLab job', () => {
  it('runs on a node of its own, which is replaced, and nobody sees a secret', async () => {
    const job = aJob(
      `echo built >>"$HOME/jobs"; ${waits()}; echo "token of $(printf %s "$CI_JOB_TOKEN" | wc -c) characters"`,
    );
    const runner = await aRunner();
    const { result, seen } = await watchArguments(async (look) => {
      const running = runner.run(job);
      await site.jobRuns();
      look();
      site.letGo();
      return running;
    });
    expect(result).toMatchObject({ state: 'success', runnerLog: '' });
    expect(result.log).toMatch(
      /^Running on node \d+ \(10\.0\.0\.\d+\)\.\n.*\nFetching changes\.\.\.\ntoken of 38 .*\nafter\n$/,
    );
    expect(await site.cleared()).toMatchObject({
      requestor: 'gitlab/group/project',
      reason: 'job 7',
      endReason: 'released',
    });
    expect(await site.left()).toEqual(['built on one that is gone']);

    expect(seen).toContain('bash');
    expect(seen).toContain('-o ConnectTimeout=60 ');
    const { NODEPOOL_TOKEN_FILE = '' } = site.overHttp();
    const everything = [seen, result.log, site.logged(), site.onDisks(), await site.inDatabase()];
    for (const secret of [job.token, readFileSync(NODEPOOL_TOKEN_FILE, 'utf8').trim()]) {
      for (const text of everything) expect(text.includes(secret)).toBe(false);
    }
  });

  it('of steps that are all short keeps its node for longer than its first lease', async () => {
    const runner = await aRunner();
    const script = `${waits()}; echo built >>"$HOME/jobs"`;
    const running = runner.run(aJob(script, { sources: waits('sources') }));
    const end = await site.leaseEnd();
    site.letGo('sources');
    // What is extended only now and then has not come to that yet.
    await site.leaseEnd(end);
    site.letGo();
    expect(await running).toMatchObject({ state: 'success', runnerLog: '' });
    expect(await site.cleared()).toMatchObject({ endReason: 'released' });
    expect(await site.left()).toEqual(['built on one that is gone']);
  });

  it('does not wait for its lease to be extended', async () => {
    const pool = await BusyPool.start(site.overHttp());
    try {
      pool.hold();
      const runner = await aRunner('small', pool.settings);
      expect(await runner.run(aJob('echo built >>"$HOME/jobs"'))).toMatchObject({ state: 'success', runnerLog: '' });
      // They are held for as long as somebody waits for their answers.
      expect(pool.held).toBeGreaterThan(0);
    } finally {
      pool.close();
    }
    expect(await site.cleared()).toMatchObject({ endReason: 'released' });
  });

  it('whose script fails has failed with its exit code, and its node is given back as failed', async () => {
    const runner = await aRunner();
    const end = await runner.run(aJob('echo tried >>"$HOME/jobs"; exit 42'));
    expect(end).toMatchObject({ state: 'script_failure', exitCode: 42 });
    expect(await site.cleared()).toMatchObject({ endReason: 'failed' });
    expect(await site.left()).toEqual(['tried on one that is gone']);
  });

  it('whose sources cannot be had is not the fault of its node', async () => {
    const runner = await aRunner();
    const end = await runner.run(aJob('echo built >>"$HOME/jobs"', { sources: 'exit 128' }));
    expect(end).toMatchObject({ state: 'script_failure', exitCode: 128 });
    expect(await site.cleared()).toMatchObject({ endReason: 'released' });
    expect(await site.left()).toEqual([]);
  });

  it('that is cancelled gives its node back', async () => {
    const runner = await aRunner();
    const running = runner.run(aJob('echo began >>"$HOME/jobs"; sleep 60'));
    await site.jobRuns();
    runner.cancel();
    expect(await running).toMatchObject({ state: 'canceled', runnerLog: '' });
    expect(await site.cleared()).toMatchObject({ endReason: 'released' });
    expect(await site.left()).toEqual(['began on one that is gone']);
  });

  it('whose node goes away has not failed by itself', async () => {
    const runner = await aRunner();
    const running = runner.run(aJob('echo began >>"$HOME/jobs"; kill -KILL "$PPID"; sleep 60'));
    expect(await running).toMatchObject({ state: 'runner_system_failure' });
    await site.cleared();
  });

  it('that asks for what there is not hears why, and has not failed by itself', async () => {
    const runner = await aRunner('smal');
    const end = await runner.run(aJob('true'));
    expect(end).toMatchObject({ state: 'runner_system_failure', runnerLog: '' });
    expect(end.log).toMatch(/says 422: there is no label "smal" \(did you mean small\?\)\n/);
  });
});
