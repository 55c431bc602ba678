import { NodepoolError } from '../../lib/errors.ts';
import { viewRequest } from '../../requests/view.ts';
import type { RequestWithNodes } from '../../store/store.ts';
import { acquireNodes, deskOf, openRequest, wishFor, type Asker, type WishOptions } from '../acquire-nodes.ts';
import { warnWithoutDaemon } from '../daemons.ts';
import type { OutputOptions } from '../options.ts';
import { renderResult } from '../output/format.ts';
import { drawListing } from '../output/listing.ts';
import { joinWithOr } from '../records.ts';
import { endedColumns, renderRequest } from '../request-columns.ts';
import type { Session } from '../session.ts';

export interface RequestOptions extends WishOptions, OutputOptions {
  readonly count: number;
  readonly wait?: true;
}

export interface ExtendOptions extends OutputOptions {
  /** Milliseconds. */
  readonly ttl?: number;
}

export interface ReleaseOptions extends OutputOptions {
  readonly failed?: true;
}

export async function requestNodes(session: Session, label: string, options: RequestOptions): Promise<void> {
  const { wait, timeout, output } = options;
  if (timeout !== undefined && !wait)
    throw new NodepoolError('usage', "option '--timeout <time>' needs option '--wait'");
  const wish = await wishFor(session, { ...options, label });
  const config = await session.loadConfig();
  await session.withNewStore(async (store) => {
    const asker = { session, store, config };
    const found = await (wait ? acquireNodes(asker, wish, timeout) : openRequest(asker, wish));
    await print(asker, found, output);
  });
}

export async function extendRequest(session: Session, id: number, { ttl, output }: ExtendOptions): Promise<void> {
  await withAsker(session, async (asker) => print(asker, await deskOf(asker).extend(id, ttl ?? null), output));
}

/** Ends what there is of the requests, and then tells what there is not. */
export async function releaseRequests(
  session: Session,
  ids: readonly number[],
  { failed, output }: ReleaseOptions,
): Promise<void> {
  await withAsker(session, async (asker) => {
    const known = await Promise.all(ids.map((id) => asker.store.requests.find(id)));
    const unknown = ids.filter((_, index) => known[index] === null);
    const there = ids.filter((id) => !unknown.includes(id));
    const ended = await Promise.all(there.map((id) => deskOf(asker).end(id, failed === true)));
    if (ended.length > 0) await printEnded(asker, ended, output);
    if (unknown.length > 0) throw new NodepoolError('not-found', `there is no request ${joinWithOr(unknown)}`);
  });
}

async function withAsker(session: Session, work: (asker: Asker) => Promise<void>): Promise<void> {
  const config = await session.loadConfig();
  await session.withStore((store) => work({ session, store, config }));
}

async function print({ session, config }: Asker, found: RequestWithNodes, output: OutputOptions['output']) {
  session.print(await renderRequest(output, found, { config, now: session.context.clock.now() }));
}

async function printEnded(
  { session, store, config }: Asker,
  ended: readonly RequestWithNodes[],
  output: OutputOptions['output'],
): Promise<void> {
  const views = ended.map((found) => viewRequest(found, config));
  const rows = ended.map(({ request }) => ({ request, position: null, nodes: [] }));
  const draw = (): string => drawListing(endedColumns(session.context.clock.now()), rows);
  session.print(await renderResult(output, views, draw));
  const hadNodes = ended.some(({ request }) => request.grantedAt !== null);
  if (hadNodes) await warnWithoutDaemon(session, store, 'the nodes are deleted as soon as one is started');
}
