/** Plans the nodes that exist: the next step of those under way, the retirement of those that have to go. */
import type { LabelConfig, ProviderConfig } from '../config/types.ts';
import type { ServerId } from '../lib/ids.ts';
import { NODE_STATE_LIMIT_MS, TEST_LIMIT_MS, USED_SERVER_MISSING_MS } from '../lifecycle/limits.ts';
import { mayHaveServer, recordKey, type NodeRecord } from '../lifecycle/records.ts';
import { isServed } from '../lifecycle/targets.ts';
import type { Reason } from './actions.ts';
import type { Draft } from './draft.ts';
import { launchPlace, planFailure } from './places.ts';
import { isUnreachable, planCheck } from './plan-checks.ts';
import { planUseEnd } from './plan-jobs.ts';
import {
  FOREIGN_LAUNCH,
  isForeignLaunch,
  isServerMissing,
  nodeSlot,
  planSlotDeletion,
  planSlotsLaunch,
  slotSubject,
  type OwnedSlot,
} from './plan-slot.ts';
import { planJobOnHeld, planMissedEvents, planRegistration, planUnregistration } from './plan-targets.ts';

export function planNodes(draft: Draft): void {
  for (const node of draft.world.nodes) {
    if (!draft.actsOn(node.provider)) continue;
    if (node.state === 'hold') planHeld(draft, node);
    else if (node.state === 'delete') planDeletion(draft, node);
    else planLiving(draft, node);
  }
}

/** Nothing happens to a held node before its time is over, unless its Jenkins goes on giving it jobs. */
function planHeld(draft: Draft, node: NodeRecord): void {
  planJobOnHeld(draft, node);
  if (node.holdUntil === null) return;
  if (draft.world.now >= node.holdUntil) retire(draft, node, { reason: 'hold-expired' });
  else draft.wakeAt(node.holdUntil);
}

function planLiving(draft: Draft, node: NodeRecord): void {
  const departed = departedReason(draft, node);
  // Work on a node in use is not thrown away because its configuration is: it ends by itself or by age.
  if (departed !== null && node.state !== 'used') retire(draft, node, { reason: departed });
  else if (isOverAge(draft, node)) retire(draft, node, { reason: 'state-timeout' });
  else if (node.state === 'building') planLaunch(draft, node);
  else if (!retireIncomplete(draft, node)) planInService(draft, node);
}

function planInService(draft: Draft, node: NodeRecord): void {
  if (node.state === 'ready') planReady(draft, node);
  else if (node.state === 'used') planUsed(draft, node);
  else planTest(draft, node);
}

function planUsed(draft: Draft, node: NodeRecord): void {
  const reason = planUseEnd(draft, node);
  if (reason !== null) retire(draft, node, { reason, detail: node.jobName });
  else if (node.jobDoneAt === null) planMissedEvents(draft, node);
}

function register(draft: Draft, node: NodeRecord): void {
  const reason = planRegistration(draft, node);
  if (reason !== null) retire(draft, node, { reason });
}

/** A node in its acceptance test: READY when that has ended well. */
function planTest(draft: Draft, node: NodeRecord): void {
  if (node.jobDoneAt === null) register(draft, node);
  else if (node.jobResult === 'SUCCESS')
    draft.order({ kind: 'pass-test', subject: `handover:${node.id}`, reason: 'next-step', nodeId: node.id });
  else retire(draft, node, { reason: 'test-failed', detail: node.jobResult });
}

/** A set that lost a server is not handed out. Work that runs on one is left to notice it by itself. */
function retireIncomplete(draft: Draft, node: NodeRecord): boolean {
  const slots = node.state === 'ready' ? nodeSlots(node) : [nodeSlot(node)];
  for (const owned of slots) {
    const loss = lossOf(draft, owned, node);
    if (loss === null) continue;
    const { reason, fault } = loss;
    const said = [owned.ref.kind === 'node' ? null : slotSubject(owned.ref), fault].filter((part) => part !== null);
    retire(draft, node, { reason, detail: said.length === 0 ? null : said.join(': ') });
    return true;
  }
  return false;
}

interface Loss {
  readonly reason: Reason;
  /** The cloud's own words, if it has any. */
  readonly fault: string | null;
}

function lossOf(draft: Draft, owned: OwnedSlot, { state }: NodeRecord): Loss | null {
  const gone = { reason: 'server-gone', fault: null } as const;
  if (isServerMissing(draft, owned, state === 'used' ? USED_SERVER_MISSING_MS : 0)) return gone;
  if (state !== 'ready' || owned.slot.serverId === null) return null;
  const server = draft.cloud(owned.ref.provider).servers.find(owned.slot.serverId);
  if (server?.status === 'error') return { reason: 'server-error', fault: server.fault };
  return server?.status === 'deleting' ? gone : null;
}

function departedReason(draft: Draft, node: NodeRecord): Reason | null {
  const { config } = draft.world;
  if (!config.providers.has(node.provider)) return 'provider-removed';
  if (!config.labels.has(node.label)) return 'label-removed';
  if (!config.targets.has(node.target)) return 'target-removed';
  return null;
}

function isOverAge(draft: Draft, node: NodeRecord): boolean {
  if ((node.state === 'ready' && !isForsaken(draft, node)) || isUseTimed(node)) return false;
  const limit = node.stateAt + (node.state === 'test' ? TEST_LIMIT_MS : NODE_STATE_LIMIT_MS);
  // The classic column holds whole seconds: a state may be up to a second younger than it says.
  if (draft.world.now > limit + 1000) return true;
  draft.wakeAt(limit + 1001);
  return false;
}

/**
 * Whether a READY node was handed to its target, which has nobody any more to whom nodes are handed: nobody tells of its
 * use, and nobody else may have it. A job may run on it all the same, so it has the time of one that is used.
 */
function isForsaken({ world: { config } }: Draft, { target, registerAt }: NodeRecord): boolean {
  const known = config.targets.get(target);
  return registerAt !== null && known !== undefined && !isServed(known);
}

/** How long it may be used its lease says; how long it stays after a job, the job. */
function isUseTimed({ state, requestId, jobDoneAt }: NodeRecord): boolean {
  return state === 'used' && (requestId !== null || jobDoneAt !== null);
}

function planLaunch(draft: Draft, node: NodeRecord): void {
  if (!draft.world.switches.launches) return;
  const provider = draft.world.config.providers.get(node.provider) as ProviderConfig;
  const label = draft.world.config.labels.get(node.label) as LabelConfig;
  if (!provider.images.has(label.image)) return retire(draft, node, { reason: 'image-removed' });
  const slots = nodeSlots(node);
  if (slots.some(({ slot }) => isForeignLaunch(slot)))
    return retire(draft, node, { reason: 'script-interrupted', detail: FOREIGN_LAUNCH });
  const outcome = planSlotsLaunch(draft, slots, provider);
  if (outcome.is === 'failed') {
    const { ref, reason, detail, consoleOf } = outcome;
    if (ref.kind === 'node') return retire(draft, node, { reason, detail, consoleOf });
    const which = `${slotSubject(ref)}: ${detail ?? reason}`;
    return retire(draft, node, { reason: 'subnode-failed', detail: which, consoleOf });
  }
  if (outcome.is !== 'up') return;
  // The ready script cannot be repeated, and what an interrupted one did cannot be seen.
  if (node.scriptAt !== null && !draft.isBusy(`node:${node.id}`))
    return retire(draft, node, { reason: 'script-interrupted' });
  draft.order({ kind: 'prepare-node', subject: `node:${node.id}`, reason: 'next-step', nodeId: node.id });
}

function planReady(draft: Draft, node: NodeRecord): void {
  if (isUnreachable(draft, node)) return retire(draft, node, { reason: 'unreachable' });
  planCheck(draft, node);
  register(draft, node);
  planMissedEvents(draft, node);
}

const FAILURES: ReadonlySet<Reason> = new Set<Reason>([
  'server-error',
  'create-failed',
  'launch-timeout',
  'boot-timeout',
  'subnode-failed',
  'script-failed',
  'unreachable',
]);

interface Retirement {
  readonly reason: Reason;
  readonly detail?: string | null;
  readonly consoleOf?: ServerId | null;
}

function retire(draft: Draft, node: NodeRecord, { reason, detail = null, consoleOf = null }: Retirement): void {
  if (!draft.world.switches.deletes) return;
  const label = draft.world.config.labels.get(node.label);
  // A cloud that loses what it has just accepted must not be asked again and again without a pause.
  const isFailedLaunch = FAILURES.has(reason) || (reason === 'server-gone' && node.state === 'building');
  const isFailure = isFailedLaunch && planFailure(draft, launchPlace(node, label?.image ?? null));
  const subject = `node:${node.id}` as const;
  draft.order({ kind: 'retire-node', subject, reason, nodeId: node.id, detail, isFailure, consoleOf });
}

function planDeletion(draft: Draft, node: NodeRecord): void {
  if (!draft.world.switches.deletes) return;
  const subject = `node:${node.id}` as const;
  const slots = nodeSlots(node);
  const isForgotten = planUnregistration(draft, node) && !draft.isBusy(`handover:${node.id}`);
  if (!draft.world.clouds.has(node.provider)) {
    // Nobody can reach this cloud any more. The event keeps the ids; should the provider come back, the sweep
    // finds the servers by their tags.
    const abandoned = slots.flatMap(({ slot }) => (slot.serverId === null ? [] : [slot.serverId]));
    if (isForgotten)
      draft.order({ kind: 'remove-node', subject, reason: 'provider-removed', nodeId: node.id, abandoned });
    return;
  }
  let areGone = true;
  for (const owned of slots)
    areGone = planSlotDeletion(draft, owned) && !draft.isBusy(slotSubject(owned.ref)) && areGone;
  if (!areGone) return;
  if (isForgotten) draft.order({ kind: 'remove-node', subject, reason: 'gone', nodeId: node.id, abandoned: [] });
  else forgetServers(draft, slots);
}

/** What waits for its target alone takes no more places at its provider. */
function forgetServers(draft: Draft, slots: readonly OwnedSlot[]): void {
  for (const { ref, slot } of slots) {
    if (!mayHaveServer(slot)) continue;
    draft.order({ kind: 'forget-server', subject: slotSubject(ref), reason: 'gone', slot: ref });
  }
}

/** The servers of the node: its own first. */
function nodeSlots(node: NodeRecord): readonly OwnedSlot[] {
  if (node.subnodes.length === 0) return [nodeSlot(node)];
  const subnodes = node.subnodes.map((subnode) => ({
    ref: { kind: 'subnode' as const, id: subnode.id, provider: node.provider, key: recordKey('subnode', subnode) },
    slot: subnode,
  }));
  return [nodeSlot(node), ...subnodes];
}
