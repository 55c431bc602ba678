/** Reads requests with the nodes that they were granted. */
import { groupBy } from '../lib/group-by.ts';
import { STATE_CODES } from '../lifecycle/node-states.ts';
import type { NodeRecord } from '../lifecycle/records.ts';
import type { Statements } from './database.ts';
import { REQUEST_COLUMNS, requestFromRow, type RequestRow } from './request-rows.ts';
import { NODE_COLUMNS, nodeFromRow, SUBNODE_COLUMNS, subnodeFromRow, type NodeRow, type SubnodeRow } from './rows.ts';
import { chunks, placeholders } from './sql.ts';
import type { RequestWithNodes } from './store.ts';

/** Ids per statement. */
const CHUNK = 500;

/** By id; what is not there any more is left out. */
export async function readWithNodes(
  statements: Statements,
  ids: readonly number[],
): Promise<ReadonlyMap<number, RequestWithNodes>> {
  const distinct = [...new Set(ids)];
  const [rows, { nodes, imageVersions }] = await Promise.all([
    readByIds<RequestRow>(statements, `SELECT ${REQUEST_COLUMNS} FROM request WHERE id`, distinct),
    readNodesOf(statements, distinct),
  ]);
  const sets = groupBy(nodes, ({ requestId }) => requestId);
  const requests = rows.flatMap((row) => requestFromRow(row) ?? []);
  return new Map(
    requests.map((request) => [request.id, { request, nodes: sets.get(request.id) ?? [], imageVersions }]),
  );
}

type SetRow = readonly [imageVersion: number | null, isSet: number, ...node: NodeRow];

/** Nodes that were granted to the requests; those that go are not shown any more. */
async function readNodesOf(
  statements: Statements,
  requestIds: readonly number[],
): Promise<Omit<RequestWithNodes, 'request'>> {
  const version = '(SELECT version FROM snapshot_image WHERE snapshot_image.id = node.image_id)';
  const isSet = 'EXISTS (SELECT 1 FROM subnode WHERE subnode.node_id = node.id)';
  const select = `SELECT ${version}, ${isSet}, ${NODE_COLUMNS} FROM node WHERE state <> ${STATE_CODES.delete} AND request_id`;
  const imageVersions = new Map<number, number>();
  const bare: NodeRecord[] = [];
  const sets: number[] = [];
  for (const [imageVersion, isOfSet, ...row] of await readByIds<SetRow>(statements, select, requestIds)) {
    const node = nodeFromRow(row);
    if (node === null) continue;
    bare.push(node);
    if (isOfSet !== 0) sets.push(node.id);
    if (node.imageId !== null && imageVersion !== null) imageVersions.set(node.imageId, imageVersion);
  }
  const nodes = bare.sort((a, b) => a.id - b.id);
  return { nodes: sets.length === 0 ? nodes : await withSubnodes(statements, nodes, sets), imageVersions };
}

/** @param sets ids of those that have subnodes */
async function withSubnodes(
  statements: Statements,
  nodes: readonly NodeRecord[],
  sets: readonly number[],
): Promise<readonly NodeRecord[]> {
  const select = `SELECT ${SUBNODE_COLUMNS} FROM subnode WHERE node_id`;
  const subnodes = (await readByIds<SubnodeRow>(statements, select, sets)).flatMap((row) => subnodeFromRow(row) ?? []);
  const ofNodes = groupBy(
    subnodes.sort((a, b) => a.id - b.id),
    ({ nodeId }) => nodeId,
  );
  return nodes.map((node) => ({ ...node, subnodes: ofNodes.get(node.id) ?? [] }));
}

/** @param select all but the end of a condition on the ids */
async function readByIds<Row extends readonly unknown[]>(
  statements: Statements,
  select: string,
  ids: readonly number[],
): Promise<Row[]> {
  const rows = chunks(ids, CHUNK).map((chunk) =>
    statements.tuples<Row>(`${select} IN (${placeholders(chunk.length)})`, chunk),
  );
  return (await Promise.all(rows)).flat();
}
