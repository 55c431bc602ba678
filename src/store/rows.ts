/**
 * Rows as tuples in the order of the column lists (reading thousands as objects costs three times as much), and
 * what they mean. A row in a state that no version of Nodepool has written is left out: it is somebody else's,
 * and nothing can be said about it.
 */
import { cloudImageId, serverId } from '../lib/ids.ts';
import { stateFromCode } from '../lifecycle/node-states.ts';
import type { ImageRecord, NodeRecord, ServerSlot, SubnodeRecord } from '../lifecycle/records.ts';

type SlotRow = readonly [
  attempt: number,
  attemptAt: number | null,
  activeAt: number | null,
  reachableAt: number | null,
  deleteAt: number | null,
  ip: string | null,
  ipPrivate: string | null,
  hostKey: string | null,
  createdAt: number | null,
];
const SLOT_COLUMNS = 'attempt, attempt_ms, active_ms, reachable_ms, delete_ms, ip, ip_private, host_key, created_ms';

export type NodeRow = readonly [
  id: number,
  provider: string,
  label: string,
  target: string,
  manager: string | null,
  hostname: string | null,
  nodename: string | null,
  az: string | null,
  state: number | null,
  stateTime: number | null,
  comment: string | null,
  reason: string | null,
  imageId: number | null,
  scriptAt: number | null,
  checkedAt: number | null,
  checkFailures: number,
  heldFrom: number | null,
  holdUntil: number | null,
  heldBy: number | null,
  requestId: number | null,
  registerAt: number | null,
  registeredAt: number | null,
  testAt: number | null,
  jobName: string | null,
  jobResult: string | null,
  jobDoneAt: number | null,
  serverId: string | null,
  ...slot: SlotRow,
];
export const NODE_COLUMNS = `id, provider_name, label_name, target_name, manager_name, hostname, nodename, az, state, state_time, comment, reason, image_id, script_ms, checked_ms, check_failures, held_from, hold_until_ms, held_by, request_id, register_ms, registered_ms, test_ms, job_name, job_result, done_ms, external_id, ${SLOT_COLUMNS}`;

/** Without its subnodes. */
export function nodeFromRow(row: NodeRow): NodeRecord | null {
  const [id, provider, label, target, manager, hostname, nodename, az, code, seconds, ...more] = row;
  const [comment, reason, imageId, scriptAt, checkedAt, checkFailures, held, ...late] = more;
  const [
    holdUntil,
    heldBy,
    requestId,
    registerAt,
    registeredAt,
    testAt,
    jobName,
    jobResult,
    jobDoneAt,
    server,
    ...slot
  ] = late;
  const state = stateFromCode(code ?? 0);
  if (state === null) return null;
  const stateAt = toMs(seconds);
  const heldFrom = stateFromCode(held ?? 0);
  const names = { provider, label, target, manager, hostname, nodename, az };
  const facts = { comment, reason, imageId, scriptAt, checkedAt, checkFailures };
  const use = { holdUntil, heldBy, requestId, registerAt, registeredAt, testAt, jobName, jobResult, jobDoneAt };
  return {
    id,
    state,
    stateAt,
    heldFrom: heldFrom === 'ready' || heldFrom === 'used' ? heldFrom : null,
    subnodes: [],
    ...names,
    ...facts,
    ...use,
    ...slotFromRow(slot, server, stateAt),
  };
}

export type SubnodeRow = readonly [
  id: number,
  nodeId: number,
  hostname: string | null,
  state: number | null,
  stateTime: number | null,
  serverId: string | null,
  ...slot: SlotRow,
];
export const SUBNODE_COLUMNS = `id, node_id, hostname, state, state_time, external_id, ${SLOT_COLUMNS}`;

export function subnodeFromRow(row: SubnodeRow): SubnodeRecord | null {
  const [id, nodeId, hostname, code, seconds, server, ...slot] = row;
  const state = buildStateFromCode(code);
  if (state === null) return null;
  const stateAt = toMs(seconds);
  return { id, nodeId, hostname, state, stateAt, ...slotFromRow(slot, server, stateAt) };
}

export type ImageRow = readonly [
  id: number,
  provider: string,
  image: string,
  hostname: string | null,
  version: number | null,
  cloudImageId: string | null,
  state: number | null,
  stateTime: number | null,
  reason: string | null,
  username: string | null,
  setupAt: number | null,
  setupDoneAt: number | null,
  saveAt: number | null,
  saveAttempt: number,
  diskImageId: number | null,
  progressBytes: number | null,
  withdrawnAt: number | null,
  launchesOk: number,
  launchesFailed: number,
  serverId: string | null,
  ...slot: SlotRow,
];
export const IMAGE_COLUMNS = `id, provider_name, image_name, hostname, version, external_id, state, state_time, reason, username, setup_ms, setup_done_ms, save_ms, save_attempt, dib_image_id, progress_bytes, withdrawn_ms, launches_ok, launches_failed, server_external_id, ${SLOT_COLUMNS}`;

export function imageFromRow(row: ImageRow): ImageRecord | null {
  const [id, provider, image, hostname, version, cloudImage, code, seconds, reason, username, ...more] = row;
  const [setupAt, setupDoneAt, saveAt, saveAttempt, diskImageId, progressBytes, withdrawnAt, ...last] = more;
  const [launchesOk, launchesFailed, server, ...slot] = last;
  const state = buildStateFromCode(code);
  if (state === null) return null;
  const stateAt = toMs(seconds);
  const names = { provider, image, hostname, version: version ?? 0 };
  const facts = { reason, username, setupAt, setupDoneAt, saveAt, saveAttempt };
  const upload = { diskImageId, progressBytes, withdrawnAt, launchesOk, launchesFailed };
  return {
    id,
    cloudImageId: cloudImage ? cloudImageId(cloudImage) : null,
    state,
    stateAt,
    ...names,
    ...facts,
    ...upload,
    ...slotFromRow(slot, server, stateAt),
  };
}

function slotFromRow(row: SlotRow, server: string | null, stateAt: number): ServerSlot {
  const [attempt, attemptAt, activeAt, reachableAt, deleteAt, ip, ipPrivate, hostKey, createdAt] = row;
  return {
    serverId: server ? serverId(server) : null,
    attempt,
    attemptAt,
    activeAt,
    reachableAt,
    deleteAt,
    ip,
    ipPrivate,
    hostKey,
    // A row that foreign SQL inserted has none until our first write.
    createdAt: createdAt ?? stateAt,
  };
}

export function toMs(seconds: number | null): number {
  return (seconds ?? 0) * 1000;
}

/** State of an image or subnode, which know only three. */
export function buildStateFromCode(code: number | null): 'building' | 'ready' | 'delete' | null {
  const state = stateFromCode(code ?? 0);
  return state === 'building' || state === 'ready' || state === 'delete' ? state : null;
}
