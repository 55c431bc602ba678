import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byRank, handOut, isFree, type Asker, type Candidate } from '../../../src/lifecycle/hand-out.ts';
import { aNode, aRequest } from '../../support/builders.ts';

const asker = (id: number, count = 1, label = 'small'): Asker => ({ id, label, count });
const stock = (count: number, label = 'small', from = 1): Candidate[] =>
  Array.from({ length: count }, (_, index) => ({ id: from + index, label }));

describe('handing out', () => {
  it('gives nodes in their order to requests in theirs', () => {
    expect(handOut([asker(7), asker(5, 2)], stock(4))).toEqual([
      { requestId: 7, nodeIds: [1] },
      { requestId: 5, nodeIds: [2, 3] },
    ]);
  });

  it('gives all nodes of a request when there are just enough, and none when one is missing', () => {
    expect(handOut([asker(1, 3)], stock(3))).toEqual([{ requestId: 1, nodeIds: [1, 2, 3] }]);
    expect(handOut([asker(1, 3)], stock(2))).toEqual([]);
  });

  it('lets nobody of a label go past one who does not get his nodes', () => {
    expect(handOut([asker(1, 3), asker(2)], stock(2))).toEqual([]);
  });

  it('lets others of other labels go past him', () => {
    const askers = [asker(1, 3), asker(2, 1, 'large')];
    expect(handOut(askers, [...stock(2), ...stock(1, 'large', 9)])).toEqual([{ requestId: 2, nodeIds: [9] }]);
  });
});

describe('whatever is asked for and there', () => {
  const LABELS = ['a', 'b', 'c'] as const;
  const someAskers = fc
    .array(fc.record({ label: fc.constantFrom(...LABELS), count: fc.integer({ min: 1, max: 5 }) }), { maxLength: 30 })
    .map((wishes) => wishes.map((wish, index) => ({ ...wish, id: index + 100 })));
  const someNodes = fc
    .array(fc.constantFrom(...LABELS), { maxLength: 40 })
    .map((labels) => labels.map((label, id) => ({ id, label })));

  it('each grant is whole, of its label, and of nodes that nobody else gets', () => {
    fc.assert(
      fc.property(someAskers, someNodes, (askers, nodes) => {
        const grants = handOut(askers, nodes);
        const given = grants.flatMap(({ nodeIds }) => nodeIds);
        expect(new Set(given).size).toBe(given.length);
        for (const { requestId, nodeIds } of grants) {
          const { label, count } = askers.find(({ id }) => id === requestId)!;
          expect(nodeIds.map((id) => nodes[id]!.label)).toEqual(Array.from({ length: count }, () => label));
        }
      }),
    );
  });

  it('those of a label who get nodes are the first in its line, and the next one’s are not there', () => {
    fc.assert(
      fc.property(someAskers, someNodes, (askers, nodes) => {
        const grants = handOut(askers, nodes);
        for (const label of LABELS) {
          const line = askers.filter((one) => one.label === label);
          const served = line.filter(({ id }) => grants.some(({ requestId }) => requestId === id));
          expect(served).toEqual(line.slice(0, served.length));
          const left =
            nodes.filter((node) => node.label === label).length - served.reduce((sum, { count }) => sum + count, 0);
          expect(line[served.length]?.count ?? Infinity).toBeGreaterThan(left);
        }
      }),
    );
  });

  it('the turn of a large and unimportant request comes although more important small ones never end', () => {
    let waiting = [aRequest({ id: 1000, count: 5, priority: -1, createdAt: 0 })];
    let nodes: Candidate[] = [];
    const served: number[] = [];
    for (let minute = 0; served.length < 30; minute += 1) {
      waiting.push(aRequest({ id: minute, priority: 1, createdAt: minute * 60_000 }));
      nodes.push({ id: minute, label: 'small' });
      const grants = handOut(byRank(waiting), nodes);
      served.push(...grants.map(({ requestId }) => requestId));
      const given = new Set(grants.flatMap(({ nodeIds }) => nodeIds));
      nodes = nodes.filter(({ id }) => !given.has(id));
      waiting = waiting.filter(({ id }) => !served.includes(id));
    }
    // Two steps of priority are twenty minutes: those of that time, the last one included, go ahead of it.
    expect(served.indexOf(1000)).toBe(21);
  });
});

describe('a node', () => {
  it('is free as long as nobody was granted it and no target was told of it', () => {
    expect(isFree(aNode())).toBe(true);
    expect(isFree(aNode({ requestId: 3 }))).toBe(false);
    expect(isFree(aNode({ registerAt: 1 }))).toBe(false);
  });
});
