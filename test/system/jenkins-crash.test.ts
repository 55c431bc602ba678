/**
 * The daemon is killed at every effect of the life of a node that a Jenkins tests and uses, before and after: on the
 * database, the cloud and the Jenkins. Another one takes over. Whatever happened, at no time is an agent there without a
 * node, none is made twice, no test is started twice, no node runs a second job, and in the end there is one new node.
 */
import { describe, expect, it } from 'vitest';
import type { Config } from '../../src/config/types.ts';
import type { NodeRecord } from '../../src/lifecycle/records.ts';
import type { JenkinsDouble } from '../../tools/jenkins-double/index.ts';
import { aConfig, aLabel, aProvider } from '../support/builders.ts';
import { aJenkinsTarget, countRequests, JenkinsSite, startJenkins } from '../support/jenkins-site.ts';
import type { Death } from '../support/mortal.ts';
import { ownedServers, serversOf } from '../support/site.ts';
import type { DatabaseKind } from '../support/with-database.ts';

const TEST_MS = 5000;
/** Longer than a Jenkins is left unasked, so that it is seen although no event told of its start. */
const JOB_MS = 15_000;

/** What a Jenkins does with its agents: runs the tests that wait, and one job where it may. */
class Builds {
  readonly #jenkins: JenkinsDouble;
  readonly #pool: JenkinsSite;
  /** Builds that run, by the names of their agents. */
  readonly #running = new Map<string, { readonly job: string; readonly endsAt: number }>();
  readonly agents = new Set<string>();
  /** Names of agents, one for each build. */
  readonly tested: string[] = [];
  readonly worked: string[] = [];
  /** There is a job that waits for an agent. */
  hasWork = false;

  constructor(jenkins: JenkinsDouble, pool: JenkinsSite) {
    this.#jenkins = jenkins;
    this.#pool = pool;
  }

  async play(): Promise<void> {
    for (const { name } of this.#jenkins.agents()) this.agents.add(name);
    for (const [name, { job, endsAt }] of this.#running) if (endsAt <= this.#pool.now) await this.#end(name, job);
    for (const { job, parameters } of this.#jenkins.queue()) await this.#begin(parameters['NODE'] ?? '', job);
    if (!this.hasWork) return;
    const free = this.#jenkins
      .agents()
      .find(({ name, build }) => build === null && this.#jenkins.labelOf(name) === 'small');
    if (free === undefined) return;
    this.hasWork = false;
    await this.#begin(free.name, 'unit');
  }

  async #begin(name: string, job: string): Promise<void> {
    const isTest = job === 'accept';
    (isTest ? this.tested : this.worked).push(name);
    this.#jenkins.runBuild(name, job);
    this.#running.set(name, { job, endsAt: this.#pool.now + (isTest ? TEST_MS : JOB_MS) });
    await this.#pool.publish({ kind: 'started', nodename: name, job });
  }

  async #end(name: string, job: string): Promise<void> {
    this.#running.delete(name);
    // Its agent may be gone, as when the test took too long.
    if (!this.#jenkins.agents().some((agent) => agent.name === name)) return;
    this.#jenkins.endBuild(name);
    await this.#pool.publish({
      kind: 'finalized',
      nodename: name,
      job,
      status: job === 'accept' ? 'SUCCESS' : 'FAILURE',
    });
  }
}

function crashConfig(jenkins: JenkinsDouble, testJob: string | null): Config {
  const provider = aProvider({ apiTimeoutMs: 5000, fake: { ...aProvider().fake, deleteTimeMs: 700 } });
  return aConfig({
    providers: [provider],
    labels: [aLabel({ minReady: 1 })],
    targets: [aJenkinsTarget('j1', jenkins, { testJob })],
  });
}

interface Run {
  readonly database: DatabaseKind;
  /** The acceptance test; null: nodes have to pass none. */
  readonly testJob: string | null;
  readonly death: Death;
}

/** Plays the life of a node up to its replacement; answers how many effects the first daemon had. */
async function play({ database, testJob, death }: Run): Promise<number> {
  const jenkins = await startJenkins({ jobs: [{ name: 'accept', parameters: ['NODE'] }] });
  const pool = await JenkinsSite.open(database, crashConfig(jenkins, testJob));
  const builds = new Builds(jenkins, pool);
  const { config } = pool.site;
  pool.site.config = { ...config, labels: new Map([['small', aLabel({ minReady: 0 })]]) };
  pool.start();
  await pool.pass(3000);
  pool.site.config = config;
  pool.start(death);
  const first = pool.daemon.mortal;
  const namesOfNodes = (nodes: readonly NodeRecord[]): (string | null)[] => nodes.map(({ nodename }) => nodename);
  const invariant = async (): Promise<void> => {
    const agents = jenkins.agents().map(({ name }) => name);
    expect(namesOfNodes(await pool.nodes()), 'nodes with their agents').toEqual(expect.arrayContaining(agents));
    await builds.play();
  };
  const isServing = (nodes: readonly NodeRecord[]): boolean =>
    nodes.length === 1 &&
    nodes.every(({ state, registeredAt }) => state === 'ready' && registeredAt !== null) &&
    nodes.every(({ nodename }) => !builds.worked.includes(nodename ?? ''));
  const reach = async (holds: (nodes: readonly NodeRecord[]) => boolean): Promise<void> => {
    while (!(await pool.until(holds, { invariant, withinMs: 1_200_000 }))) pool.start();
  };

  // A job that waits takes the first agent that it finds, at once.
  if (testJob !== null) await reach(isServing);
  builds.hasWork = true;
  await reach((nodes) => builds.worked.length === 1 && isServing(nodes));
  const nodes = await pool.nodes();
  expect(jenkins.agents().map(({ name, build }) => [name, build, jenkins.labelOf(name)])).toEqual([
    [nodes[0]!.nodename, null, 'small'],
  ]);
  expect(serversOf(pool.site).map(({ id }) => id)).toEqual(ownedServers(nodes));
  expect(countRequests(jenkins, /doCreateItem 302$/), 'agents that were made').toBe(builds.agents.size);
  expect(new Set(builds.tested).size, 'agents that were tested').toBe(builds.tested.length);
  return first.effects;
}

describe('a daemon killed at every effect', () => {
  it.each<[DatabaseKind, string, string | null]>([
    ['SQLite', 'have', 'accept'],
    ['SQLite', 'do not have', null],
  ])(
    'on %s has one agent for each node, whatever it was about to do, where nodes %s to pass a test',
    async (database, _, testJob) => {
      const effects = await play({ database, testJob, death: { at: Infinity, side: 'before' } });
      expect(effects).toBeGreaterThan(25);
      expect(effects).toBeLessThan(50);
      for (let at = 1; at <= effects; at += 1) {
        for (const side of ['before', 'after'] as const) {
          await play({ database, testJob, death: { at, side } }).catch((error: unknown) => {
            throw new Error(`killed ${side} effect ${at}: ${String(error)}`, { cause: error });
          });
        }
      }
    },
    1_200_000,
  );
});
