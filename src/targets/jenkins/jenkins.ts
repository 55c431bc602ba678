/**
 * A Jenkins that gets nodes as agents and runs jobs on them, over its remote access API
 * (https://www.jenkins.io/doc/book/using/remote-access-api). Nothing is repeated in here: whoever calls looks again later.
 */
import type { Clock } from '../../lib/clock.ts';
import { NodepoolError } from '../../lib/errors.ts';
import { describeAgent } from './agent-form.ts';
import { relabel, textOf } from './config-xml.ts';
import type { Answer } from './exchange.ts';
import type { Call, JenkinsSettings } from './sender.ts';
import { createSession, type Json, type Session } from './session.ts';

export interface JenkinsAgent {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly description: string;
  /** null: none, so no job finds it yet */
  readonly label: string | null;
  /** Its working directory. */
  readonly remoteRoot: string;
  readonly credentialsId: string | null;
  /** Used when there is no `credentialsId`: the user, and the path of the key on the host of Jenkins. */
  readonly username: string;
  readonly privateKeyPath: string;
  /** `ssh-ed25519 AAAA...`; null: not known, and any is accepted */
  readonly hostKey: string | null;
}

export interface JenkinsComputer {
  readonly name: string;
  /** A build runs on it. */
  readonly isBusy: boolean;
}

export interface JenkinsStatus {
  /** It starts no builds. */
  readonly isQuietingDown: boolean;
  /** The built-in one is among them. */
  readonly computers: readonly JenkinsComputer[];
}

/**
 * All calls reject with `auth`, `throttled`, `unavailable` and `aborted`, and those that change something with `rejected`.
 * After `unavailable` it may have been done.
 */
export interface Jenkins {
  /** One request for the mode and one for all computers, however many. */
  status(signal: AbortSignal): Promise<JenkinsStatus>;
  /** One of that name and address that is there already counts as added; what is left of an earlier node is replaced. */
  addAgent(agent: JenkinsAgent, signal: AbortSignal): Promise<void>;
  /** One that is not there counts as removed. */
  removeAgent(name: string, signal: AbortSignal): Promise<void>;
  /** Gives the agent exactly this label. Rejects with `not-found` when there is none. */
  labelAgent(name: string, label: string, signal: AbortSignal): Promise<void>;
  /**
   * Puts a job, `folder/job` or `job`, into the queue. Parameters that it does not have are dropped by Jenkins. Rejects
   * with `not-found` when there is no such job, or the user may not see it.
   */
  startJob(job: string, parameters: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
  /** Ends when the requests under way have ended. */
  close(): Promise<void>;
}

/** Connects to nothing yet. Throws `config` when `url` is no address. */
export function createJenkins(settings: JenkinsSettings, { clock }: { readonly clock: Clock }): Jenkins {
  const session = createSession(settings, clock);
  return {
    status: async (signal) => {
      const isQuietingDown = await readMode(session, signal);
      return { isQuietingDown, computers: await readComputers(session, signal) };
    },
    addAgent: (agent, signal) => addAgent(session, agent, signal),
    removeAgent: (name, signal) => removeAgent(session, name, signal),
    labelAgent: (name, label, signal) => labelAgent(session, { name, label }, signal),
    startJob: (job, parameters, signal) => startJob(session, { job, parameters }, signal),
    close: session.close,
  };
}

async function readMode(session: Session, signal: AbortSignal): Promise<boolean> {
  const call: Call = { lane: 'read', path: 'api/json', query: { tree: 'quietingDown' } };
  const { quietingDown } = await session.read(call, signal);
  if (typeof quietingDown !== 'boolean') throw session.unusable(call, 'no mode in it');
  return quietingDown;
}

async function readComputers(session: Session, signal: AbortSignal): Promise<readonly JenkinsComputer[]> {
  const query = { tree: 'computer[displayName,idle]' };
  const call: Call = { lane: 'read', path: 'computer/api/json', query };
  const { computer } = await session.read(call, signal);
  const computers = Array.isArray(computer) ? computer.map(toComputer) : [null];
  // A part of the list would make the other agents look as if they were gone.
  if (!computers.every((one) => one !== null)) throw session.unusable(call, 'no list of computers in it');
  return computers;
}

function toComputer(entry: unknown): JenkinsComputer | null {
  const { displayName, idle } = (entry ?? {}) as Json;
  if (typeof displayName !== 'string' || typeof idle !== 'boolean') return null;
  return { name: displayName, isBusy: !idle };
}

async function addAgent(session: Session, agent: JenkinsAgent, signal: AbortSignal): Promise<void> {
  const call: Call = { lane: 'create', path: 'computer/doCreateItem', body: formOf(describeAgent(agent)) };
  const isMade = (answer: Answer): boolean => leadsTo(answer, [302], COMPUTERS);
  let answer = await session.send(call, signal);
  if (isMade(answer)) return;
  // A name that is taken is refused like any other mistake.
  const there = answer.status === 400 ? await readAgent(session, agent.name, signal) : null;
  if (there?.host === agent.host) return;
  // Left over from a node of before whose row is lost: ids, and so names, come again with a new database.
  if (there?.description === agent.description) {
    await removeAgent(session, agent.name, signal);
    answer = await session.send(call, signal);
    if (isMade(answer)) return;
  }
  throw await refusal(session, { call, answer }, signal);
}

/** The first element of each name, wherever it is; null: there is no such agent. */
async function readAgent(
  session: Session,
  name: string,
  signal: AbortSignal,
): Promise<{ readonly host: string | undefined; readonly description: string | undefined } | null> {
  const { status, text } = await session.send({ lane: 'create', path: `${agentPath(name)}/config.xml` }, signal);
  return status === 200 ? { host: textOf(text, 'host'), description: textOf(text, 'description') } : null;
}

async function removeAgent(session: Session, name: string, signal: AbortSignal): Promise<void> {
  const call: Call = { lane: 'delete', path: `${agentPath(name)}/doDelete`, body: formOf({}) };
  const answer = await session.send(call, signal);
  if (leadsTo(answer, [302], COMPUTERS)) return;
  const error = await refusal(session, { call, answer }, signal);
  if (error.code !== 'not-found') throw error;
}

async function labelAgent(
  session: Session,
  { name, label }: { readonly name: string; readonly label: string },
  signal: AbortSignal,
): Promise<void> {
  const look: Call = { lane: 'equip', path: `${agentPath(name)}/config.xml` };
  const found = await session.send(look, signal);
  if (found.status !== 200) throw await refusal(session, { call: look, answer: found }, signal);
  const isXml = /^(?:application|text)\/xml\b/.test(found.headers['content-type'] ?? '');
  const text = isXml ? relabel(found.text, label) : null;
  if (text === null) throw session.unusable(look, '200, not XML');
  // Taken for a form, it would be read as one before Jenkins looks for the document.
  const call: Call = { ...look, body: { type: 'application/xml; charset=UTF-8', text } };
  const answer = await session.send(call, signal);
  if (answer.status !== 200) throw await refusal(session, { call, answer }, signal);
}

async function startJob(
  session: Session,
  { job, parameters }: { readonly job: string; readonly parameters: Readonly<Record<string, string>> },
  signal: AbortSignal,
): Promise<void> {
  const folders = job.split('/').map((part) => `job/${segment(part)}`);
  const call: Call = { lane: 'create', path: `${folders.join('/')}/buildWithParameters`, body: formOf(parameters) };
  const answer = await session.send(call, signal);
  // 303: it waits in the queue already, with the same parameters.
  if (!leadsTo(answer, [201, 303], QUEUE)) throw await refusal(session, { call, answer }, signal);
}

/** Where Jenkins sends browsers that have made or removed an agent: the list of agents, in some versions the agent. */
const COMPUTERS = /\/computer\/(?:[^/]+\/)?$/;
/** Where it says that a job waits. */
const QUEUE = /\/queue\/item\/\d+\/$/;

/** Whether it sends us to such a path. A page for logins, of a proxy before Jenkins, is a redirection as well. */
function leadsTo({ status, headers }: Answer, statuses: readonly number[], path: RegExp): boolean {
  const { location = '' } = headers;
  const base = 'http://same';
  return statuses.includes(status) && URL.canParse(location, base) && path.test(new URL(location, base).pathname);
}

/**
 * The error for an answer. A 404 is believed where Jenkins answers something else: one of a proxy that has lost it would
 * mean that nothing is there any more. Rejects when it does not.
 */
async function refusal(
  session: Session,
  { call, answer }: { readonly call: Call; readonly answer: Answer },
  signal: AbortSignal,
): Promise<NodepoolError> {
  if (answer.status === 404) await readMode(session, signal);
  return session.fault(call, answer);
}

function formOf(fields: Readonly<Record<string, string>>): NonNullable<Call['body']> {
  return { type: 'application/x-www-form-urlencoded; charset=UTF-8', text: new URLSearchParams(fields).toString() };
}

function agentPath(name: string): string {
  return `computer/${segment(name)}`;
}

/** A name as one step of a path. */
function segment(name: string): string {
  // Escaping does not keep these from meaning another path.
  if (['', '.', '..'].includes(name)) throw new NodepoolError('rejected', `"${name}" is no name for an agent or a job`);
  return encodeURIComponent(name);
}
