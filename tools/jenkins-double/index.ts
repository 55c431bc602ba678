/**
 * A strict double of the part of Jenkins' HTTP interface that Nodepool uses, served on a port of 127.0.0.1 by the process
 * that makes it.
 *
 * No Jenkins was at hand to compare it with. It is written after the sources of Jenkins (2.579, `ComputerSet`, `Computer`,
 * `ParameterizedJobMixIn`, `ParametersDefinitionProperty`, `CrumbFilter`, `DefaultCrumbIssuer`, `BasicHeaderProcessor`,
 * `Api`, `Failure`), of Stapler (how forms are bound, redirections, wrong methods) and of the plugin ssh-slaves, and their
 * tests:
 * - `api/json` and `computer/api/json` with `tree`;
 * - `computer/doCreateItem`: 302 to the list of agents; 400 for a name that is bad or taken; 500 for a form that cannot be
 *   bound; 404 for another method than POST;
 * - `computer/NAME/doDelete`: 302; 404; 405. `computer/NAME/config.xml`: GET and POST;
 * - `job/NAME/buildWithParameters`: 201, or 303 where it waits already; 400 when it has no parameters; 409 when it is
 *   disabled; parameters that it is not defined with are dropped;
 * - 401 for wrong credentials; a login page with 403 for none; 403 for a POST without a crumb of its own web session, unless
 *   it came with an API token (since 2.96); `crumbIssuer/api/json`, with a new session where there is none, or 404.
 *
 * Unlike the real one: agents come online at once, and builds start and end as a test says; an agent that is deleted is gone
 * at once, with its build; fields of forms that Jenkins would pass over are refused; only what the program asks for is there.
 */
import type { AddressInfo } from 'node:net';
import { systemClock, type Clock } from '../../src/lib/clock.ts';
import { createAccess, type Credentials } from './access.ts';
import { createFaultBook, type FaultRule } from './faults.ts';
import { createFront, type RequestRecord } from './front.ts';
import { Hall, type Agent, type JobOptions, type QueuedJob } from './hall.ts';
import { parseXml } from './xml.ts';

export type { Fault, FaultMatch, FaultRule } from './faults.ts';
export type { RequestRecord } from './front.ts';
export type { Agent, JobOptions, QueuedJob } from './hall.ts';

export const CREDENTIALS: Credentials = {
  user: 'nodepool',
  token: '110123456789abcdef0123456789abcdef',
  password: 'a-password-of-the-double',
};

export interface JenkinsDoubleOptions {
  /** For slow answers; absent: the system's. */
  readonly clock?: Clock;
  readonly credentials?: Credentials;
  /** Whether there is a crumb issuer; absent: there is. */
  readonly hasCrumbs?: boolean;
  /** `/jenkins`; absent: none. */
  readonly prefix?: string;
  readonly jobs?: readonly JobOptions[];
}

export interface JenkinsDouble {
  /** With a slash at its end; known once it has started. */
  readonly url: string;
  readonly requests: readonly RequestRecord[];
  /** Listens, after {@link close} at the same port again. */
  start(): Promise<void>;
  /** Cuts all connections off and refuses others. What it knows stays. */
  close(): Promise<void>;
  /** As they are at this moment. */
  agents(): readonly Readonly<Agent>[];
  /** The label in the configuration of an agent. */
  labelOf(agent: string): string;
  queue(): readonly QueuedJob[];
  /** Starts a build, of the job in the queue if it waits there. */
  runBuild(agent: string, job: string): void;
  endBuild(agent: string): void;
  setQuietingDown(isQuietingDown: boolean): void;
  /** As after a restart: crumbs and their sessions are not valid any more. */
  endSessions(): void;
  fault(rule: FaultRule): void;
  clearFaults(): void;
}

/** Does not listen yet. */
export function createJenkinsDouble(options: JenkinsDoubleOptions = {}): JenkinsDouble {
  const { clock = systemClock, credentials = CREDENTIALS, hasCrumbs = true, jobs = [] } = options;
  const prefix = `${options.prefix ?? ''}/`;
  const hall = new Hall(jobs);
  const access = createAccess(credentials, hasCrumbs);
  const faults = createFaultBook();
  const requests: RequestRecord[] = [];
  const server = createFront({ prefix, clock, faults, requests, site: { hall, access } });
  let port = 0;
  const agentOf = (name: string): Agent => {
    const agent = hall.agents.get(name);
    if (!agent) throw new Error(`the double has no agent ${name}`);
    return agent;
  };

  return {
    get url() {
      return `http://127.0.0.1:${port}${prefix}`;
    },
    requests,
    start: async () => {
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      ({ port } = server.address() as AddressInfo);
    },
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
    agents: () => [...hall.agents.values()].map((agent) => ({ ...agent })),
    labelOf: (name) => {
      const { children = [] } = parseXml(agentOf(name).configXml) ?? {};
      return children.find((element) => element.name === 'label')?.text ?? '';
    },
    queue: () => [...hall.queue],
    runBuild: (name, job) => {
      const agent = agentOf(name);
      if (agent.build !== null) throw new Error(`agent ${name} of the double is busy`);
      const waiting = hall.queue.findIndex((item) => item.job === job);
      if (waiting >= 0) hall.queue.splice(waiting, 1);
      agent.build = job;
    },
    endBuild: (name) => {
      agentOf(name).build = null;
    },
    setQuietingDown: (isQuietingDown) => {
      hall.isQuietingDown = isQuietingDown;
    },
    endSessions: access.endSessions,
    fault: faults.arm,
    clearFaults: faults.clear,
  };
}
