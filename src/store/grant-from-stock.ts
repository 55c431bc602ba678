/**
 * Making requests and granting them nodes of the stock in one exchange with MySQL. Everything is written as if it could be
 * had, and proves that: where it cannot, the server does nothing of what comes after, and the transaction is rolled back.
 */
import type { Random } from '../lib/random.ts';
import type { NodeRecord } from '../lifecycle/records.ts';
import { REQUEST_STATE_CODES } from '../lifecycle/request-states.ts';
import { proofOf } from './conversation.ts';
import type { Statements, Value } from './database.ts';
import { describeGranted, nodeGrant, type GrantDeps } from './grant-nodes.ts';
import { insertRequests, keyOf, readRequests, type Opening } from './new-requests.ts';
import type { ShownNode } from './read-requests.ts';
import { placeholders } from './sql.ts';
import type { OpenedRequest } from './store.ts';
import { EVENT_COLUMNS } from './writes.ts';

/** A request that is made here: its id is known only when the statements have been sent. */
interface Sale {
  readonly key: string;
  readonly label: string;
  readonly nodes: readonly ShownNode[];
}

/** The id of the request with a key. */
const REQUEST_ID = '(SELECT id FROM request WHERE dedup = ?)';

/**
 * @param sets the nodes for each of the openings
 * Rejects with `Contested` when a node is not free any more, a key was used before, or somebody waits for one of the labels.
 */
export async function openFromStock(
  { random, ...deps }: GrantDeps & { readonly random: Random },
  openings: readonly Opening[],
  sets: readonly (readonly ShownNode[])[],
): Promise<readonly OpenedRequest[]> {
  const { statements, now } = deps;
  const batch = random.hex(8);
  const keys = openings.map(({ request }) => keyOf(request, random));
  const sales = openings.map(({ request }, index): Sale => {
    return { key: keys[index]!, label: request.label, nodes: sets[index]! };
  });
  // Sent together, in this order.
  const [, , , , rows] = await Promise.all([
    insertRequests(deps, { openings, keys, batch, state: 'granted' }),
    requireNewAndFirst(statements, { sales, batch }),
    takeNodes(statements, sales, now),
    writeEvents(statements, sales, now),
    readRequests(statements, keys),
    statements.commit(),
  ]);
  return sales.map(({ key, nodes }) => {
    const { request } = rows.get(key)!;
    return { id: request.id, isReplay: false, ...describeGranted(request, nodes) };
  });
}

/** That all of the requests were made just now, a row with the same key being of another batch; and that nobody waits. */
async function requireNewAndFirst(
  statements: Statements,
  { sales, batch }: { sales: readonly Sale[]; batch: string },
): Promise<void> {
  const labels = [...new Set(sales.map(({ label }) => label))];
  const made = `SELECT COUNT(*) FROM request WHERE dedup IN (${placeholders(sales.length)}) AND batch = ?`;
  const waiting = `SELECT 1 FROM request WHERE state = ? AND label_name IN (${placeholders(labels.length)})`;
  const keys = sales.map(({ key }) => key);
  const values = [...keys, batch, sales.length, REQUEST_STATE_CODES.waiting, ...labels];
  await statements.tuples(proofOf(`(${made}) = ? AND NOT EXISTS (${waiting})`), values);
}

async function takeNodes(statements: Statements, sales: readonly Sale[], now: number): Promise<void> {
  const pairs = sales.flatMap(({ key, nodes }) => nodes.map(({ node }) => [node.id, key] as const));
  const { sql, values } = nodeGrant(pairs, REQUEST_ID, now);
  await statements.run(sql, values, pairs.length);
}

async function writeEvents(statements: Statements, sales: readonly Sale[], now: number): Promise<void> {
  const ofNodes = sales.flatMap(({ key, nodes }) => nodes.map(({ node }) => eventOfNode(node, key, now)));
  const ofRequests = sales.map((sale): Value[] => {
    return [now, sale.key, sale.key, sale.label, sale.nodes.map(({ node }) => node.id).join(', ')];
  });
  const rows = [
    ...ofNodes.map(() => `(?, 'node', ?, ?, ?, ?, 'granted', 'request', CONCAT('request ', ${REQUEST_ID}))`),
    ...ofRequests.map(() => `(?, 'request', ${REQUEST_ID}, ${REQUEST_ID}, NULL, ?, 'granted', 'request', ?)`),
  ];
  const insert = `INSERT INTO event ${EVENT_COLUMNS} VALUES ${rows.join(', ')}`;
  await statements.run(insert, [...ofNodes.flat(), ...ofRequests.flat()]);
}

function eventOfNode({ id, provider, label }: NodeRecord, key: string, now: number): Value[] {
  return [now, id, id, provider, label, key];
}
