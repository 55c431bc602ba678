/**
 * The Gearman jobs by which nodes are handed over to the launchers of Zuul 2.5 and taken back, as the original words
 * them. A launcher answers an assignment with its own name, the manager of the node from then on.
 */
import { createHash } from 'node:crypto';
import type { Submission } from '../gearman/jobs.ts';
import { isRecord, parseJson } from '../lib/json.ts';
import { LONGEST_NAME, oneLineFault } from '../lib/one-line.ts';
import { sayText } from '../lib/say-text.ts';
import { NodepoolError } from '../lib/errors.ts';

/** What a launcher is told of a node. */
export interface AssignedNode {
  readonly nodename: string;
  /** Its address. */
  readonly host: string;
  readonly label: string;
  /** Home directory of the user that jobs log in as. */
  readonly root: string;
}

/** The function that launchers of the target have. */
export function assignFunction(target: string): string {
  return `node_assign:${target}`;
}

/** The job that hands a node over to whichever launcher of the target takes it first. */
export function assignJob(target: string, { nodename, host, label, root }: AssignedNode): Submission {
  const name = assignFunction(target);
  // `labels` is one name, not a list: launchers take either.
  const payload = { name: nodename, host, description: `Dynamic single use ${label} node`, labels: label, root };
  // Name and address never change; what a new configuration may change does not make it another job.
  return { name, unique: idOf([name, nodename, host]), payload: JSON.stringify(payload) };
}

/** The job that tells the manager of a node that it is no more. The answer says nothing. */
export function revokeJob(manager: string, nodename: string): Submission {
  const name = `node_revoke:${manager}`;
  return { name, unique: idOf([name, nodename]), payload: JSON.stringify({ name: nodename }) };
}

/** Reads the answer to an assignment. Throws `command-failed` when it names nobody to whom a revocation can be sent. */
export function parseAssignAnswer(answer: Buffer): { readonly manager: string } {
  const text = answer.toString();
  const value = parseJson(text);
  if (isRecord(value) && isName(value.manager)) return { manager: value.manager };
  const said = sayText(text) || 'nothing';
  throw new NodepoolError('command-failed', `a node was assigned, but the answer names no manager: ${said}`);
}

/** The same for the same parts, and short enough for gearmand. */
function idOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

/** Whether it can be part of the name of a function, and fits into its column. */
function isName(value: unknown): value is string {
  return typeof value === 'string' && oneLineFault(value, LONGEST_NAME) === null;
}
