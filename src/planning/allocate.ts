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
 *    what it wants, cut to a whole number (which may be 0), as far as it fits.
 * 3. The others follow, those with the fewest providers to go first: a label that only this provider can
 *    serve must not lose to one that has somewhere else to go. Among labels with equally many, each may have
 *    the part of the free places that its wish is of the wishes not yet answered. It is granted that or what
 *    it wants, whichever is less, both rounded half up.
 * 4. A grant is spread so that the targets come to have equally many nodes of the label.
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
  /** Places that one node takes at each of those that can boot it now: a positive real number. */
  readonly places: ReadonlyMap<string, number>;
}

export interface TargetLoad {
  readonly name: string;
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
  for (const provider of input.providers) {
    for (const [ask, share] of serve(provider, asks)) {
      shares.push(share);
      spread(ask.current, share.granted).forEach((amount, index) => {
        const target = input.targets[index];
        if (amount > 0 && target)
          grants.push({ target: target.name, label: ask.label, provider: provider.name, amount });
      });
    }
  }
  const round = new Map(
    asks.map((ask) => [ask.label, { requested: ask.requested, allocated: ask.requested - ask.missing }]),
  );
  return { grants, shares, rounds: closeRound(input.rounds, round) };
}

function openAsks({ providers, requests, targets, rounds }: AllocationInput): Ask[] {
  if (targets.length === 0) return [];
  return requests.flatMap(({ label, amount, places }) => {
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

/** One provider's turn. Answers in the order of service and settles the asks. */
function serve(provider: ProviderPlaces, asks: readonly Ask[]): [Ask, Share][] {
  const served: [Ask, Share][] = [];
  let free = provider.available;
  const grant = ({ ask, offer, wanted }: Turn, share: number, amount: number): void => {
    served.push([
      ask,
      { label: ask.label, provider: provider.name, waited: ask.waited, wanted, share, granted: amount },
    ]);
    ask.ahead.delete(provider.name);
    ask.room -= offer.room;
    ask.missing -= amount;
    free -= amount * offer.places;
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

/** Spreads `amount` over targets with `current` nodes each, evenly in the end, and adds it to `current`. */
function spread(current: number[], amount: number): number[] {
  let left = amount;
  let total = current.reduce((sum, count) => sum + count, amount);
  return current.map((count, index) => {
    const even = Math.round(total / (current.length - index));
    const given = Math.min(Math.max(0, even - count), left);
    left -= given;
    total -= count + given;
    current[index] = count + given;
    return given;
  });
}

function roundHalfUp(value: number): number {
  return Math.floor(value + 0.5 + HAIR);
}
