/**
 * Hands nodes over to targets, and takes them back: to the Jenkins of a target, to whichever Gearman worker takes them, or
 * both, as the configuration says. Nothing is repeated in here: whoever calls looks again later.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Config, JenkinsConfig, TargetConfig } from '../config/types.ts';
import type { GearmanServers } from '../gearman/gearman-servers.ts';
import { orAborted } from '../lib/bounded.ts';
import type { Clock } from '../lib/clock.ts';
import { describeError, NodepoolError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { hasJenkins } from '../lifecycle/targets.ts';
import { assignFunction, assignJob, parseAssignAnswer, revokeJob } from './gearman-handover.ts';
import { createJenkins, type Jenkins, type JenkinsStatus } from './jenkins/jenkins.ts';

/** A node as its users get to know it. */
export interface HandedNode {
  readonly nodename: string;
  /** Its address. */
  readonly host: string;
  readonly label: string;
  readonly username: string;
  /** Path of the key on the host of Jenkins, which is used where Jenkins has no credentials for it. */
  readonly privateKeyPath: string;
  /** Home directory of the user. */
  readonly userHome: string;
  readonly hostKey: string | null;
  /** It has to pass its acceptance test before jobs may find it. */
  readonly isOnTest: boolean;
}

/** A call rejects with `unavailable` when its target, or what serves it, is not configured any more. */
export interface Targets {
  /** Follows the configuration. Costs next to nothing while it is the same. */
  configure(config: Pick<Config, 'targets'>): void;
  /** Asks the Jenkins of the target how it is. */
  status(target: string, signal: AbortSignal): Promise<JenkinsStatus>;
  /** Throws `unavailable` when it is sure that {@link register} would fail. */
  requireReady(target: string): void;
  /**
   * Answers who manages the node from now on; null: nobody in particular. May be repeated at a Jenkins. A Gearman worker
   * may have taken the node although no answer came: it must not be asked for again.
   */
  register(target: string, node: HandedNode, signal: AbortSignal): Promise<string | null>;
  /** May be repeated. Whether a Gearman manager has heard of it is not waited for. */
  unregister(target: string, node: { nodename: string; manager: string | null }, signal: AbortSignal): Promise<void>;
  startTest(target: string, nodename: string, signal: AbortSignal): Promise<void>;
  /** Lets jobs find a node that has passed its test. */
  release(target: string, node: { nodename: string; label: string }, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface TargetsDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly gearman: Pick<GearmanServers, 'submit' | 'hasWorkers' | 'connections'>;
  /** A call to Jenkins has ended, well or badly. */
  readonly onCall: (call: { target: string; task: string; ms: number }) => void;
}

const SSH_PORT = 22;

interface Entry {
  readonly config: TargetConfig;
  readonly jenkins: Jenkins | null;
}

export function createTargets(deps: TargetsDeps): Targets {
  const { gearman } = deps;
  const book = new TargetRegister(deps);
  return {
    configure: ({ targets }) => book.configure(targets),
    requireReady: (target) => {
      if (book.find(target).config.assignViaGearman) requireLauncher(target, gearman);
    },
    status: (target, signal) => book.call(target, 'GetInfoTask', (jenkins) => jenkins.status(signal)),
    register: async (target, node, signal) => {
      const { config, jenkins } = book.find(target);
      const agent = agentOf(node, config.jenkins);
      if (jenkins !== null) await book.call(target, 'CreateNodeTask', () => jenkins.addAgent(agent, signal));
      return config.assignViaGearman ? assign(deps, { target, node }, signal) : null;
    },
    unregister: async (target, { nodename, manager }, signal) => {
      const { jenkins } = book.find(target);
      if (manager !== null) revoke(deps, { nodename, manager });
      if (jenkins !== null) await book.call(target, 'DeleteNodeTask', () => jenkins.removeAgent(nodename, signal));
    },
    startTest: (target, nodename, signal) => {
      const job = book.find(target).config.jenkins?.testJob ?? '';
      return book.call(target, 'StartBuildTask', (jenkins) => jenkins.startJob(job, { NODE: nodename }, signal));
    },
    release: (target, { nodename, label }, signal) =>
      book.call(target, 'SetNodeConfigTask', (jenkins) => jenkins.labelAgent(nodename, label, signal)),
    close: () => book.close(),
  };
}

/** The targets of the configuration, each with the connection to its Jenkins. */
class TargetRegister {
  readonly #deps: TargetsDeps;
  readonly #entries = new Map<string, Entry>();
  #configured: Config['targets'] | null = null;

  constructor(deps: TargetsDeps) {
    this.#deps = deps;
  }

  /** A Jenkins whose settings are the same stays; calls under way at one that is replaced go on. */
  configure(targets: Config['targets']): void {
    if (targets === this.#configured) return;
    this.#configured = targets;
    for (const [name, { jenkins }] of this.#entries) {
      if (targets.has(name)) continue;
      this.#entries.delete(name);
      void jenkins?.close();
    }
    for (const config of targets.values()) this.#refresh(config);
  }

  find(target: string): Entry {
    const entry = this.#entries.get(target);
    if (entry !== undefined) return entry;
    throw new NodepoolError('unavailable', `target ${target} is no longer in the configuration`);
  }

  /** Calls the Jenkins of a target, and tells how long that took. */
  async call<T>(target: string, task: string, run: (jenkins: Jenkins) => Promise<T>): Promise<T> {
    const { clock, onCall } = this.#deps;
    const { jenkins } = this.find(target);
    if (jenkins === null) throw new NodepoolError('unavailable', `target ${target} has no Jenkins any more`);
    const startedAt = clock.now();
    try {
      return await run(jenkins);
    } finally {
      onCall({ target, task, ms: clock.now() - startedAt });
    }
  }

  async close(): Promise<void> {
    const open = Array.from(this.#entries.values(), ({ jenkins }) => jenkins).filter((jenkins) => jenkins !== null);
    await Promise.all(open.map((jenkins) => jenkins.close()));
  }

  #refresh(config: TargetConfig): void {
    const old = this.#entries.get(config.name);
    if (old !== undefined && hasSameJenkins(old.config, config)) {
      this.#entries.set(config.name, { config, jenkins: old.jenkins });
      return;
    }
    void old?.jenkins?.close();
    this.#entries.set(config.name, { config, jenkins: openJenkins(config, this.#deps) });
  }
}

function hasSameJenkins(a: TargetConfig, b: TargetConfig): boolean {
  return isDeepStrictEqual(a.jenkins, b.jenkins) && a.rateMs === b.rateMs;
}

function openJenkins({ name, jenkins, rateMs }: TargetConfig, { clock, log }: TargetsDeps): Jenkins | null {
  if (!hasJenkins(jenkins)) return null;
  const { url, user, apikey } = jenkins as { url: string; user: string; apikey: string };
  try {
    return createJenkins({ url, user, apikey, rateMs }, { clock });
  } catch (error) {
    log.warn({ target: name, error: describeError(error) }, 'the Jenkins of the target cannot be used');
    return null;
  }
}

/** A node waits here for a launcher, not in a queue: there it could not be called back, and would be lost with the server. */
function requireLauncher(target: string, gearman: TargetsDeps['gearman']): void {
  const name = assignFunction(target);
  if (gearman.hasWorkers(name)) return;
  const isConnected = gearman.connections().some((connection) => connection.describe().connected);
  const why = isConnected ? `no launcher has registered the function ${name}` : 'there is no connection';
  throw new NodepoolError('unavailable', `${why} at the Gearman servers`);
}

/** Nobody waits for it: a launcher that is away has lost its nodes anyway. */
function revoke({ gearman, log }: TargetsDeps, { nodename, manager }: { nodename: string; manager: string }): void {
  void gearman.submit(revokeJob(manager, nodename)).catch((error: unknown) => {
    // The node goes all the same.
    log.debug({ node: nodename, manager, error: describeError(error) }, 'revoking a node failed');
  });
}

function agentOf(node: HandedNode, config: JenkinsConfig | null): Parameters<Jenkins['addAgent']>[0] {
  const { nodename, host, label, username, privateKeyPath, userHome, hostKey, isOnTest } = node;
  return {
    name: nodename,
    host,
    port: SSH_PORT,
    description: `Dynamic single use ${label} node`,
    label: isOnTest ? null : label,
    remoteRoot: userHome,
    credentialsId: config?.credentialsId ?? null,
    username,
    privateKeyPath,
    hostKey,
  };
}

/** Waits for a launcher as long as it takes. One that takes the node when nobody waits any more is told that it is gone. */
async function assign(
  deps: TargetsDeps,
  { target, node }: { target: string; node: HandedNode },
  signal: AbortSignal,
): Promise<string> {
  const { nodename, host, label, userHome: root } = node;
  const what = `handing over node ${nodename}`;
  if (signal.aborted) throw new NodepoolError('aborted', `${what} was abandoned`);
  const answer = deps.gearman.submit(assignJob(target, { nodename, host, label, root })).then(parseAssignAnswer);
  try {
    return (await orAborted(answer, { signal, what })).manager;
  } catch (error) {
    const ignore = (): void => undefined;
    if (signal.aborted) answer.then(({ manager }) => revoke(deps, { nodename, manager }), ignore);
    throw error;
  }
}
