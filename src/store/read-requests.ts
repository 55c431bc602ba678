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

/** A node as the answer to its request needs it. */
export interface ShownNode {
  /** Without its subnodes. */
  readonly node: NodeRecord;
  readonly hasSubnodes: boolean;
  /** Of the image that it was launched from; null: nobody knows any more. */
  readonly imageVersion: number | null;
}

export type ShownRow = readonly [imageVersion: number | null, hasSubnodes: number, ...node: NodeRow];
export const SHOWN_COLUMNS = `(SELECT version FROM snapshot_image WHERE snapshot_image.id = node.image_id), EXISTS (SELECT 1 FROM subnode WHERE subnode.node_id = node.id), ${NODE_COLUMNS}`;

export function shownFromRow([imageVersion, hasSubnodes, ...row]: ShownRow): ShownNode | null {
  const node = nodeFromRow(row);
  return node === null ? null : { node, hasSubnodes: hasSubnodes !== 0, imageVersion };
}

export function imageVersionsOf(shown: readonly ShownNode[]): ReadonlyMap<number, number> {
  const known = shown.flatMap(({ node: { imageId }, imageVersion }) =>
    imageId === null || imageVersion === null ? [] : [[imageId, imageVersion] as const],
  );
  return new Map(known);
}

/** Nodes that were granted to the requests; those that go are not shown any more. */
async function readNodesOf(
  statements: Statements,
  requestIds: readonly number[],
): Promise<Omit<RequestWithNodes, 'request'>> {
  const select = `SELECT ${SHOWN_COLUMNS} FROM node WHERE state <> ${STATE_CODES.delete} AND request_id`;
  const rows = await readByIds<ShownRow>(statements, select, requestIds);
  const shown = rows.flatMap((row) => shownFromRow(row) ?? []);
  const nodes = shown.map(({ node }) => node).sort((a, b) => a.id - b.id);
  const sets = shown.filter(({ hasSubnodes }) => hasSubnodes).map(({ node }) => node.id);
  const imageVersions = imageVersionsOf(shown);
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
