/**
 * Plays GitLab Runner with its custom executor for one job, after its sources (19.4: executors/custom, common/build.go): which
 * programs are called when, with which arguments, environment, working directory and process group, what their exit codes
 * mean, what is tried again, and how a job is cancelled. The job itself does not come from a GitLab.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BUILD_FAILURE = 1;
const SYSTEM_FAILURE = 2;
/** Times that a node is asked for before the job fails. */
const PREPARATIONS = 3;

export interface CustomExecutor {
  readonly prepare: readonly string[];
  readonly run: readonly string[];
  readonly cleanup: readonly string[];
}

export interface GitlabJob {
  readonly id: number;
  /** What its script does, in bash. */
  readonly script: string;
  /** What runs before it does, in place of a checkout. */
  readonly sources?: string;
  /** In its scripts, and in the environment of the executor. */
  readonly token: string;
}

export interface JobEnd {
  readonly state: 'success' | 'script_failure' | 'runner_system_failure' | 'canceled';
  /** Of the script, as GitLab is told. */
  readonly exitCode?: number;
  /** The job log. */
  readonly log: string;
  /** What GitLab Runner logs itself. */
  readonly runnerLog: string;
}

/** Keys in the section `[runners.custom]` of a config.toml that GitLab Runner knows, and those that it must have here. */
const KEYS = ['config', 'prepare', 'run', 'cleanup'].flatMap((stage) => [
  `${stage}_exec`,
  `${stage}_args`,
  `${stage}_exec_timeout`,
]);
const TIMEOUTS = ['graceful_kill_timeout', 'force_kill_timeout'];

/** Reads the custom executor from a config.toml. Throws at what GitLab Runner would not know. */
export function readCustomExecutor(toml: string): CustomExecutor {
  const section = /^\s*\[runners\.custom\]\n([^[]*(?:\[".*\]\n[^[]*)*)/m.exec(toml)?.[1] ?? '';
  const entries = [...section.matchAll(/^\s*(\w+) = (.+)$/gm)].map(([, key = '', value = '']) => {
    if (!KEYS.includes(key) && !TIMEOUTS.includes(key)) throw new Error(`there is no ${key} in [runners.custom]`);
    return [key, JSON.parse(value) as unknown];
  });
  const settings = Object.fromEntries(entries) as Record<string, string & string[]>;
  if (!/^ {2}executor = "custom"$/m.test(toml) || !/^ {2}builds_dir = "\//m.test(toml))
    throw new Error('no builds_dir');
  const commandOf = (stage: string): string[] => [settings[`${stage}_exec`]!, ...(settings[`${stage}_args`] ?? [])];
  return { prepare: commandOf('prepare'), run: commandOf('run'), cleanup: commandOf('cleanup') };
}

export class GitlabRunnerDouble {
  readonly #executor: CustomExecutor;
  readonly #env: NodeJS.ProcessEnv;
  #current: ChildProcess | null = null;
  #isCancelled = false;
  #log = '';
  #runnerLog = '';
  #directory = '';

  constructor(executor: CustomExecutor, env: NodeJS.ProcessEnv) {
    this.#executor = executor;
    this.#env = env;
  }

  /** As when somebody presses the button: what runs is told so, with all that it has started. */
  cancel(): void {
    this.#isCancelled = true;
    if (this.#current?.pid !== undefined) process.kill(-this.#current.pid, 'SIGTERM');
  }

  /** Runs a job to its end, its node being given back included. */
  async run(job: GitlabJob): Promise<JobEnd> {
    const code = await this.#prepare(job);
    if (code !== 0) return this.#end(this.#isCancelled ? 'canceled' : 'runner_system_failure');
    try {
      return await this.#runStages(job);
    } finally {
      await this.#cleanup(job);
    }
  }

  async #prepare(job: GitlabJob): Promise<number> {
    for (let attempt = 1; ; attempt += 1) {
      this.#directory = mkdtempSync(join(tmpdir(), 'custom-executor'));
      writeFileSync(join(this.#directory, 'response.json'), JSON.stringify({ id: job.id, token: job.token }), {
        mode: 0o600,
      });
      const code = await this.#call(this.#executor.prepare, job);
      if (code === 0) return code;
      await this.#cleanup(job);
      if (code === BUILD_FAILURE || this.#isCancelled || attempt === PREPARATIONS) return code;
    }
  }

  async #runStages(job: GitlabJob): Promise<JobEnd> {
    const { script, sources = 'echo Fetching changes...', token } = job;
    const stages = [
      ['prepare_script', 'echo "Running on $(hostname)..."'],
      ['get_sources', sources],
      ['build_script', script],
    ] as const;
    let end: JobEnd | null = null;
    for (const [stage, text] of stages) {
      end ??= await this.#runStage(job, stage, `export CI_JOB_TOKEN='${token}'\n${text}`);
    }
    if (!this.#isCancelled) {
      await this.#runStage(job, 'after_script', 'echo after');
      await this.#runStage(job, 'cleanup_file_variables', 'true');
    }
    return this.#end(end?.state ?? 'success', end?.exitCode);
  }

  /** null: all went well. */
  async #runStage(job: GitlabJob, stage: string, text: string): Promise<JobEnd | null> {
    const file = join(mkdtempSync(join(this.#directory, 'script')), 'script.');
    // What GitLab Runner writes keeps its input from the commands in the same way.
    writeFileSync(file, `#!/usr/bin/env bash\n\nset -eo pipefail\nset +o noclobber\n: | {\n${text}\n}\nexit 0\n`, {
      mode: 0o700,
    });
    const code = await this.#call([...this.#executor.run, file, stage], job);
    if (this.#isCancelled) return this.#end('canceled');
    if (code === 0) return null;
    if (code === BUILD_FAILURE) return this.#end('script_failure', this.#readExitCode());
    return this.#end('runner_system_failure');
  }

  #readExitCode(): number {
    const path = join(this.#directory, 'build_exit_code');
    return existsSync(path) ? Number.parseInt(readFileSync(path, 'utf8'), 10) : BUILD_FAILURE;
  }

  async #cleanup(job: GitlabJob): Promise<void> {
    await this.#call(this.#executor.cleanup, job, (text) => (this.#runnerLog += text));
    rmSync(this.#directory, { recursive: true });
  }

  async #call(
    [program = '', ...args]: readonly string[],
    job: GitlabJob,
    onText = (text: string): void => void (this.#log += text),
  ): Promise<number> {
    const child = spawn(program, args, {
      cwd: this.#directory,
      env: { ...this.#env, ...this.#variables(job) },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#current = child;
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', onText);
    const [code] = (await once(child, 'close')) as [number | null];
    this.#current = null;
    return code ?? -1;
  }

  #variables({ id, token }: GitlabJob): NodeJS.ProcessEnv {
    return {
      TMPDIR: this.#directory,
      BUILD_FAILURE_EXIT_CODE: String(BUILD_FAILURE),
      SYSTEM_FAILURE_EXIT_CODE: String(SYSTEM_FAILURE),
      BUILD_EXIT_CODE_FILE: join(this.#directory, 'build_exit_code'),
      JOB_RESPONSE_FILE: join(this.#directory, 'response.json'),
      CUSTOM_ENV_CI_JOB_ID: String(id),
      CUSTOM_ENV_CI_JOB_TOKEN: token,
      CUSTOM_ENV_CI_PROJECT_PATH: 'group/project',
      CUSTOM_ENV_CI_JOB_SERVICES: '',
      CUSTOM_ENV_PATH: '/nowhere',
    };
  }

  #end(state: JobEnd['state'], exitCode?: number): JobEnd {
    const end = { state, log: this.#log, runnerLog: this.#runnerLog };
    return exitCode === undefined ? end : { ...end, exitCode };
  }
}
