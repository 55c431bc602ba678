/** The last steps of a launch, on servers that all answer: `/etc/nodepool` files, ready script, READY. */
import { isNodepoolError, type ErrorCode, type NodepoolError } from '../lib/errors.ts';
import { withTimeLimit } from '../lib/time-limit.ts';
import { NODE_FILES_LIMIT_MS, READY_SCRIPT_LIMIT_MS } from '../lifecycle/limits.ts';
import type { NodeRecord, ServerSlot } from '../lifecycle/records.ts';
import { hasJenkins } from '../lifecycle/targets.ts';
import type { ActionOf, Reason } from '../planning/actions.ts';
import { launchPlace, providerPlace } from '../planning/places.ts';
import { nodeSlot } from '../planning/plan-slot.ts';
import { nodeFiles, type NodeSet, type SetServer } from '../remote/node-files.ts';
import { readyCommand } from '../remote/scripts.ts';
import type { LoginTarget } from '../remote/shell.ts';
import { findNode, type ActionContext } from './context.ts';
import { insist } from './insist.ts';
import { tallyLaunch } from './launch-tally.ts';
import { failSlot } from './retire.ts';
import { nodeImage, providerOf } from './server-spec.ts';

/** Errors of a preparation that end the launch; `config` is that of a private key that cannot be used. */
const PREPARATION_FAILURES = [
  'command-failed',
  'unreachable',
  'login-refused',
  'host-key-changed',
  'config',
] as const satisfies readonly ErrorCode[];

export async function prepareNode(
  { nodeId }: ActionOf<'prepare-node'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const node = findNode(context, nodeId);
  try {
    await writeNodeFiles(context, node, signal);
    if (!(await runReadyScript(context, node, signal))) return;
  } catch (error) {
    if (!isNodepoolError(error, ...PREPARATION_FAILURES)) throw error;
    await failSlot(context, nodeSlot(node).ref, { reason: reasonOf(error), error, counts: true, signal });
    return;
  }
  await finishLaunch(context, node, signal);
}

function reasonOf({ code }: NodepoolError): Reason {
  if (code === 'config') return 'key-unusable';
  return code === 'host-key-changed' ? code : 'script-failed';
}

async function finishLaunch(context: ActionContext, node: NodeRecord, signal: AbortSignal): Promise<void> {
  const { store, log, metrics, clock, world, failures } = context;
  const { id, provider, az, target, manager, label } = node;
  const to = hasTest(context, node) ? 'test' : 'ready';
  const event = { kind: to, reason: 'next-step', detail: node.ip };
  const move = { id, from: 'building', to, by: 'launch', patch: { reason: null }, event } as const;
  if (!(await insist(clock, signal, () => store.moveNode(move)))) return;
  const ms = clock.now() - node.createdAt;
  log.info({ node: id, provider, label, ip: node.ip, ms }, `node ${to === 'test' ? 'goes on test' : 'ready'}`);
  await tallyLaunch(context, node, null);
  const image = world.config.labels.get(label)?.image ?? null;
  metrics.launchEnded({ result: 'ready', provider, az, image, target, manager, ms });
  await failures.clear(launchPlace(node, image), world.failures);
  await failures.clear(providerPlace(provider), world.failures, node.attemptAt ?? 0);
}

/** Whether its Jenkins is to run an acceptance test on it first. */
function hasTest({ world }: ActionContext, { target }: NodeRecord): boolean {
  const jenkins = world.config.targets.get(target)?.jenkins ?? null;
  return hasJenkins(jenkins) && jenkins?.testJob != null;
}

async function writeNodeFiles(context: ActionContext, node: NodeRecord, signal: AbortSignal): Promise<void> {
  const { shell } = context.provider(node.provider);
  const set = await nodeSet(context, node);
  const limit = { clock: context.clock, ms: NODE_FILES_LIMIT_MS, what: 'writing the /etc/nodepool files' };
  await withTimeLimit(limit, signal, async (own) => {
    // Subnodes come first and the primary last, so that the primary finds them ready.
    for (const { server, files } of nodeFiles(set)) {
      const record = node.subnodes.find(({ serverId }) => serverId === server.serverId) ?? node;
      await shell.writeFiles(loginTo(context, node, record), files, own);
    }
  });
}

async function nodeSet({ world: { config }, keys }: ActionContext, node: NodeRecord): Promise<NodeSet> {
  const provider = providerOf(config, node.provider);
  // A key costs a tenth of a second of CPU: only sets, and scripts that may hand it on, get one.
  const wantsKey = node.subnodes.length > 0 || config.labels.get(node.label)?.readyScript != null;
  return {
    provider: provider.name,
    cloud: provider.credentials.cloud,
    region: provider.regionName,
    az: node.az,
    primary: setServer(node),
    subnodes: node.subnodes.map(setServer),
    keyPair: wantsKey ? await keys.make() : null,
  };
}

/** A server that has answered has its id and address on record. */
function setServer({ serverId, ip, ipPrivate }: ServerSlot): SetServer {
  if (serverId === null || ip === null) throw new Error('a server that was probed has no id or address on record');
  return { serverId, ip, ipPrivate };
}

/**
 * Runs the label's ready script on every server of the set. It cannot be repeated, so that it starts is recorded
 * first. False when the node is not ours to prepare any more.
 */
async function runReadyScript(context: ActionContext, node: NodeRecord, signal: AbortSignal): Promise<boolean> {
  const script = context.world.config.labels.get(node.label)?.readyScript ?? null;
  if (script === null) return true;
  const { shell } = context.provider(node.provider);
  const started = { kind: 'script-started', reason: 'next-step', detail: script };
  const patch = { scriptAt: context.clock.now() };
  if (!(await context.store.patch('node', node.id, { state: 'building', scriptAt: null }, patch, started)))
    return false;
  const limit = { clock: context.clock, ms: READY_SCRIPT_LIMIT_MS, what: `ready script ${script}` };
  await withTimeLimit(limit, signal, async (own) => {
    for (const server of [...node.subnodes, node]) {
      await shell.run(loginTo(context, node, server), readyCommand(script, server.hostname ?? '', context.env), own);
    }
  });
  return true;
}

/** How to get into a server of the node that has answered before: its own, or a subnode's. */
export function loginTo(
  { world }: ActionContext,
  node: NodeRecord,
  { ip, hostKey }: Pick<ServerSlot, 'ip' | 'hostKey'>,
): LoginTarget {
  const { username, privateKey } = nodeImage(world.config, node);
  return { address: ip ?? '', usernames: [username], privateKeyPath: privateKey, hostKey };
}
