/**
 * What Jenkins says of its builds. The format is that of its ZMQ event publisher plugin (openstack-infra's
 * zmq-event-publisher): one message per event, which is the name of the event, a blank, and a JSON object:
 *
 *     onFinalized {"name":"gate-unit","url":"job/gate-unit/","build":{"full_url":"http://jenkins01/job/gate-unit/7/",
 *       "number":7,"phase":"FINISHED","status":"SUCCESS","url":"job/gate-unit/7/","parameters":{"ZUUL_BRANCH":"master"},
 *       "node_name":"trusty-rax-17","node_description":"...","host_name":"jenkins01"}}
 *
 * What the plugin does not know it leaves out: `status` until there is a result, `parameters` of a build without any,
 * `node_name` when no executor has the build. A build on Jenkins itself has the empty node name; so do pipelines,
 * whose steps on other nodes are not told of. `name` is the job's own name, without the folders that it is in. The text
 * is in the encoding that Jenkins' Java happens to have, so that other bytes than ASCII may mean anything.
 */

import { isRecord, parseJson } from '../lib/json.ts';
import { LONGEST_NAME } from '../lib/one-line.ts';

/** What a publisher tells of one build. Texts are printable and not longer than {@link LONGEST_NAME}. */
export interface JobEvent {
  readonly kind: 'started' | 'completed' | 'finalized';
  readonly job: string;
  /** Name of the node as Jenkins knows it. */
  readonly nodename: string;
  /** As Jenkins has it: SUCCESS, UNSTABLE, FAILURE, NOT_BUILT or ABORTED; null: none is told. */
  readonly status: string | null;
  /** That of Zuul's change, from the parameters of the build, or {@link UNKNOWN_BRANCH}. */
  readonly branch: string;
}

/** The original's word, which is part of the keys of metrics. */
export const UNKNOWN_BRANCH = 'unknown_branch';

/** A real one has a few KiB; what is longer than this is not worth the memory. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;

const KINDS: ReadonlyMap<string, JobEvent['kind']> = new Map([
  ['onStarted', 'started'],
  ['onCompleted', 'completed'],
  ['onFinalized', 'finalized'],
]);

/** Says why a good message is of no interest. */
export interface Ignored {
  readonly ignored: string;
}

/** The end of a sentence on a message, the same for all that are wrong in the same way. */
export interface Malformed {
  readonly problem: string;
}

export function parseJobEvent(message: Buffer | string): JobEvent | Ignored | Malformed {
  if (message.length > MAX_MESSAGE_BYTES) return { problem: 'is longer than 1 MiB' };
  const text = message.toString();
  const blank = text.indexOf(' ');
  if (blank === -1) return { problem: 'has no blank after the name of an event' };
  const kind = KINDS.get(text.slice(0, blank));
  if (kind === undefined) return { problem: 'has an event that is not known' };
  const told = parseJson(text.slice(blank + 1));
  if (told === undefined) return { problem: 'has something other than JSON after the name of the event' };
  return isRecord(told) ? readEvent(kind, told) : { problem: 'has JSON that is not an object' };
}

function readEvent(kind: JobEvent['kind'], { name, build }: JsonObject): JobEvent | Ignored | Malformed {
  if (!isRecord(build)) return { problem: 'has no build' };
  const { node_name: nodename, status } = build;
  if (nodename == null) return { ignored: 'it names no node' };
  if (nodename === '') return { ignored: 'the build is on Jenkins itself' };
  if (!isName(nodename)) return { problem: 'has a node name that cannot be one' };
  if (!isName(name)) return { problem: 'has no name of a job, or one that cannot be one' };
  if (status != null && !isName(status)) return { problem: 'has a status that cannot be one' };
  return { kind, job: name, nodename, status: status ?? null, branch: readBranch(build) };
}

/** Only metrics want it: that a build has ended is not to be missed because of it. */
function readBranch({ parameters }: JsonObject): string {
  const branch = isRecord(parameters) ? parameters['ZUUL_BRANCH'] : undefined;
  return isName(branch) ? branch : UNKNOWN_BRANCH;
}

type JsonObject = Readonly<Record<string, unknown>>;

/** Jenkins itself allows no control characters in names, and the files that it names after them no more characters. */
function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= LONGEST_NAME && !/\p{Cc}/u.test(value);
}
