import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  allocate,
  type TargetLoad,
  type AllocationInput,
  type AllocationRequest,
  type Grant,
} from '../../../src/planning/allocate.ts';
import type { Round } from '../../../src/planning/memory.ts';

const emptyTarget = (name = 'zuul'): TargetLoad => ({ name, isOpen: true, current: new Map() });

interface RequestOverrides {
  readonly label?: string;
  readonly amount?: number;
  /** Those of a node at each provider. */
  readonly places?: number;
  readonly providers?: readonly string[];
}

function aRequest({ places = 1, providers = ['cloud'], ...overrides }: RequestOverrides = {}): AllocationRequest {
  const placesAt = new Map(providers.map((name) => [name, places]));
  return { label: 'small', amount: 1, forRequests: 0, forQueues: 0, keepAt: null, places: placesAt, ...overrides };
}

function allocateWith(overrides: Partial<AllocationInput>): ReturnType<typeof allocate> {
  return allocate({
    providers: [{ name: 'cloud', available: 10 }],
    requests: [aRequest()],
    targets: [emptyTarget()],
    rounds: [],
    ...overrides,
  });
}

/** A history in which `label` has asked and got nothing for `count` rounds. */
function waited(label: string, count: number): Round[] {
  return Array.from({ length: count }, () => new Map([[label, 0]]));
}

const amounts = (grants: readonly Grant[]): string[] =>
  grants.map(({ label, provider, target, amount }) => `${amount} ${label} from ${provider} to ${target}`);

describe('spreading a grant over targets', () => {
  const spread = (amount: number, ...current: readonly number[]): number[] => {
    const targets = current.map((count, index) => ({
      name: `t${index}`,
      isOpen: true,
      current: new Map([['small', count]]),
    }));
    const { grants } = allocateWith({ requests: [aRequest({ amount })], targets });
    return targets.map(({ name }) => grants.find(({ target }) => target === name)?.amount ?? 0);
  };

  it.each([
    { amount: 6, current: [0, 0, 0], given: [2, 2, 2] },
    { amount: 7, current: [0, 0, 0], given: [2, 3, 2] },
    { amount: 3, current: [10, 0, 0], given: [0, 2, 1] },
    { amount: 4, current: [1, 2, 3], given: [2, 2, 0] },
    { amount: 2, current: [0, 0, 0, 0], given: [1, 0, 1, 0] },
    { amount: 1, current: [5, 5], given: [1, 0] },
  ])('adds $amount to $current as $given', ({ amount, current, given }) => {
    expect(spread(amount, ...current)).toEqual(given);
  });

  it('does not give single nodes always to the same target', () => {
    expect(spread(1, 1, 0)).toEqual([0, 1]);
    expect(spread(1, 0, 1)).toEqual([1, 0]);
  });

  it('counts what an earlier provider granted in the same round', () => {
    const { grants } = allocateWith({
      providers: [
        { name: 'p1', available: 1 },
        { name: 'p2', available: 1 },
      ],
      requests: [aRequest({ amount: 2, providers: ['p1', 'p2'] })],
      targets: [emptyTarget('t1'), emptyTarget('t2')],
    });
    expect(amounts(grants)).toEqual(['1 small from p1 to t1', '1 small from p2 to t2']);
  });

  it('keeps the nodes of different labels apart', () => {
    const busy = { name: 't1', isOpen: true, current: new Map([['small', 4]]) };
    const requests = [aRequest({ amount: 2 }), aRequest({ label: 'big', amount: 2 })];
    const { grants } = allocateWith({ requests, targets: [busy, emptyTarget('t2')] });
    expect(amounts(grants)).toEqual(['2 small from cloud to t2', '1 big from cloud to t1', '1 big from cloud to t2']);
  });

  it('grants nothing and counts no wait while no target is online', () => {
    expect(allocateWith({ targets: [] })).toEqual({ grants: [], shares: [], rounds: [] });
  });
});

describe('labels whose nodes take several places', () => {
  it('grants only whole sets that fit', () => {
    const { grants } = allocateWith({
      providers: [{ name: 'cloud', available: 4 }],
      requests: [aRequest({ amount: 4, places: 3 })],
    });
    expect(amounts(grants)).toEqual(['1 small from cloud to zuul']);
  });

  it('grants all of them where there are just enough places', () => {
    const { grants } = allocateWith({
      providers: [{ name: 'cloud', available: 12 }],
      requests: [aRequest({ amount: 4, places: 3 })],
    });
    expect(amounts(grants)).toEqual(['4 small from cloud to zuul']);
  });

  it('grants nothing where a set is one place too big', () => {
    const { grants } = allocateWith({
      providers: [{ name: 'cloud', available: 2 }],
      requests: [aRequest({ places: 3 })],
    });
    expect(grants).toEqual([]);
  });

  it('asks the provider that has room for a set, not the one that has more places but too few', () => {
    const { grants } = allocateWith({
      providers: [
        { name: 'p1', available: 2 },
        { name: 'p2', available: 3 },
        { name: 'p3', available: 2 },
      ],
      requests: [aRequest({ places: 3, providers: ['p1', 'p2', 'p3'] })],
    });
    expect(amounts(grants)).toEqual(['1 small from p2 to zuul']);
  });

  it('grants what just fits although no binary fraction hits it', () => {
    // A third of the quota each: 49 places, three nodes.
    const { grants } = allocateWith({
      providers: [{ name: 'cloud', available: 49 }],
      requests: [aRequest({ amount: 9, places: 49 / 3 })],
    });
    expect(amounts(grants)).toEqual(['3 small from cloud to zuul']);
  });

  it('asks each provider for what fits there, where nodes take different places', () => {
    const request = { ...aRequest({ amount: 6 }), places: new Map(Object.entries({ p1: 5, p2: 2.5 })) };
    const providers = ['p1', 'p2'].map((name) => ({ name, available: 10 }));
    const { grants } = allocateWith({ providers, requests: [request] });
    expect(amounts(grants)).toEqual(['2 small from p1 to zuul', '4 small from p2 to zuul']);
  });

  it('weighs a label by the places that its nodes take', () => {
    const { grants } = allocateWith({
      providers: [{ name: 'cloud', available: 12 }],
      requests: [aRequest({ amount: 12 }), aRequest({ label: 'set', amount: 4, places: 3 })],
    });
    expect(amounts(grants)).toEqual(['6 small from cloud to zuul', '2 set from cloud to zuul']);
  });
});

describe('waiting', () => {
  const rivals = [aRequest({ label: 'a' }), aRequest({ label: 'b' })];
  const onePlace = [{ name: 'cloud', available: 1 }];

  it('serves a label that has waited before one that has not', () => {
    const { grants } = allocateWith({ providers: onePlace, requests: rivals, rounds: waited('b', 1) });
    expect(amounts(grants)).toEqual(['1 b from cloud to zuul']);
  });

  it('serves the label that has waited longest, and the earlier one of two that waited equally long', () => {
    const two = new Map([...(waited('a', 1)[0] ?? []), ...(waited('b', 1)[0] ?? [])]);
    const longer = allocateWith({ providers: onePlace, requests: rivals, rounds: [...waited('b', 1), two] });
    const equal = allocateWith({ providers: onePlace, requests: rivals, rounds: [two, two] });
    expect(amounts(longer.grants)).toEqual(['1 b from cloud to zuul']);
    expect(amounts(equal.grants)).toEqual(['1 a from cloud to zuul']);
  });

  it('records what each label got that asked', () => {
    const requests = [aRequest({ label: 'a', amount: 2 }), aRequest({ label: 'b', amount: 30 })];
    const { rounds } = allocateWith({ requests, rounds: waited('a', 1) });
    expect(rounds).toEqual([
      ...waited('a', 1),
      new Map([
        ['a', 2],
        ['b', 8],
      ]),
    ]);
  });

  it('does not let a label wait that asked for nothing', () => {
    const requests = [aRequest({ label: 'idle', amount: 0 }), aRequest({ label: 'small' })];
    const { rounds } = allocateWith({ requests, rounds: waited('idle', 5) });
    expect([...(rounds.at(-1)?.keys() ?? [])]).toEqual(['small']);
  });

  it('does not let a label wait that no provider could serve', () => {
    const requests = [
      aRequest({ label: 'no-image', providers: [] }),
      aRequest({ label: 'gone', providers: ['other'] }),
    ];
    expect(allocateWith({ requests })).toEqual({ grants: [], shares: [], rounds: [] });
  });

  it('lets a label wait whose providers are all full', () => {
    const { rounds } = allocateWith({ providers: [{ name: 'cloud', available: -3 }] });
    expect(rounds).toEqual([new Map([['small', 0]])]);
  });
});

describe('nodes for requests and nodes for queues', () => {
  /** Nodes given to each target: `o...` are open, `s...` hand their nodes out themselves. */
  const given = (
    request: { amount: number; forRequests?: number; forQueues?: number },
    there: Readonly<Record<string, number>>,
  ): Record<string, number> => {
    const targets = Object.entries(there).map(([name, count]) => ({
      name,
      isOpen: name.startsWith('o'),
      current: new Map([['small', count]]),
    }));
    const { grants } = allocateWith({ requests: [aRequest(request)], targets });
    return Object.fromEntries(grants.map(({ target, amount }) => [target, amount]));
  };

  it('go to open targets, and to the others', () => {
    expect(given({ amount: 5, forRequests: 2, forQueues: 3 }, { o: 0, s: 0 })).toEqual({ o: 2, s: 3 });
    expect(given({ amount: 2, forRequests: 2 }, { o: 9, s: 0 })).toEqual({ o: 2 });
    expect(given({ amount: 2, forQueues: 2 }, { o: 0, s: 9 })).toEqual({ s: 2 });
  });

  it('are spread evenly over those of their kind', () => {
    const there = { o1: 1, o2: 0, s1: 0, s2: 2 };
    expect(given({ amount: 7, forRequests: 3, forQueues: 4 }, there)).toEqual({ o1: 1, o2: 2, s1: 3, s2: 1 });
  });

  it('leave the rest to all, as evenly as that makes them', () => {
    expect(given({ amount: 6, forRequests: 2 }, { o: 0, s: 0 })).toEqual({ o: 3, s: 3 });
    expect(given({ amount: 3 }, { o: 3, s: 0 })).toEqual({ s: 3 });
  });

  it('go to whoever has less of what they want, where there are too few for all', () => {
    const wishes = { forRequests: 4, forQueues: 4 };
    expect(given({ amount: 3, ...wishes }, { o: 6, s: 0 })).toEqual({ s: 3 });
    expect(given({ amount: 3, ...wishes }, { o: 0, s: 6 })).toEqual({ o: 3 });
    expect(given({ amount: 3, ...wishes }, { o: 2, s: 2 })).toEqual({ o: 2, s: 1 });
  });

  it('never let requests that always come anew keep a job of a queue waiting, nor the other way round', () => {
    const rounds = (wishes: { forRequests: number; forQueues: number }, there: { o: number; s: number }): string[] =>
      Array.from({ length: 20 }, () => {
        const [target] = Object.keys(given({ amount: 1, ...wishes }, there)) as ['o' | 's'];
        there[target] += 1;
        return target;
      });
    expect(rounds({ forRequests: 50, forQueues: 1 }, { o: 5, s: 0 })).toContain('s');
    expect(rounds({ forRequests: 1, forQueues: 50 }, { o: 0, s: 5 })).toContain('o');
  });

  it('go to any target where all are of one kind', () => {
    expect(given({ amount: 4, forRequests: 4 }, { o1: 0, o2: 0 })).toEqual({ o1: 2, o2: 2 });
    expect(given({ amount: 4, forQueues: 4 }, { o1: 0, o2: 0 })).toEqual({ o1: 2, o2: 2 });
    expect(given({ amount: 4, forQueues: 4 }, { s1: 0, s2: 0 })).toEqual({ s1: 2, s2: 2 });
  });
});

describe('a label that fits nowhere', () => {
  const large = aRequest({ label: 'large', places: 5 });
  const small = aRequest({ label: 'small', amount: 3 });
  const problem = (waits: number, request: Partial<AllocationRequest>, available = 2): Partial<AllocationInput> => ({
    providers: [{ name: 'cloud', available }],
    requests: [small, { ...large, ...request }],
    rounds: waited('large', waits),
  });
  const granted = (input: Partial<AllocationInput>): string[] => amounts(allocateWith(input).grants);

  it('keeps what is free after ten rounds in which others got nodes, and not before', () => {
    expect(granted(problem(10, { keepAt: 'cloud' }))).toEqual([]);
    expect(granted(problem(9, { keepAt: 'cloud' }))).toEqual(['2 small from cloud to zuul']);
  });

  it('says so', () => {
    const { shares } = allocateWith(problem(10, { keepAt: 'cloud' }));
    expect(shares.map(({ label, granted: count, keeps }) => [label, count, keeps])).toEqual([
      ['large', 0, true],
      ['small', 0, false],
    ]);
  });

  it('keeps nothing elsewhere, nor where it fits', () => {
    expect(granted(problem(10, { keepAt: null }))).toEqual(['2 small from cloud to zuul']);
    expect(granted(problem(10, { keepAt: 'cloud' }, 8))).toEqual([
      '1 large from cloud to zuul',
      '3 small from cloud to zuul',
    ]);
    const two = {
      ...problem(10, { keepAt: 'cloud', places: new Map(Object.entries({ cloud: 5, else: 5 })) }),
      providers: [
        { name: 'cloud', available: 2 },
        { name: 'else', available: 5 },
      ],
    };
    expect(granted(two)).toEqual(['2 small from cloud to zuul', '1 large from else to zuul']);
  });

  it('gets its node although small ones take each single place as it comes free', () => {
    let free = 0;
    let rounds: readonly Round[] = [];
    const served: string[] = [];
    for (let turn = 0; turn < 40; turn += 1) {
      free += 1;
      const requests = [small, { ...large, keepAt: 'cloud' }];
      const allocation = allocateWith({ providers: [{ name: 'cloud', available: free }], requests, rounds });
      for (const { label, amount } of allocation.grants) {
        served.push(label);
        free -= label === 'large' ? 5 : amount;
      }
      if (allocation.grants.length > 0) rounds = allocation.rounds;
    }
    // And in between the others have their share.
    expect(served.map((label) => label.slice(0, 1)).join('')).toMatch(/^s{10}ls{10,}l/);
  });
});

it('takes the half of a place for a half although it is a quotient of fractions', () => {
  const providers = [
    { name: 'p1', available: 1 },
    { name: 'p2', available: 4 },
  ];
  const requests = [3, 1, 2].map((amount, index) => aRequest({ label: `l${index}`, amount, providers: ['p1', 'p2'] }));
  expect(allocateWith({ providers, requests }).grants[0]).toMatchObject({ label: 'l0', provider: 'p1', amount: 1 });
});

it('explains each grant and each refusal', () => {
  const { shares } = allocateWith({
    providers: [
      { name: 'p1', available: 2 },
      { name: 'p2', available: 6 },
    ],
    requests: [
      aRequest({ label: 'a', amount: 8, providers: ['p1', 'p2'] }),
      aRequest({ label: 'b', amount: 1, providers: ['p1'] }),
      aRequest({ label: 'c', amount: 2, providers: ['p1', 'p2'] }),
    ],
    rounds: waited('c', 3),
  });
  expect(shares).toEqual([
    { label: 'c', provider: 'p1', waited: 3, wanted: 0.5, share: 2, granted: 0, keeps: false },
    { label: 'b', provider: 'p1', waited: 0, wanted: 1, share: 2, granted: 1, keeps: false },
    { label: 'a', provider: 'p1', waited: 0, wanted: 2, share: 1, granted: 1, keeps: false },
    { label: 'c', provider: 'p2', waited: 3, wanted: 2, share: 6, granted: 2, keeps: false },
    { label: 'a', provider: 'p2', waited: 0, wanted: 7, share: 4, granted: 4, keeps: false },
  ]);
});

describe('for any problem', () => {
  const NAMES = ['p1', 'p2', 'p3', 'p4'];
  const LABELS = ['l1', 'l2', 'l3', 'l4', 'l5', 'l6'];
  const arbitraryRequest = fc.record({
    amount: fc.integer({ min: -2, max: 40 }),
    // Whole ones, and parts of the quota that no binary fraction hits.
    places: fc.constantFrom(1, 1, 2, 3, 5, 10 / 3, 7 / 6, 40 / 7, 41),
    providers: fc.subarray(NAMES),
    /** Parts of the amount. */
    requested: fc.constantFrom(0, 0, 0.5, 1),
    queued: fc.constantFrom(0, 0.5, 1),
    keepAt: fc.constantFrom(null, ...NAMES),
  });
  const arbitraryInput: fc.Arbitrary<AllocationInput> = fc
    .record({
      available: fc.tuple(...NAMES.map(() => fc.integer({ min: -20, max: 40 }))),
      requests: fc.tuple(...LABELS.map(() => arbitraryRequest)),
      targets: fc.array(fc.tuple(...LABELS.map(() => fc.nat(9))), { maxLength: 4 }),
      waits: fc.tuple(...LABELS.map(() => fc.nat(11))),
    })
    .map(({ available, requests, targets, waits }) => ({
      providers: NAMES.map((name, index) => ({ name, available: available[index] ?? 0 })),
      requests: LABELS.map((label, index) => {
        const { requested, queued, ...request } = requests[index]!;
        const forRequests = Math.max(0, Math.floor(request.amount * requested));
        const forQueues = Math.max(0, Math.floor((request.amount - forRequests) * queued));
        return { ...aRequest({ label, ...request }), forRequests, forQueues, keepAt: request.keepAt };
      }),
      targets: targets.map((counts, target) => ({
        name: `t${target}`,
        isOpen: target % 2 === 0,
        current: new Map(LABELS.map((label, index) => [label, counts[index] ?? 0])),
      })),
      rounds: [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1].map(
        (age) => new Map(LABELS.flatMap((label, index) => ((waits[index] ?? 0) >= age ? [[label, 0] as const] : []))),
      ),
    }));

  const sumBy = <T>(items: readonly T[], amountOf: (item: T) => number): number =>
    items.reduce((sum, item) => sum + amountOf(item), 0);

  it('grants no more servers than a provider has places, and only what it was asked for', () => {
    fc.assert(
      fc.property(arbitraryInput, (input) => {
        const { grants } = allocate(input);
        const placesOf = new Map(input.requests.map(({ label, places }) => [label, places]));
        for (const { name, available } of input.providers) {
          const there = grants.filter(({ provider }) => provider === name);
          const taken = sumBy(there, ({ label, amount }) => amount * placesOf.get(label)!.get(name)!);
          expect(taken).toBeLessThanOrEqual(Math.max(0, available) + 1e-6);
        }
        for (const { label, amount, places } of input.requests) {
          const own = grants.filter((grant) => grant.label === label);
          expect(sumBy(own, (grant) => grant.amount)).toBeLessThanOrEqual(Math.max(0, amount));
          expect(own.every((grant) => places.has(grant.provider))).toBe(true);
        }
        expect(grants.every(({ amount }) => Number.isInteger(amount) && amount > 0)).toBe(true);
      }),
    );
  });

  it('explains every request at every provider once, and every grant by its explanation', () => {
    fc.assert(
      fc.property(arbitraryInput, (input) => {
        const { grants, shares, rounds } = allocate(input);
        const asking = input.targets.length === 0 ? [] : input.requests.filter(({ amount }) => amount > 0);
        const pairs = asking.flatMap(({ label, places }) =>
          [...places.keys()].map((provider) => `${label} ${provider}`),
        );
        expect(shares.map(({ label, provider }) => `${label} ${provider}`).sort()).toEqual(pairs.sort());
        for (const { label, provider, granted } of shares) {
          const given = grants.filter((grant) => grant.label === label && grant.provider === provider);
          expect(sumBy(given, ({ amount }) => amount)).toBe(granted);
        }
        for (const [label, allocated] of rounds.at(-1) ?? []) {
          expect(
            sumBy(
              shares.filter((share) => share.label === label),
              ({ granted }) => granted,
            ),
          ).toBe(allocated);
        }
      }),
    );
  });

  it('gives requests nodes of open targets and queues those of others, and what neither wants to any', () => {
    let mixed = 0;
    fc.assert(
      fc.property(arbitraryInput, (input) => {
        const isOpen = new Map(input.targets.map((target) => [target.name, target.isOpen]));
        if (new Set(isOpen.values()).size < 2) return;
        const { grants } = allocate(input);
        for (const { label, forRequests, forQueues } of input.requests) {
          const own = grants.filter((grant) => grant.label === label);
          const atOpen = sumBy(own, ({ target, amount }) => (isOpen.get(target) === true ? amount : 0));
          const elsewhere = sumBy(own, ({ amount }) => amount) - atOpen;
          const isEnough = atOpen + elsewhere >= forRequests + forQueues;
          const isTrue = isEnough
            ? atOpen >= forRequests && elsewhere >= forQueues
            : atOpen <= forRequests && elsewhere <= forQueues;
          expect({ label, forRequests, forQueues, atOpen, elsewhere, isTrue }).toMatchObject({ isTrue: true });
          mixed += own.length;
        }
      }),
    );
    expect(mixed).toBeGreaterThan(20);
  });

  it('leaves no place free that a label without a rival asked for', () => {
    fc.assert(
      fc.property(arbitraryInput, fc.nat(LABELS.length - 1), (input, index) => {
        const request = input.requests[index] as AllocationRequest;
        const targets = [emptyTarget()];
        const { grants } = allocate({ ...input, targets, requests: [request], rounds: [] });
        const room = input.providers.map(({ name, available }) => {
          const places = request.places.get(name);
          return places === undefined ? 0 : Math.max(0, Math.floor(available / places + 1e-6));
        });
        expect(sumBy(grants, ({ amount }) => amount)).toBe(
          Math.min(
            Math.max(0, request.amount),
            sumBy(room, (count) => count),
          ),
        );
      }),
    );
  });

  it('serves every label within as many rounds as there are labels when one place comes free each time', () => {
    const requests = LABELS.map((label) => aRequest({ label, amount: 9 }));
    let rounds: readonly Round[] = [];
    const served = LABELS.flatMap(() => {
      const allocation = allocateWith({ providers: [{ name: 'cloud', available: 1 }], requests, rounds });
      rounds = allocation.rounds;
      return allocation.grants.map(({ label }) => label);
    });
    expect(served.sort()).toEqual(LABELS);
  });
});
