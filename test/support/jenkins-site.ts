/**
 * A site whose targets have Jenkins servers: strict doubles, which daemons speak to over HTTP. Job events come as
 * publishers send them.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { Config, JenkinsConfig, TargetConfig } from '../../src/config/types.ts';
import { createJobNews, type JobNews } from '../../src/daemon/job-news.ts';
import { noDemand } from '../../src/demand/no-demand.ts';
import { noGearman } from '../../src/gearman/no-gearman.ts';
import type { JobEvent } from '../../src/job-events/job-event.ts';
import type { NodeRecord } from '../../src/lifecycle/records.ts';
import { silentLog, type Log } from '../../src/lib/log.ts';
import { nullMetrics } from '../../src/metrics/statsd.ts';
import type { Store } from '../../src/store/store.ts';
import { createTargets } from '../../src/targets/targets.ts';
import {
  createJenkinsDouble,
  CREDENTIALS,
  type JenkinsDouble,
  type JenkinsDoubleOptions,
} from '../../tools/jenkins-double/index.ts';
import { aTarget } from './builders.ts';
import type { Death } from './mortal.ts';
import { createSite, drive, startDaemon, type Daemon, type Goal, type Site } from './site.ts';
import { openFreshStore, type DatabaseKind } from './with-database.ts';

/** Starts a Jenkins, for as long as the test runs. */
export async function startJenkins(options: JenkinsDoubleOptions = {}): Promise<JenkinsDouble> {
  const jenkins = createJenkinsDouble(options);
  await jenkins.start();
  onTestFinished(() => jenkins.close());
  return jenkins;
}

/** The target that a Jenkins serves. */
export function aJenkinsTarget(
  name: string,
  { url }: JenkinsDouble,
  overrides: Partial<JenkinsConfig> = {},
): TargetConfig {
  const { user, token } = CREDENTIALS;
  const access = { url, user, apikey: token, credentialsId: 'nodepool-key', testJob: null };
  return aTarget({ name, jenkins: { ...access, ...overrides } });
}

export class JenkinsSite {
  readonly site: Site;
  readonly store: Store;
  /** What Gearman's queues ask for, per label. */
  demand: ReadonlyMap<string, number> = new Map();
  readonly #log: Log;
  #daemon: Daemon | null = null;
  #news: JobNews | null = null;

  private constructor(site: Site, store: Store, log: Log) {
    this.site = site;
    this.store = store;
    this.#log = log;
  }

  /** A site without a daemon, on a database of its own. */
  static async open(database: DatabaseKind, config: Config, log = silentLog): Promise<JenkinsSite> {
    const site = createSite(config);
    const { store, close } = await openFreshStore(database, { clock: site.clock });
    onTestFinished(close);
    return new JenkinsSite(site, store, log);
  }

  get daemon(): Daemon {
    if (this.#daemon === null) throw new Error('no daemon was started');
    return this.#daemon;
  }

  get now(): number {
    return this.site.clock.now();
  }

  /** Starts a daemon, in place of one that was killed. */
  start(death?: Death): void {
    const { clock, config } = this.site;
    const log = this.#log;
    const targets = createTargets({ clock, log, gearman: noGearman, onCall: () => undefined });
    // It ends when the last answer is there, or the Jenkins that owes it is gone.
    onTestFinished(() => void targets.close());
    const overrides = { targets, demand: { ...noDemand, current: () => this.demand } };
    this.#daemon = startDaemon(this.site, { store: this.store, log, overrides, ...(death && { death }) });
    const news = { store: this.#daemon.store, clock, log, metrics: nullMetrics, onNews: () => undefined };
    this.#news = createJobNews({ ...news, config: () => config });
  }

  /** Lets publishers say this, and resolves when the daemon has taken it down. */
  async publish(...events: readonly (Pick<JobEvent, 'kind' | 'nodename'> & Partial<JobEvent>)[]): Promise<void> {
    for (const event of events) this.#news?.take({ job: 'unit', status: null, branch: 'master', ...event });
    await this.#news?.settled();
  }

  async nodes(): Promise<readonly NodeRecord[]> {
    return (await this.store.readPool()).nodes;
  }

  /** The node of that id; throws when there is none. */
  async node(id: number): Promise<NodeRecord> {
    const node = (await this.nodes()).find((one) => one.id === id);
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }

  /** Runs passes until this holds. Answers whether the daemon lives; throws when time is up. */
  until(holds: (nodes: readonly NodeRecord[]) => boolean, goal: Omit<Goal, 'until'> = {}): Promise<boolean> {
    return drive(this.site, this.daemon, { ...goal, until: async () => holds(await this.nodes()) });
  }

  /** Runs passes for so long. */
  async pass(ms: number, goal: Omit<Goal, 'until'> = {}): Promise<void> {
    const end = this.now + ms;
    await drive(this.site, this.daemon, { withinMs: ms + 2000, ...goal, until: async () => this.now >= end });
  }

  /** The same, while a Jenkins leaves unanswered how it is: passes do not wait for that. */
  async passUnanswered(ms: number): Promise<void> {
    const { core } = this.daemon;
    for (const end = this.now + ms; this.now < end; await this.site.clock.advance(250)) {
      await core.tick();
      while (core.inFlight().some(({ kind }) => kind !== 'check-target')) await turn();
    }
  }

  /** The nodes, when there are as many as given per target, and all are READY and registered. */
  async full(counts: Readonly<Record<string, number>>): Promise<readonly NodeRecord[]> {
    await this.until((nodes) => {
      const isThere = Object.entries(counts).every(
        ([target, count]) => nodes.filter((node) => node.target === target).length === count,
      );
      return isThere && nodes.every(({ state, registeredAt }) => state === 'ready' && registeredAt !== null);
    });
    return this.nodes();
  }
}

/** What was asked of a Jenkins and answered with that status: `POST computer/doCreateItem 302`. */
export function countRequests({ requests }: JenkinsDouble, what: RegExp): number {
  return requests.filter(({ method, path, status }) => what.test(`${method} ${path} ${status}`)).length;
}

/** Removes an agent as somebody at a browser does. */
export async function removeByHand({ url }: JenkinsDouble, agent: string): Promise<void> {
  const authorization = `Basic ${btoa(`${CREDENTIALS.user}:${CREDENTIALS.token}`)}`;
  await fetch(`${url}computer/${agent}/doDelete`, { method: 'POST', headers: { authorization }, redirect: 'manual' });
}
