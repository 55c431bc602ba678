import type { Clock } from '../../lib/clock.ts';
import { describeError, isNodepoolError, NodepoolError } from '../../lib/errors.ts';
import type { NodeRecord } from '../../lifecycle/records.ts';
import type { Store } from '../../store/store.ts';
import { nodeColumns } from '../columns.ts';
import { hasDaemon, warnWithoutDaemon } from '../daemons.ts';
import type { OutputOptions } from '../options.ts';
import { renderListing } from '../output/listing.ts';
import { changeRecord, findNode, joinWithOr } from '../records.ts';
import type { Session } from '../session.ts';
import { waitFor, type Look } from '../wait.ts';

export interface DeleteOptions extends OutputOptions {
  readonly now?: true;
}

export async function deleteNodes(session: Session, ids: readonly number[], options: DeleteOptions): Promise<void> {
  const { clock } = session.context;
  await session.withStore(async (store) => {
    const known = new Map((await store.readPool()).nodes.map((node) => [node.id, node]));
    const nodes = ids.map((id) => known.get(id)).filter((node) => node !== undefined);
    // All at once: the store groups them into few statements.
    const outcomes = await Promise.all(nodes.map((node) => markNode(store, clock, node)));
    const marked = outcomes.filter((node) => node !== null);
    if (marked.length > 0) {
      session.print(await renderListing(options.output, nodeColumns(clock.now()), marked));
      await followUp(session, { store, ids: marked.map(({ id }) => id), options });
    }
    const unknown = ids.filter((id) => !marked.some((node) => node.id === id));
    if (unknown.length > 0) throw new NodepoolError('not-found', `there is no node ${joinWithOr(unknown)}`);
  });
}

interface Deletion {
  readonly store: Store;
  readonly ids: readonly number[];
}

async function followUp(
  session: Session,
  { options, ...deletion }: Deletion & { options: DeleteOptions },
): Promise<void> {
  if (options.now) return finishDeletion(session, deletion);
  await warnWithoutDaemon(session, deletion.store, 'the deletion is done as soon as one is started');
}

/** Marks a node for deletion, whatever its state; marked already is fine. null: it has just gone. */
async function markNode(store: Store, clock: Clock, node: NodeRecord): Promise<NodeRecord | null> {
  const { id } = node;
  const attempt = async (record: NodeRecord): Promise<NodeRecord | null> => {
    if (record.state === 'delete') return record;
    const patch = { reason: 'operator' };
    const event = { kind: 'retired', reason: 'operator' };
    const isMoved = await store.moveNode({ id, from: record.state, to: 'delete', by: 'operator', patch, event });
    return isMoved ? { ...record, ...patch, state: 'delete', stateAt: clock.now() } : null;
  };
  try {
    return await changeRecord({ subject: `node ${id}`, record: node, find: () => findNode(store, id), attempt });
  } catch (error) {
    if (isNodepoolError(error, 'not-found')) return null;
    throw error;
  }
}

/** Waits until the rows are gone. Whenever no daemon is alive this process does the work itself. */
async function finishDeletion(session: Session, { store, ids }: Deletion): Promise<void> {
  const { context } = session;
  const look = async (signal: AbortSignal): Promise<Look<null>> => {
    const { nodes } = await store.readPool();
    const left = nodes.filter(({ id }) => ids.includes(id)).map(({ id }) => id);
    const [next] = left;
    if (next === undefined) return { done: null };
    if (!signal.aborted && !(await hasDaemon(store, context))) {
      const obstacle = await deleteHere(session, store, { nodeId: next, signal });
      if (obstacle !== null) return { waitsFor: obstacle };
    }
    return { waitsFor: `waiting until ${describeNodes(left)} gone` };
  };
  await waitFor(context, { look, ifInterrupted: 'interrupted; what is left stays marked for deletion' });
  session.tell(`${describeNodes(ids)} gone`);
}

const MAX_NAMED = 8;

function describeNodes(ids: readonly number[]): string {
  if (ids.length > MAX_NAMED) return `${ids.length} nodes are`;
  return ids.length === 1 ? `node ${ids.join('')} is` : `nodes ${ids.join(', ')} are`;
}

/** Deletes a node in this process. Answers what stands in the way for now. */
async function deleteHere(
  session: Session,
  store: Store,
  work: { nodeId: number; signal: AbortSignal },
): Promise<string | null> {
  const config = await session.loadConfig();
  try {
    await session.context.deleteNow({ ...work, store, config, log: await session.log() });
    return null;
  } catch (error) {
    // Another process holds the lease, or Ctrl-C: whoever waits looks again, and sees.
    if (isNodepoolError(error, 'refused', 'aborted')) return describeError(error);
    throw error;
  }
}
