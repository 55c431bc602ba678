/** The agents of a Jenkins, their builds, and the jobs that wait. */
import { bindAgent } from './bind-agent.ts';
import { failure, oops } from './replies.ts';
import { parseXml } from './xml.ts';

export interface JobOptions {
  /** With its folders: `folder/job`. */
  readonly name: string;
  /** Names of those that it is defined with; none: it is not parameterized. */
  readonly parameters?: readonly string[];
  readonly isDisabled?: boolean;
}

export interface QueuedJob {
  readonly id: number;
  readonly job: string;
  readonly parameters: Readonly<Record<string, string>>;
}

export interface Agent {
  readonly name: string;
  /** As it was submitted. */
  readonly json: unknown;
  configXml: string;
  /** The job that runs on it; null: none. */
  build: string | null;
}

/** `Jenkins.checkGoodName`. */
const UNSAFE = /[?*/\\%!@#$^&|<>[\]:;]/;

export class Hall {
  readonly agents = new Map<string, Agent>();
  readonly queue: QueuedJob[] = [];
  isQuietingDown = false;
  readonly #jobs: readonly JobOptions[];
  #queued = 0;

  constructor(jobs: readonly JobOptions[]) {
    this.#jobs = jobs;
  }

  /** Throws a page of 400 for a name that is bad or taken, and one of 500 for a form that cannot be bound. */
  add(submitted: string | null, form: unknown): void {
    if (submitted === null) throw failure("Query parameter 'name' is required");
    const name = submitted.trim();
    checkGoodName(name);
    if (this.agents.has(name)) throw failure(`Agent called ‘${name}’ already exists`);
    const configXml = bindAgent({ ...(form as object), name });
    this.agents.set(name, { name, json: form, configXml, build: null });
  }

  /** Throws a page of 500 for what is no configuration of that agent. */
  configure(agent: Agent, configXml: string): void {
    const root = parseXml(configXml);
    if (root?.name !== 'slave') throw oops('XStreamException: this is no agent');
    const nameOf = root.children.filter(({ name }) => name === 'name');
    if (nameOf[0]?.text !== agent.name) throw oops('the double does not rename agents');
    agent.configXml = configXml;
  }

  findJob(name: string): JobOptions | null {
    return this.#jobs.find((job) => job.name === name) ?? null;
  }

  /** The item in the queue, and whether it is a new one: one with the same parameters is not put there again. */
  enqueue({ name, parameters = [] }: JobOptions, given: URLSearchParams): { item: QueuedJob; isNew: boolean } {
    // Jenkins takes only what the job is defined with; what is missing gets its default.
    const values = Object.fromEntries(parameters.map((parameter) => [parameter, given.get(parameter) ?? '']));
    const same = (item: QueuedJob): boolean =>
      JSON.stringify([item.job, item.parameters]) === JSON.stringify([name, values]);
    const found = this.queue.find(same);
    if (found) return { item: found, isNew: false };
    this.#queued += 1;
    const item = { id: this.#queued, job: name, parameters: values };
    this.queue.push(item);
    return { item, isNew: true };
  }

  /** What the API shows of all computers, the built-in one included. */
  describeComputers(): readonly object[] {
    const builtIn = { _class: 'hudson.model.Hudson$MasterComputer', ...computer('Built-In Node', null) };
    const others = [...this.agents.values()].map((agent) => describeAgent(agent));
    return [builtIn, ...others];
  }
}

export function describeAgent({ name, build }: Agent): object {
  return { _class: 'hudson.slaves.SlaveComputer', ...computer(name, build) };
}

function computer(displayName: string, build: string | null): object {
  return { displayName, idle: build === null, offline: false, numExecutors: 1, temporarilyOffline: false };
}

function checkGoodName(name: string): void {
  if (name === '') throw failure('No name is specified');
  if (name === '.' || name === '..') throw failure(`‘${name}’ is not an allowed name`);
  const [unsafe] = UNSAFE.exec(name) ?? [];
  if (unsafe !== undefined) throw failure(`‘${unsafe}’ is an unsafe character`);
  if (name.endsWith('.')) throw failure('A name cannot end with ‘.’');
}
