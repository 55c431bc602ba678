/**
 * Which step is due for one server of ours - a node's, a subnode's, an image's template - as a table: read
 * from the top, the first row that matches wins. Facts come from the record and the newest listing; nothing
 * depends on what a process remembers, so a restart goes on where the last one died.
 *
 * The rows about attempts are what keeps a crash from leaking or doubling a server: an attempt is recorded
 * before the create call; with an attempt on record only a listing taken after it could not have missed the
 * server decides, and a server that carries our tag is adopted before another is created.
 */
import type { ServerId } from '../lib/ids.ts';
import type { Server } from '../providers/provider.ts';
import { CREATE_ATTEMPTS_MAX } from './limits.ts';
import { mayHaveServer, type ServerSlot } from './records.ts';

export interface SlotFacts {
  readonly now: number;
  readonly slot: ServerSlot;
  /** The slot's server in the newest listing: by id, or without an id by tag. */
  readonly server: Server | null;
  /** When the newest listing was taken; null: the cloud's state is unknown. */
  readonly listedAt: number | null;
  /** Its server was missing in this listing and in an earlier one, both young enough to show it. */
  readonly isGone: boolean;
  /** A server may still appear this long after the attempt that created it. */
  readonly graceMs: number;
  readonly launchTimeoutMs: number;
  readonly bootTimeoutMs: number;
}

export type SlotFailure = 'server-gone' | 'server-error' | 'create-failed' | 'launch-timeout' | 'boot-timeout';

export type SlotStep =
  | { readonly do: 'up' }
  | { readonly do: 'create' }
  | { readonly do: 'adopt'; readonly server: Server }
  | { readonly do: 'probe'; readonly address: string; readonly addressPrivate: string | null }
  /** It comes up beside the wait for the listing that shows that. */
  | ({ readonly do: 'attach-floating-ip'; readonly serverId: ServerId } & Wait)
  | ({ readonly do: 'knock'; readonly address: string } & Wait)
  | ({ readonly do: 'wait' } & Wait)
  | { readonly do: 'fail'; readonly reason: SlotFailure; readonly detail: string | null };

/** Look again when a listing was taken after `listingAfter`, at the latest at `until`. */
export interface Wait {
  readonly listingAfter: number;
  /** What is waited for may be in any newer listing, or is decided by the first that was taken then. */
  readonly for: 'news' | 'decision';
  readonly until: number;
}

interface SlotRule {
  /** The condition in words, for the table in `src/README.md`. */
  readonly when: string;
  readonly then: string;
  readonly matches: (facts: SlotFacts) => boolean;
  readonly step: (facts: SlotFacts) => SlotStep;
}

/** The limit counts from the create call: a row that still waits for its first one is not late. */
const launchDeadline = ({ slot, launchTimeoutMs }: SlotFacts): number =>
  (slot.attemptAt ?? (slot.serverId === null ? Infinity : slot.createdAt)) + launchTimeoutMs;

const bootDeadline = ({ slot, bootTimeoutMs }: SlotFacts): number => (slot.activeAt ?? Infinity) + bootTimeoutMs;

const fail = (reason: SlotFailure, detail: string | null = null): SlotStep => ({ do: 'fail', reason, detail });

/** Any listing newer than the present one. */
const news = (facts: SlotFacts): Wait => ({
  listingAfter: facts.listedAt ?? 0,
  for: 'news',
  // Once it was seen ACTIVE only the boot time limit counts; the other one may have passed long ago.
  until: facts.slot.activeAt === null ? launchDeadline(facts) : bootDeadline(facts),
});

const waitForNews = (facts: SlotFacts): SlotStep => ({ do: 'wait', ...news(facts) });

const STATUS_WORDS = { building: 'in BUILD', active: 'ACTIVE', unknown: 'in a state that we do not know' } as const;

/** What the newest listing shows of a server that is not up in time. */
function lastSight({ server, listedAt }: SlotFacts): string {
  if (listedAt === null) return 'the state of the cloud is unknown';
  if (server === null) return 'the cloud does not list it';
  const { status, ip } = server;
  // ERROR and deletion are dealt with before.
  const words = STATUS_WORDS[status as keyof typeof STATUS_WORDS];
  return `last seen ${words}${ip === null ? ', without an address' : ` with address ${ip}`}`;
}

export const SLOT_RULES: readonly SlotRule[] = [
  {
    when: 'its server was missing in two listings, or is being deleted',
    then: 'fail: server-gone',
    matches: ({ isGone, server }) => isGone || server?.status === 'deleting',
    step: () => fail('server-gone'),
  },
  {
    when: 'its server is in ERROR',
    then: 'fail: server-error',
    matches: ({ server }) => server?.status === 'error',
    step: ({ server }) => fail('server-error', server?.fault ?? null),
  },
  {
    when: 'SSH has answered',
    then: 'up',
    matches: ({ slot }) => slot.reachableAt !== null,
    step: () => ({ do: 'up' }),
  },
  {
    when: 'ACTIVE for longer than boot-timeout',
    then: 'fail: boot-timeout',
    matches: (facts) => facts.now > bootDeadline(facts),
    step: () => fail('boot-timeout'),
  },
  {
    when: 'not seen ACTIVE within launch-timeout',
    then: 'fail: launch-timeout',
    matches: (facts) => facts.slot.activeAt === null && facts.now > launchDeadline(facts),
    step: (facts) => fail('launch-timeout', lastSight(facts)),
  },
  {
    when: 'the cloud is unknown',
    then: 'wait for a listing',
    matches: ({ listedAt }) => listedAt === null,
    step: waitForNews,
  },
  {
    when: 'no server id, and no attempt that may still have an effect',
    then: 'record an attempt, create',
    matches: ({ slot }) => !mayHaveServer(slot),
    step: () => ({ do: 'create' }),
  },
  {
    when: 'no server id, but a server with our tag',
    then: 'adopt it',
    matches: ({ slot, server }) => slot.serverId === null && server !== null,
    step: ({ server }) => ({ do: 'adopt', server: server as Server }),
  },
  {
    when: 'no server id, and the listing is not younger than attempt + grace',
    then: 'wait for one that is',
    matches: ({ slot, listedAt, graceMs }) =>
      slot.serverId === null && (listedAt ?? 0) <= (slot.attemptAt ?? 0) + graceMs,
    step: (facts) => ({
      do: 'wait',
      listingAfter: (facts.slot.attemptAt ?? 0) + facts.graceMs,
      for: 'decision',
      until: launchDeadline(facts),
    }),
  },
  {
    when: `no server id after ${CREATE_ATTEMPTS_MAX} attempts`,
    then: 'fail: create-failed',
    matches: ({ slot }) => slot.serverId === null && slot.attempt >= CREATE_ATTEMPTS_MAX,
    step: () => fail('create-failed', `no server came of ${CREATE_ATTEMPTS_MAX} create calls`),
  },
  {
    when: 'no server id',
    then: 'record an attempt, create',
    matches: ({ slot }) => slot.serverId === null,
    step: () => ({ do: 'create' }),
  },
  {
    when: 'ACTIVE with an address',
    then: 'probe SSH',
    matches: ({ server }) => server?.status === 'active' && server.ip !== null,
    step: ({ server }) => ({ do: 'probe', address: server?.ip ?? '', addressPrivate: server?.ipPrivate ?? null }),
  },
  {
    when: 'ACTIVE without an address, and it has to get a floating IP',
    then: 'attach one, wait for a newer listing',
    matches: ({ server }) => server?.status === 'active' && server.ip === null && server.wantsFloatingIp,
    step: (facts) => ({ do: 'attach-floating-ip', serverId: (facts.server as Server).id, ...news(facts) }),
  },
  {
    when: 'in BUILD with an address',
    then: 'knock at it, wait for a newer listing',
    matches: ({ server }) => server?.status === 'building' && server.ip !== null,
    step: (facts) => ({ do: 'knock', address: facts.server?.ip ?? '', ...news(facts) }),
  },
  {
    when: 'otherwise',
    then: 'wait for a newer listing',
    matches: () => true,
    step: waitForNews,
  },
];

/** The step that is due for a server of ours, by {@link SLOT_RULES}. */
export function nextSlotStep(facts: SlotFacts): SlotStep {
  const rule = SLOT_RULES.find(({ matches }) => matches(facts));
  return rule === undefined ? waitForNews(facts) : rule.step(facts);
}
