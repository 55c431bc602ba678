/** The results that the original's own tests publish, all 23, as golden data. */
import { describe, expect, it } from 'vitest';
import { allocate, type AllocationRequest } from '../../../src/planning/allocate.ts';
import type { Round } from '../../../src/planning/memory.ts';

interface Scenario {
  readonly name: string;
  /** Available places of p1, p2. */
  readonly places: readonly number[];
  /** Requested nodes of l1, l2. */
  readonly amounts: readonly number[];
  /** Granted nodes, in the order of the suite's pairs of label and provider. */
  readonly granted: readonly number[];
}

interface Suite {
  readonly name: string;
  /** Providers per label, in the order of the set-up. */
  readonly eligible: Readonly<Record<string, readonly string[]>>;
  readonly pairs: readonly (readonly [label: string, provider: string])[];
  readonly scenarios: readonly Scenario[];
}

const SUITES: readonly Suite[] = [
  {
    name: 'one label',
    eligible: { l1: ['p1'] },
    pairs: [['l1', 'p1']],
    scenarios: [
      { name: 'one_node', places: [10], amounts: [1], granted: [1] },
      { name: 'two_nodes', places: [10], amounts: [2], granted: [2] },
    ],
  },
  {
    name: 'two labels',
    eligible: { l1: ['p1'], l2: ['p1'] },
    pairs: [
      ['l1', 'p1'],
      ['l2', 'p1'],
    ],
    scenarios: [
      { name: 'one_node', places: [10], amounts: [1, 1], granted: [1, 1] },
      { name: 'two_nodes', places: [10], amounts: [2, 2], granted: [2, 2] },
    ],
  },
  {
    name: 'two providers, two labels',
    eligible: { l1: ['p1', 'p2'], l2: ['p1', 'p2'] },
    pairs: [
      ['l1', 'p1'],
      ['l2', 'p1'],
      ['l1', 'p2'],
      ['l2', 'p2'],
    ],
    scenarios: [
      { name: 'one_node', places: [10, 10], amounts: [1, 1], granted: [1, 1, 0, 0] },
      { name: 'two_nodes', places: [10, 10], amounts: [2, 2], granted: [1, 1, 1, 1] },
      { name: 'three_nodes', places: [10, 10], amounts: [3, 3], granted: [2, 2, 1, 1] },
      { name: 'four_nodes', places: [10, 10], amounts: [4, 4], granted: [2, 2, 2, 2] },
      { name: 'four_nodes_at_quota', places: [4, 4], amounts: [4, 4], granted: [2, 2, 2, 2] },
      { name: 'four_nodes_over_quota', places: [2, 2], amounts: [4, 4], granted: [1, 1, 1, 1] },
      { name: 'negative_provider', places: [-5, 20], amounts: [5, 5], granted: [0, 0, 5, 5] },
    ],
  },
  {
    name: 'two providers, two labels, one of them shared',
    eligible: { l1: ['p1'], l2: ['p1', 'p2'] },
    pairs: [
      ['l1', 'p1'],
      ['l2', 'p1'],
      ['l2', 'p2'],
    ],
    scenarios: [
      { name: 'one_node', places: [10, 10], amounts: [1, 1], granted: [1, 1, 0] },
      { name: 'two_nodes', places: [10, 10], amounts: [2, 2], granted: [2, 1, 1] },
      { name: 'three_nodes', places: [10, 10], amounts: [3, 3], granted: [3, 2, 1] },
      { name: 'four_nodes', places: [10, 10], amounts: [4, 4], granted: [4, 2, 2] },
      { name: 'four_nodes_at_quota', places: [4, 4], amounts: [4, 4], granted: [4, 0, 4] },
      { name: 'four_nodes_over_quota', places: [2, 2], amounts: [4, 4], granted: [2, 0, 2] },
    ],
  },
];

const onePlaceAt = (providers: readonly string[]): ReadonlyMap<string, number> =>
  new Map(providers.map((name) => [name, 1]));

/** There is one kind of target, and keeping places changes nothing: the original knew neither. */
const UNDIVIDED = { forRequests: 0, forQueues: 0 };
const NOBODY = [{ name: 'zuul', isOpen: true, current: new Map<string, number>() }];

for (const { name: suite, eligible, pairs, scenarios } of SUITES) {
  describe(`grants to ${suite}`, () => {
    it.each(scenarios)('$name: $amounts of $places', ({ places, amounts, granted }) => {
      const { grants } = allocate({
        providers: places.map((available, index) => ({ name: `p${index + 1}`, available })),
        requests: Object.entries(eligible).map(([label, providers], index) => ({
          label,
          amount: amounts[index] ?? 0,
          ...UNDIVIDED,
          places: onePlaceAt(providers),
          keepAt: providers[0] ?? null,
        })),
        targets: NOBODY,
        rounds: [],
      });
      const amountOf = (label: string, provider: string): number =>
        grants.find((grant) => grant.label === label && grant.provider === provider)?.amount ?? 0;
      expect(pairs.map(([label, provider]) => amountOf(label, provider))).toEqual(granted);
      expect(grants).toHaveLength(granted.filter((amount) => amount > 0).length);
    });
  });
}

interface RoundRobin {
  readonly name: string;
  readonly places: readonly [p1: number, p2: number];
  /** Requested nodes of labels 1 to 8. */
  readonly amounts: readonly number[];
  /** Labels in the order of their grants, p1's before p2's, round by round. */
  readonly sequence: readonly number[];
}

const ROUNDS = 11;
const each = (amount: number): number[] => Array<number>(8).fill(amount);
const always = (...labels: number[]): number[] => Array<number[]>(ROUNDS).fill(labels).flat();

function playRounds({ places, amounts }: RoundRobin, requests: readonly Omit<AllocationRequest, 'amount'>[]): number[] {
  const sequence: number[] = [];
  let rounds: readonly Round[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const allocation = allocate({
      providers: [
        { name: 'p1', available: places[0] },
        { name: 'p2', available: places[1] },
      ],
      requests: requests.map((request) => ({ ...request, amount: amounts[Number(request.label) - 1] ?? 0 })),
      targets: NOBODY,
      rounds,
    });
    rounds = allocation.rounds;
    sequence.push(...allocation.grants.flatMap(({ label, amount }) => Array<number>(amount).fill(Number(label))));
  }
  return sequence;
}

function request(label: number, ...providers: string[]): Omit<AllocationRequest, 'amount'> {
  return { label: String(label), ...UNDIVIDED, places: onePlaceAt(providers), keepAt: providers[0] ?? null };
}

describe('eleven rounds with eight labels, all from both providers', () => {
  const requests = [1, 2, 3, 4, 5, 6, 7, 8].map((label) => request(label, 'p1', 'p2'));
  it.each<RoundRobin>([
    { name: 'one_to_one', places: [1, 0], amounts: each(1), sequence: [7, 1, 2, 3, 4, 5, 6, 8, 7, 1, 2] },
    { name: 'at_quota', places: [4, 4], amounts: each(1), sequence: always(1, 3, 5, 7, 2, 4, 6, 8) },
    {
      name: 'big_fish_little_pond',
      places: [1, 1],
      amounts: [100, 1, 1, 1, 1, 1, 1, 1],
      sequence: [1, 1, 1, 2, 1, 3, 1, 4, 1, 5, 1, 6, 1, 7, 1, 8, 1, 2, 1, 3, 1, 4],
    },
  ])('$name', (game) => {
    expect(playRounds(game, requests)).toEqual(game.sequence);
  });
});

describe('eleven rounds with eight labels, the first only from p1, the last only from p2', () => {
  const shared = [2, 3, 4, 5, 6, 7].map((label) => request(label, 'p1', 'p2'));
  const requests = [request(1, 'p1'), request(8, 'p2'), ...shared];
  it.each<RoundRobin>([
    {
      name: 'fixed_even',
      places: [1, 1],
      amounts: each(1),
      sequence: [1, 6, 1, 8, 1, 2, 1, 3, 1, 4, 1, 5, 1, 7, 1, 6, 1, 8, 1, 2, 1, 3],
    },
    {
      name: 'over_subscribed',
      places: [1, 1],
      amounts: each(20),
      sequence: [1, 6, 2, 8, 3, 3, 4, 4, 5, 5, 7, 7, 1, 6, 2, 8, 3, 3, 4, 4, 5, 5],
    },
    { name: 'even', places: [4, 4], amounts: each(1), sequence: always(1, 2, 4, 6, 8, 3, 5, 7) },
  ])('$name', (game) => {
    expect(playRounds(game, requests)).toEqual(game.sequence);
  });
});
