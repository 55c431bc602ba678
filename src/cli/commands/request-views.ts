/** What there is of requests: all of them, and a single one. */
import { isNodepoolError, NodepoolError } from '../../lib/errors.ts';
import { groupBy } from '../../lib/group-by.ts';
import type { PoolRecords } from '../../lifecycle/records.ts';
import { viewRequest, type WaitingView } from '../../requests/view.ts';
import type { Store } from '../../store/store.ts';
import { warnWithoutDaemon } from '../daemons.ts';
import { drawHistory, EVENT_COLUMNS } from '../history.ts';
import { askDaemon } from '../intents.ts';
import type { OutputOptions, TimeoutOptions } from '../options.ts';
import { renderResult } from '../output/format.ts';
import { drawFacts, renderListing, toObjects, type Column } from '../output/listing.ts';
import { ageInSeconds } from '../output/time.ts';
import { placesInLine } from '../places-in-line.ts';
import { drawRequest, endedColumns, requestColumns, type RequestRow } from '../request-columns.ts';
import type { Session } from '../session.ts';

export interface ListOptions extends OutputOptions {
  readonly ended?: true;
}

/** Of those that have ended only the last ones are listed. */
const SHOWN_ENDED = 50;

export async function listRequests(session: Session, { output, ended }: ListOptions): Promise<void> {
  const now = session.context.clock.now();
  await session.withStore(async (store) => {
    if (ended) {
      const rows = (await store.requests.ended(SHOWN_ENDED)).map((request) => ({ request, position: null, nodes: [] }));
      session.print(await renderListing(output, endedColumns(now), rows));
    } else session.print(await renderListing(output, requestColumns(now), openRows(await store.readPool())));
  });
}

/** Those that wait in the order of their turns, then those that have nodes. */
function openRows({ requests, nodes }: PoolRecords): RequestRow[] {
  const byId = new Map(requests.map((request) => [request.id, request]));
  const waiting = [...placesInLine(requests)].map(([id, position]) => ({
    request: byId.get(id)!,
    position,
    nodes: [],
  }));
  const kept = nodes.filter(({ state }) => state !== 'delete');
  const owned = groupBy(kept, ({ requestId }) => requestId);
  const idsOf = (request: number): number[] => (owned.get(request) ?? []).map(({ id }) => id);
  const granted = requests.filter(({ state }) => state === 'granted').toSorted((a, b) => a.id - b.id);
  return [...waiting, ...granted.map((request) => ({ request, position: null, nodes: idsOf(request.id) }))];
}

export async function showRequest(
  session: Session,
  id: number,
  { output, timeout }: OutputOptions & TimeoutOptions,
): Promise<void> {
  const config = await session.loadConfig();
  await session.withStore(async (store) => {
    const [found, events] = await Promise.all([store.requests.find(id), store.events.of('request', id)]);
    if (found === null && events.length === 0) throw notKnown(id);
    const waiting =
      found?.request.state === 'waiting' ? await explain(session, store, { id, timeoutS: timeout }) : null;
    const view = found === null ? null : { ...viewRequest(found, config), ...(waiting === null ? {} : { waiting }) };
    const now = session.context.clock.now();
    const draw = (): string => {
      const gone = `The row of request ${id} is gone.\n`;
      const facts = found === null || view === null ? gone : drawRequest(found.request, view.nodes, now);
      return [facts, ...(waiting === null ? [] : [drawWait(waiting, now)]), drawHistory(events)].join('\n');
    };
    session.print(await renderResult(output, { request: view, events: toObjects(EVENT_COLUMNS, events) }, draw));
  });
}

function notKnown(id: number): NodepoolError {
  const text = `there is no request ${id}, and its history is not kept any more if it ever existed`;
  return new NodepoolError('not-found', text);
}

/** Why the request waits; null, with a sentence for people, when nobody can tell. */
async function explain(
  session: Session,
  store: Store,
  { id, timeoutS }: { id: number; timeoutS: number },
): Promise<WaitingView | null> {
  if (await warnWithoutDaemon(session, store, `request ${id} waits until one is started`)) return null;
  try {
    const question = { kind: 'explain-request', args: { id }, what: `tell why request ${id} waits`, timeoutS } as const;
    return (await askDaemon(session, store, question)) as WaitingView | null;
  } catch (error) {
    if (!isNodepoolError(error, 'refused')) throw error;
    // The rest is known all the same.
    session.tell(error.message);
    return null;
  }
}

function drawWait(waiting: WaitingView, now: number): string {
  const facts = `Waiting\n${drawFacts(waitColumns(now), waiting)}`;
  const why = waiting.why.map((sentence) => `  ${sentence}\n`).join('');
  return why === '' ? facts : `${facts}\nIn the way\n${why}`;
}

function waitColumns(now: number): readonly Column<WaitingView>[] {
  return [
    { title: 'Place in line', key: 'position', value: ({ position }) => position },
    { title: 'Nodes before it', key: 'nodes_ahead', value: ({ nodes_ahead: ahead }) => ahead },
    { title: 'Ready for the line', key: 'ready', value: ({ ready }) => ready },
    { title: 'Being launched', key: 'building', value: ({ building }) => building },
    {
      title: 'Expected in',
      key: 'expected_in',
      unit: 'age',
      value: ({ expected_at: at }) => (at === null ? null : ageInSeconds(Date.parse(at), now)),
    },
    { title: 'Expected', key: 'expected_at', value: ({ expected_at: at }) => at },
  ];
}
