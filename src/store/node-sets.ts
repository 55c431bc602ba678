import { groupBy } from '../lib/group-by.ts';
import type { NodeRecord, SubnodeRecord } from '../lifecycle/records.ts';
import { NODE_COLUMNS, nodeFromRow, SUBNODE_COLUMNS, subnodeFromRow, type NodeRow, type SubnodeRow } from './rows.ts';
import { TableReader } from './table-reader.ts';

/** Nodes with their subnodes. A node of which nothing changed stays the same object. */
export class NodeSets {
  readonly nodes = new TableReader<NodeRow, NodeRecord>({
    table: 'node',
    columns: NODE_COLUMNS,
    toRecord: nodeFromRow,
  });
  readonly subnodes = new TableReader<SubnodeRow, SubnodeRecord>({
    table: 'subnode',
    columns: SUBNODE_COLUMNS,
    toRecord: subnodeFromRow,
  });
  /** Subnode rows whose node is gone: somebody deleted it by hand. */
  orphans: readonly number[] = [];
  readonly #assembled = new WeakMap<NodeRecord, NodeRecord>();

  assemble(): NodeRecord[] {
    const byNode = groupBy(this.subnodes.records(), ({ nodeId }) => nodeId);
    const whole = this.nodes.records().map((node) => {
      const set = byNode.get(node.id);
      byNode.delete(node.id);
      return set ? this.#withSubnodes(node, set) : node;
    });
    this.orphans = [...byNode.values()].flat().map(({ id }) => id);
    return whole;
  }

  #withSubnodes(node: NodeRecord, set: readonly SubnodeRecord[]): NodeRecord {
    const known = this.#assembled.get(node);
    if (known?.subnodes.length === set.length && set.every((subnode, index) => subnode === known.subnodes[index])) {
      return known;
    }
    const whole = { ...node, subnodes: set };
    this.#assembled.set(node, whole);
    return whole;
  }
}
