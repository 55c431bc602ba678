/**
 * Divides missing nodes over providers and targets: the algorithm of the original Nodepool, whose 23 published
 * results are this module's golden tests.
 *
 * A *place* is room for one server. A node takes 1 + subnodes places, or more where another part of the quota is
 * scarcer for it than servers are; nothing is granted above the places that are free. A provider's *room* for a label
 * is the number of its nodes that fit into the places free at the start.
 *
 * Providers have their turn in the order of the configuration, and each request gets one chance at each:
 *
 * 1. What a label wants from this provider is its missing nodes times this provider's part of the room of all
 *    its providers that have not had their turn. What it does not get here it wants from the later ones.
 * 2. Labels that got nothing in the last round or rounds come first, longest wait first. Such a label takes
 *    what it wants, cut to a whole number (which may be 0), as far as it fits. One that has waited for many rounds and
 *    fits nowhere keeps what is free at one provider, or small nodes would take each single place for ever.
 * 3. The others follow, those with the fewest providers to go first: a label that only this provider can
 *    serve must not lose to one that has somewhere else to go. Among labels with equally many, each may have
 *    the part of the free places that its wish is of the wishes not yet answered. It is granted that or what
 *    it wants, whichever is less, both rounded half up.
 * 4. A grant is spread so that the targets come to have equally many nodes of the label. What requests wait for is
 *    spread over open targets only, what jobs in queues wait for over the others, if there are any.
 *
 * Where this differs from the original: subnodes and the size of servers count when a grant is sized; a label that asks
 * for nothing is not taken to be waiting, nor is one that no provider can serve yet; negative numbers count as 0.
 */
import { closeRound, countWait } from './allocation-history.ts';
import type { Round } from './memory.ts';

export interface AllocationInput {
  /** In the order of their turns. */
  readonly providers: readonly ProviderPlaces[];
  /** At most one per label; the order breaks ties. */
  readonly requests: readonly AllocationRequest[];
  /** Those that are online. With none, nothing is granted. */
  readonly targets: readonly TargetLoad[];
  /** What {@link Allocation.rounds} was last time. */
  readonly rounds: readonly Round[];
}

export interface ProviderPlaces {
  readonly name: string;
  /** Servers that may be added there. */
  readonly available: number;
}

export interface AllocationRequest {
  readonly label: string;
  /** Nodes that are missing. */
  readonly amount: number;
  /** Those of them that requests wait for, and that jobs in queues wait for. */
  readonly forRequests: number;
  readonly forQueues: number;
  /** Places that one node takes at each of those that can boot it now: a positive real number. */
  readonly places: ReadonlyMap<string, number>;
  /** Where places are kept for it when it has waited for long; null: nowhere. */
  readonly keepAt: string | null;
}

export interface TargetLoad {
  readonly name: string;
  /** Its nodes are granted to requests. */
  readonly isOpen: boolean;
  /** Nodes per label that are there already, in any state. */
  readonly current: ReadonlyMap<string, number>;
}

export interface Allocation {
  /** In the order in which they were made; every amount is positive. */
  readonly grants: readonly Grant[];
  /** How each grant, and each refusal, came about: one entry per request and provider. */
  readonly shares: readonly Share[];
  /** To be given back next time. */
  readonly rounds: readonly Round[];
}

export interface Grant {
  readonly target: string;
  readonly label: string;
  readonly provider: string;
  /** Nodes. */
  readonly amount: number;
}

export interface Share {
  readonly label: string;
  readonly provider: string;
  /** Rounds that the label has waited. */
  readonly waited: number;
  /** Nodes wanted from this provider: a real number. */
  readonly wanted: number;
  /** Nodes that its part of the free places came to; all that fitted, for a label served for its wait. */
  readonly share: number;
  readonly granted: number;
  /** What is free is kept for it until it fits. */
  readonly keeps: boolean;
}

/** A request while it is being served. */
interface Ask {
  readonly label: string;
  readonly requested: number;
  readonly waited: number;
  /** Nodes per target, in the order of the targets; grows with each grant. */
  readonly current: number[];
  /** What providers that have not had their turn have for it. */
  readonly ahead: Map<string, Offer>;
  /** Nodes that these had room for at the start. */
  room: number;
  missing: number;
  /** What of that has to be at open targets, and at others. */
  forRequests: number;
  forQueues: number;
  readonly keepAt: string | null;
}

interface Offer {
  /** Places that one node takes. */
  readonly places: number;
  /** Nodes that fit at the start. */
  readonly room: number;
}

/** An ask at a provider whose turn it is; `wanted` and `priority` are those at the start of the turn. */
interface Turn {
  readonly ask: Ask;
  readonly offer: Offer;
  readonly wanted: number;
  /** Providers to go, this one included. */
  readonly priority: number;
}

export function allocate(input: AllocationInput): Allocation {
  const asks = openAsks(input);
  const grants: Grant[] = [];
  const shares: Share[] = [];
  const open = input.targets.map(({ isOpen }) => isOpen);
  for (const provider of input.providers) {
    for (const [ask, share] of serve(provider, asks)) {
      shares.push(share);
      spreadGrant(ask, share.granted, open).forEach((amount, index) => {
        const target = input.targets[index];
        if (amount > 0 && target)
          grants.push({ target: target.name, label: ask.label, provider: provider.name, amount });
      });
    }
  }
  const round = new Map(asks.map(({ label, requested, missing }) => [label, requested - missing]));
  return { grants, shares, rounds: closeRound(input.rounds, round) };
}

function openAsks({ providers, requests, targets, rounds }: AllocationInput): Ask[] {
  if (targets.length === 0) return [];
  return requests.flatMap(({ label, amount, forRequests, forQueues, places, keepAt }) => {
    const ahead = openOffers(providers, places);
    if (amount <= 0 || ahead.size === 0) return [];
    let room = 0;
    for (const offer of ahead.values()) room += offer.room;
    return {
      label,
      requested: amount,
      waited: countWait(rounds, label),
      current: targets.map((target) => target.current.get(label) ?? 0),
      ahead,
      room,
      missing: amount,
      forRequests,
      forQueues,
      // One that fits somewhere has its turn there.
      keepAt: room === 0 ? keepAt : null,
    };
  });
}

function openOffers(providers: readonly ProviderPlaces[], placesAt: AllocationRequest['places']): Map<string, Offer> {
  const offers = new Map<string, Offer>();
  for (const { name, available } of providers) {
    const places = placesAt.get(name);
    if (places !== undefined) offers.set(name, { places, room: countRoom(available, places) });
  }
  return offers;
}

/** Shares are quotients of sums of quotients: what binary fractions miss of a half, or of a whole, by a hair is one. */
const HAIR = 1e-9;

/** Nodes of `places` places each that fit into `free` places; none into fewer than 0. */
export function countRoom(free: number, places: number): number {
  return Math.max(0, Math.floor(free / places + HAIR));
}

/**
 * Rounds in which others got nodes and a label did not, before places are kept for it. After it has got a node it waits as
 * long again, so that the others have their share.
 */
const KEEP_AFTER_ROUNDS = 10;

/** One provider's turn. Answers in the order of service and settles the asks. */
function serve(provider: ProviderPlaces, asks: readonly Ask[]): [Ask, Share][] {
  const served: [Ask, Share][] = [];
  let free = provider.available;
  const grant = ({ ask, offer, wanted }: Turn, share: number, granted: number): void => {
    const { label, waited } = ask;
    const keeps = granted === 0 && waited >= KEEP_AFTER_ROUNDS && ask.keepAt === provider.name;
    served.push([ask, { label, provider: provider.name, waited, wanted, share, granted, keeps }]);
    ask.ahead.delete(provider.name);
    ask.room -= offer.room;
    ask.missing -= granted;
    free = keeps ? 0 : free - granted * offer.places;
  };

  const turns = openTurns(asks, provider.name);
  const line = turns.filter(({ ask }) => ask.waited === 0);
  const waiting = turns.filter(({ ask }) => ask.waited > 0).sort((a, b) => b.ask.waited - a.ask.waited);
  for (const turn of waiting) {
    const fitting = countRoom(free, turn.offer.places);
    grant(turn, fitting, Math.min(Math.floor(turn.wanted), fitting));
  }
  line.sort((a, b) => a.priority - b.priority);
  const wishes = countWishes(line);
  line.forEach((turn, index) => {
    const wished = wishes[index] ?? 0;
    const share = wished > 0 ? (free * turn.wanted) / wished : 0;
    const fitting = countRoom(free, turn.offer.places);
    grant(turn, share, Math.min(roundHalfUp(turn.wanted), roundHalfUp(share), fitting));
  });
  return served;
}

function openTurns(asks: readonly Ask[], provider: string): Turn[] {
  const turns: Turn[] = [];
  for (const ask of asks) {
    const offer = ask.ahead.get(provider);
    if (offer === undefined) continue;
    const wanted = ask.room > 0 ? (ask.missing * offer.room) / ask.room : 0;
    turns.push({ ask, offer, wanted, priority: ask.ahead.size });
  }
  return turns;
}

/** Per turn of a sorted line: places that it and those behind it with the same priority wish for. */
function countWishes(line: readonly Turn[]): number[] {
  const wishes: number[] = [];
  for (let index = line.length - 1; index >= 0; index -= 1) {
    const turn = line[index] as Turn;
    const behind = line[index + 1]?.priority === turn.priority ? (wishes[index + 1] ?? 0) : 0;
    wishes[index] = turn.wanted * turn.offer.places + behind;
  }
  return wishes;
}

/** Nodes of a grant for each target: what is for requests to those that are `open`, what is for queues to the others. */
function spreadGrant(ask: Ask, amount: number, open: readonly boolean[]): number[] {
  const every = open.map(() => true);
  const isMixed = open.includes(true) && open.includes(false);
  // The usual case, in which all are of one kind, is one division.
  if (!isMixed || ask.forRequests + ask.forQueues === 0) return spread(ask.current, amount, every);
  const { forRequests, forQueues } = divide(ask, amount, open);
  ask.forRequests -= forRequests;
  ask.forQueues -= forQueues;
  const closed = open.map((isOpen) => !isOpen);
  const parts = [
    spread(ask.current, forRequests, open),
    spread(ask.current, forQueues, closed),
    spread(ask.current, amount - forRequests - forQueues, every),
  ];
  return every.map((_, index) => parts.reduce((sum, part) => sum + (part[index] ?? 0), 0));
}

/** Which part of a grant is for requests, and which for queues: node by node for those who have less of what they want. */
function divide(ask: Ask, amount: number, open: readonly boolean[]): { forRequests: number; forQueues: number } {
  let [requested, queued] = [ask.forRequests, ask.forQueues];
  let [there, elsewhere] = [0, 0];
  ask.current.forEach((count, index) => {
    if (open[index] === true) there += count;
    else elsewhere += count;
  });
  for (let left = amount; left > 0 && requested + queued > 0; left -= 1) {
    if (requested > 0 && (queued === 0 || there * queued <= elsewhere * requested)) {
      requested -= 1;
      there += 1;
    } else {
      queued -= 1;
      elsewhere += 1;
    }
  }
  return { forRequests: ask.forRequests - requested, forQueues: ask.forQueues - queued };
}

/** Spreads `amount` over the `eligible` of the targets with `current` nodes each, evenly in the end, and adds it to `current`. */
function spread(current: number[], amount: number, eligible: readonly boolean[]): number[] {
  let left = amount;
  let places = eligible.filter(Boolean).length;
  let total = current.reduce((sum, count, index) => sum + (eligible[index] === true ? count : 0), amount);
  return current.map((count, index) => {
    if (eligible[index] !== true) return 0;
    const even = Math.round(total / places);
    const given = Math.min(Math.max(0, even - count), left);
    left -= given;
    places -= 1;
    total -= count + given;
    current[index] = count + given;
    return given;
  });
}

function roundHalfUp(value: number): number {
  return Math.floor(value + 0.5 + HAIR);
}
