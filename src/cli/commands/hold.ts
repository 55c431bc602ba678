import { isNodepoolError, NodepoolError } from '../../lib/errors.ts';
import type { NodeRecord } from '../../lifecycle/records.ts';
import { heldNodeColumns, nodeColumns } from '../columns.ts';
import { holdAny, holdNode, unholdNode, type Holder, type Holding } from '../hold-nodes.ts';
import { requireLabel } from '../labels.ts';
import type { OutputOptions } from '../options.ts';
import { renderListing, type Column } from '../output/listing.ts';
import { requireLine } from '../require-line.ts';
import type { Session } from '../session.ts';

export interface HoldOptions extends OutputOptions {
  readonly reason?: string;
  /** Milliseconds. */
  readonly for?: number;
  readonly label?: string;
  readonly count?: number;
}

export async function hold(session: Session, ids: readonly number[], options: HoldOptions): Promise<void> {
  const { label, count, reason: comment = null, output } = options;
  requireChoice(ids, options);
  requireLine('the reason', comment);
  const { now } = session.context.clock;
  const holding: Holding = {
    comment,
    until: options.for === undefined ? null : now() + options.for,
  };
  const columns = heldNodeColumns(now());
  if (label === undefined)
    return changeEach(session, { ids, output, columns }, (holder, id) => holdNode(holder, id, holding));
  requireLabel(await session.loadConfig(), label);
  await withHolder(session, async (holder) => {
    const held = await holdAny(holder, { label, count: count ?? 1 }, holding);
    session.print(await renderListing(output, columns, held));
  });
}

export async function unhold(session: Session, ids: readonly number[], { output }: OutputOptions): Promise<void> {
  const columns = nodeColumns(session.context.clock.now());
  await changeEach(session, { ids, output, columns }, unholdNode);
}

function requireChoice(ids: readonly number[], { label, count }: HoldOptions): void {
  const refuse = (text: string): never => {
    throw new NodepoolError('usage', text);
  };
  if (ids.length === 0 && label === undefined) refuse("missing ids of nodes, or option '--label <label>'");
  if (ids.length > 0 && label !== undefined) refuse("ids of nodes cannot be used with option '--label <label>'");
  if (count !== undefined && label === undefined) refuse("option '--count <n>' needs option '--label <label>'");
}

async function withHolder(session: Session, work: (holder: Holder) => Promise<void>): Promise<void> {
  await session.withStore((store) => work({ store, clock: session.context.clock }));
}

/** Changes the nodes for which that is possible, shows them, and then tells of the others. */
async function changeEach(
  session: Session,
  { ids, output, columns }: OutputOptions & { ids: readonly number[]; columns: readonly Column<NodeRecord>[] },
  change: (holder: Holder, id: number) => Promise<NodeRecord>,
): Promise<void> {
  await withHolder(session, async (holder) => {
    const outcomes = await Promise.all(ids.map((id) => change(holder, id).catch(expected)));
    const changed = outcomes.flatMap((outcome) => (outcome instanceof NodepoolError ? [] : [outcome]));
    if (changed.length > 0) session.print(await renderListing(output, columns, changed));
    const [first, ...others] = outcomes.filter((outcome) => outcome instanceof NodepoolError);
    if (first === undefined) return;
    throw new NodepoolError(first.code, [first, ...others].map(({ message }) => message).join('; '));
  });
}

function expected(error: unknown): NodepoolError {
  if (isNodepoolError(error, 'not-found', 'refused')) return error;
  throw error;
}
