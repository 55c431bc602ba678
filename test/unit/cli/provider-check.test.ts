import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { InspectProviders } from '../../../src/cli/context.ts';
import { createContext } from '../../../src/cli/create-context.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { NodepoolError } from '../../../src/lib/errors.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import type { Finding } from '../../../src/providers/provider.ts';
import { aConfig, aLabel } from '../../support/builders.ts';
import { runCli, type CliRun } from '../../support/run-cli.ts';

const config = aConfig({ labels: [aLabel({ providers: ['alpha', 'beta'] })] });

const FINDINGS: Readonly<Record<string, readonly Finding[]>> = {
  alpha: [
    { level: 'ok', about: 'credentials', text: 'logged in to project ci' },
    { level: 'warning', about: 'quota', text: '3 of 10 servers are left' },
  ],
  beta: [{ level: 'error', about: 'image ubuntu', text: 'there is no image Ubuntu: change base-image' }],
};

/** Runs the command on clouds with these findings; no database is there. */
function check(args: readonly string[], findings = FINDINGS): Promise<CliRun> {
  return runCli(['provider-check', ...args], {
    loadConfig: () => Promise.resolve(config),
    inspectProviders: ({ providers }) =>
      Promise.resolve(new Map(Array.from(providers.keys(), (name) => [name, findings[name] ?? []]))),
  });
}

describe('provider-check', () => {
  it('prints all findings in the order of the configuration, and fails when one is an error', async () => {
    expect(await check([])).toEqual({
      code: 1,
      stdout: `\
+----------+---------+--------------+---------------------------------------------+
| Provider | Level   | About        | Finding                                     |
+----------+---------+--------------+---------------------------------------------+
| alpha    | ok      | credentials  | logged in to project ci                     |
| alpha    | warning | quota        | 3 of 10 servers are left                    |
| beta     | error   | image ubuntu | there is no image Ubuntu: change base-image |
+----------+---------+--------------+---------------------------------------------+
`,
      stderr: 'nodepool: 1 of 3 findings is an error\n',
    });
  });

  it('looks at one provider alone; warnings are no failure', async () => {
    const { code, stdout, stderr } = await check(['alpha', '-o', 'json']);
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toEqual(FINDINGS.alpha?.map((finding) => ({ provider: 'alpha', ...finding })));
  });

  it('prints YAML', async () => {
    const { stdout } = await check(['beta', '-o', 'yaml']);
    expect(parse(stdout)).toEqual([{ provider: 'beta', ...FINDINGS.beta?.[0] }]);
  });

  it('of a provider that is not there names those that are', async () => {
    expect(await check(['alpa'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'nodepool: there is no provider alpa (did you mean alpha?)\n',
    });
  });

  it('can be interrupted', async () => {
    const inspectProviders: InspectProviders = ({ signal }) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(new NodepoolError('aborted', 'the work was abandoned'))),
      );
    const run = await runCli(['provider-check'], {
      loadConfig: () => Promise.resolve(config),
      inspectProviders,
      onInterrupt: (listener) => {
        queueMicrotask(listener);
        return () => undefined;
      },
    });
    expect(run).toEqual({ code: 130, stdout: '', stderr: 'nodepool: interrupted; nothing was changed\n' });
  });
});

describe('the inspection', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'nodepool-check-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('asks the drivers; one that cannot be made is an error of its own', async () => {
    const file = join(directory, 'nodepool.yaml');
    const image = '[{ name: ubuntu, base-image: Ubuntu, setup: setup.sh, min-ram: 1024 }]';
    writeFileSync(
      file,
      `\
labels: [{ name: small, image: ubuntu, providers: [{ name: good }, { name: bad }] }]
providers:
  - { name: good, driver: fake, max-servers: 5, images: ${image} }
  - { name: bad, cloud: no-such-cloud, max-servers: 5, images: ${image} }
targets: [{ name: zuul }]
`,
    );
    const {
      stdout: _stdout,
      stderr: _stderr,
      ...context
    } = createContext({
      stdout: { write: () => undefined, isTerminal: false },
      stderr: { write: () => undefined, isTerminal: false },
      isInteractive: false,
      clock: systemClock,
      random: systemRandom,
      home: directory,
      cwd: directory,
      version: '1.2.3',
      onInterrupt: () => () => undefined,
      isAlive: () => false,
      env: { NODEPOOL_STATE_DIR: directory },
    });
    const { code, stdout } = await runCli(['-c', file, 'provider-check', '-o', 'json'], context);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual([
      expect.objectContaining({ provider: 'good', level: 'ok' }),
      { provider: 'bad', level: 'error', about: 'driver', text: expect.stringContaining('no-such-cloud') as string },
    ]);
  });
});
