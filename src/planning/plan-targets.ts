/**
 * Plans what concerns targets that hand nodes out themselves: the Jenkins of a target is asked how it is, nodes are
 * registered there and with Gearman workers, tested, and taken away again before they go.
 *
 * Registering is repeated until it has worked; what was tried is on record before, so that whatever may have been
 * registered is taken away in the end. The acceptance test is started once.
 */
import type { TargetConfig } from '../config/types.ts';
import type { NodeRecord } from '../lifecycle/records.ts';
import { hasJenkins, isServed } from '../lifecycle/targets.ts';
import type { Reason } from './actions.ts';
import type { Draft } from './draft.ts';
import type { Agent, TargetAnswer } from './world.ts';

/** A job or an agent has to be missing at its Jenkins for so long: events may be late, and builds take a while to begin. */
const MISSING_MS = 30_000;
/** The classic column holds whole seconds: what began in one may be up to a second younger than it says. */
const SECOND_MS = 1000;

export interface TargetSurvey {
  /** Names of those that get nodes, in the order of the configuration. */
  readonly online: readonly string[];
  /**
   * Those whose nodes count: that a Jenkins has not been asked yet, as after a restart, is no reason to launch what it
   * has anew elsewhere.
   */
  readonly counted: ReadonlySet<string>;
}

/** Notes the targets that get no nodes. */
export function surveyTargets(draft: Draft): TargetSurvey {
  const online: string[] = [];
  const counted = new Set<string>();
  for (const target of draft.world.config.targets.values()) {
    const { name } = target;
    const absence = findAbsence(draft, target);
    if (absence === null) online.push(name);
    else draft.note(`target ${name}`, `gets no nodes: ${absence}`);
    if (absence === null || !isKnown(draft, name)) counted.add(name);
  }
  return { online, counted };
}

/** Why a target gets no nodes now; null: it is online. */
function findAbsence(draft: Draft, target: TargetConfig): string | null {
  return findRefusal(draft, target) ?? findJenkinsAbsence(draft, target);
}

function findRefusal(draft: Draft, { name, assignViaGearman }: TargetConfig): string | null {
  const { refusal = null } = draft.world.targets.get(name) ?? {};
  if (!assignViaGearman || refusal === null || refusal.until <= draft.world.now) return null;
  draft.wakeAt(refusal.until);
  const offeredAt = new Date(refusal.until).toISOString();
  return `its launchers refused a node, the next one is offered at ${offeredAt}: ${refusal.error}`;
}

function findJenkinsAbsence(draft: Draft, target: TargetConfig): string | null {
  if (!hasJenkins(target.jenkins)) return null;
  const { answer = null, problem = null } = draft.world.targets.get(target.name) ?? {};
  if (answer !== null) return answer.isQuietingDown ? 'its Jenkins is quieting down' : null;
  return problem === null ? 'its Jenkins has not answered yet' : `its Jenkins does not answer: ${problem}`;
}

/** Whether its Jenkins was asked, with whatever result. */
function isKnown(draft: Draft, name: string): boolean {
  const { answer = null, problem = null } = draft.world.targets.get(name) ?? {};
  return answer !== null || problem !== null;
}

/** Whether its Jenkins was asked in vain. */
function isAway(draft: Draft, { name, jenkins }: TargetConfig): boolean {
  return hasJenkins(jenkins) && isKnown(draft, name) && draft.world.targets.get(name)?.answer === null;
}

/** Asks the Jenkins of each target now and then: each daemon that acts does, for what it plans by the answers. */
export function planTargetChecks(draft: Draft): void {
  const { config, targets, now, switches } = draft.world;
  if (!switches.launches && !switches.deletes) return;
  if (!draft.world.leases.has('supply') && ![...config.providers.keys()].some((name) => draft.holds(name))) return;
  for (const { name, jenkins } of config.targets.values()) {
    if (!hasJenkins(jenkins)) continue;
    const dueAt = targets.get(name)?.dueAt ?? 0;
    if (dueAt > now) draft.wakeAt(dueAt);
    else draft.order({ kind: 'check-target', subject: `target:${name}`, reason: 'status-needed', target: name });
  }
}

/**
 * Registers a node that is to be used, and has it tested where that is wanted. Answers why it has to go instead; null: it
 * has not.
 */
export function planRegistration(draft: Draft, node: NodeRecord): Reason | null {
  const target = draft.world.config.targets.get(node.target);
  if (target === undefined || !draft.world.switches.launches) return null;
  const subject = `handover:${node.id}` as const;
  if (isHandoverLost(draft, node, target)) return 'handover-lost';
  if (node.registeredAt === null) {
    if (isServed(target) && findAbsence(draft, target) === null)
      draft.order({ kind: 'register-node', subject, reason: 'handover', nodeId: node.id });
  } else if (node.state === 'test' && node.testAt === null) {
    draft.order({ kind: 'start-test', subject, reason: 'next-step', nodeId: node.id });
  }
  return null;
}

/** Whether a Gearman worker may have taken the node, and nobody knows which: another must not get it, too. */
function isHandoverLost(draft: Draft, node: NodeRecord, { assignViaGearman }: TargetConfig): boolean {
  if (!assignViaGearman || node.registerAt === null || node.registeredAt !== null) return false;
  return !draft.isUnderWay(`handover:${node.id}`);
}

/** What the Jenkins of its target last said; null: there is none, or that does not count. */
function answerFor({ world: { config, targets } }: Draft, { target }: NodeRecord): TargetAnswer | null {
  if (!hasJenkins(config.targets.get(target)?.jenkins ?? null)) return null;
  return targets.get(target)?.answer ?? null;
}

/** What its Jenkins shows of a node's job, if events were missed. */
export function planMissedEvents(draft: Draft, node: NodeRecord): void {
  const target = draft.world.config.targets.get(node.target);
  const answer = answerFor(draft, node);
  const { registerAt, registeredAt } = node;
  if (target === undefined || answer === null || registerAt === null) return;
  const sight = { target, answer, agent: answer.agents.get(node.nodename ?? '') };
  // A job may begin, and the daemon die, before it is on record that the node was registered.
  if (node.state === 'used') planSeenJob(draft, node, sight);
  else if (registeredAt !== null) planSeenAgent(draft, { ...node, registeredAt }, sight);
}

interface Sight {
  readonly target: TargetConfig;
  readonly agent: Agent | undefined;
  readonly answer: TargetAnswer;
}

/** A READY node on which a job runs all the same, or that its Jenkins has lost. */
function planSeenAgent(
  draft: Draft,
  node: NodeRecord & { readonly registeredAt: number },
  { target, agent, answer: { takenAt } }: Sight,
): void {
  // Answers from before tell of its acceptance test, or that it was not registered yet.
  if (takenAt <= Math.max(node.registeredAt, node.stateAt + SECOND_MS)) return;
  if (agent?.isBusy === true) return orderNote(draft, node, 'started');
  // A Gearman worker that has taken the node must not be asked for once more.
  if (agent !== undefined || target.assignViaGearman || !draft.world.switches.launches) return;
  if (draft.seenFor(`agent of node ${node.id} is gone`, takenAt) < MISSING_MS) return;
  draft.order({ kind: 'register-node', subject: `handover:${node.id}`, reason: 'handover', nodeId: node.id });
}

/** A job that its Jenkins shows on a node that was READY when it was held: given back, it must not get another one. */
export function planJobOnHeld(draft: Draft, node: NodeRecord): void {
  const { heldFrom, registeredAt, stateAt, nodename } = node;
  const answer = answerFor(draft, node);
  if (heldFrom !== 'ready' || registeredAt === null) return;
  if (answer === null || answer.takenAt <= stateAt + SECOND_MS) return;
  if (answer.agents.get(nodename ?? '')?.isBusy === true) orderNote(draft, node, 'started');
}

/** A node whose job is not there any more. */
function planSeenJob(draft: Draft, node: NodeRecord, { agent, answer: { takenAt } }: Sight): void {
  // Answers from before the job began say nothing about its end.
  if (agent?.isBusy === true || takenAt <= node.stateAt + SECOND_MS) return;
  if (draft.seenFor(`job of node ${node.id} is not seen`, takenAt) >= MISSING_MS) orderNote(draft, node, 'ended');
}

function orderNote(draft: Draft, { id }: NodeRecord, seen: 'started' | 'ended'): void {
  draft.order({ kind: 'note-job', subject: `node:${id}`, reason: 'job-seen', nodeId: id, seen });
}

/**
 * Takes a node that goes away from its target; true when nothing of it is left there. It goes beside the deletion of its
 * servers: a Jenkins that is away for a day must not keep them.
 */
export function planUnregistration(draft: Draft, node: NodeRecord): boolean {
  if (node.registerAt === null) return true;
  const target = draft.world.config.targets.get(node.target);
  // What is not configured any more cannot be told.
  if (target === undefined || !isServed(target)) return true;
  const subject = `handover:${node.id}` as const;
  // One that is known to be away is not asked anew for each node.
  if (!isAway(draft, target)) draft.order({ kind: 'unregister-node', subject, reason: 'handover', nodeId: node.id });
  return false;
}
