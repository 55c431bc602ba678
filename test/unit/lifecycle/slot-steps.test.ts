import { describe, expect, it } from 'vitest';
import { serverId } from '../../../src/lib/ids.ts';
import { CREATE_ATTEMPTS_MAX } from '../../../src/lifecycle/limits.ts';
import type { ServerSlot } from '../../../src/lifecycle/records.ts';
import { nextSlotStep, SLOT_RULES, type SlotFacts, type SlotStep } from '../../../src/lifecycle/slot-steps.ts';
import { aNode, aServer, NOW } from '../../support/builders.ts';

const SERVER = serverId('s-1');
const GRACE = 65_000;
const LAUNCH = 3_600_000;
const BOOT = 60_000;

/** A slot of which only its creation a minute ago is known. */
function aSlot(overrides: Partial<ServerSlot> = {}): ServerSlot {
  return { ...aNode({ state: 'building' }), ...overrides };
}

function someFacts(overrides: Partial<SlotFacts> = {}): SlotFacts {
  return {
    now: NOW,
    slot: aSlot(),
    server: null,
    listedAt: NOW - 1,
    isGone: false,
    graceMs: GRACE,
    launchTimeoutMs: LAUNCH,
    bootTimeoutMs: BOOT,
    ...overrides,
  };
}

/** A slot whose server is known by id since `age` milliseconds. */
const known = (age: number, overrides: Partial<ServerSlot> = {}): ServerSlot =>
  aSlot({ serverId: SERVER, attempt: 1, attemptAt: NOW - age, ...overrides });
/** A slot whose create call was recorded `age` milliseconds ago and not answered. */
const tried = (age: number, attempt = 1): ServerSlot => aSlot({ attempt, attemptAt: NOW - age });

const building = aServer({ id: SERVER, status: 'building', ip: null });
const active = aServer({ id: SERVER, ip: '203.0.113.9', ipPrivate: '10.0.0.9' });

interface Case {
  readonly it: string;
  /** The row that decides. */
  readonly row: string;
  readonly facts: Partial<SlotFacts>;
  readonly step: SlotStep;
}

const news = (listingAfter: number, until: number) => ({ listingAfter, for: 'news', until }) as const;
const wait = (listingAfter: number, until: number): SlotStep => ({ do: 'wait', ...news(listingAfter, until) });
const probe: SlotStep = { do: 'probe', address: '203.0.113.9', addressPrivate: '10.0.0.9' };

const GONE = 'its server was missing in two listings, or is being deleted';
const ERROR = 'its server is in ERROR';
const UP = 'SSH has answered';
const BOOT_TIMEOUT = 'ACTIVE for longer than boot-timeout';
const LAUNCH_TIMEOUT = 'not seen ACTIVE within launch-timeout';
const UNKNOWN = 'the cloud is unknown';
const FRESH = 'no server id, and no attempt that may still have an effect';
const ADOPT = 'no server id, but a server with our tag';
const TOO_EARLY = 'no server id, and the listing is not younger than attempt + grace';
const GIVE_UP = `no server id after ${CREATE_ATTEMPTS_MAX} attempts`;
const AGAIN = 'no server id';
const PROBE = 'ACTIVE with an address';
const FLOATING_IP = 'ACTIVE without an address, and it has to get a floating IP';
const KNOCK = 'in BUILD with an address';
const OTHERWISE = 'otherwise';

const CASES: readonly Case[] = [
  {
    it: 'fails when its server is gone, although SSH has answered once',
    row: GONE,
    facts: { slot: known(5000, { reachableAt: NOW - 1000 }), isGone: true },
    step: { do: 'fail', reason: 'server-gone', detail: null },
  },
  {
    it: 'fails when somebody deletes its server',
    row: GONE,
    facts: { slot: known(5000), server: { ...active, status: 'deleting' } },
    step: { do: 'fail', reason: 'server-gone', detail: null },
  },
  {
    it: 'fails with the words of the cloud when its server is in ERROR',
    row: ERROR,
    facts: { slot: known(5000), server: { ...building, status: 'error', fault: 'No valid host was found.' } },
    step: { do: 'fail', reason: 'server-error', detail: 'No valid host was found.' },
  },
  {
    it: 'fails when a server with its tag is in ERROR before its id is known',
    row: ERROR,
    facts: { slot: tried(5000), server: { ...building, status: 'error' } },
    step: { do: 'fail', reason: 'server-error', detail: null },
  },
  {
    it: 'is up when SSH has answered, although the cloud is unknown and every limit has passed',
    row: UP,
    facts: { slot: known(2 * LAUNCH, { activeAt: NOW - LAUNCH, reachableAt: NOW - LAUNCH }), listedAt: null },
    step: { do: 'up' },
  },
  {
    it: 'fails when SSH did not answer within boot-timeout',
    row: BOOT_TIMEOUT,
    facts: { slot: known(LAUNCH, { activeAt: NOW - BOOT - 1 }), server: active },
    step: { do: 'fail', reason: 'boot-timeout', detail: null },
  },
  {
    it: 'asks SSH again until boot-timeout has passed',
    row: PROBE,
    facts: { slot: known(LAUNCH, { activeAt: NOW - BOOT }), server: active },
    step: probe,
  },
  {
    it: 'fails when its server was not seen ACTIVE within launch-timeout',
    row: LAUNCH_TIMEOUT,
    facts: { slot: known(LAUNCH + 1), server: building },
    step: { do: 'fail', reason: 'launch-timeout', detail: 'last seen in BUILD, without an address' },
  },
  {
    it: 'tells of a server that was ACTIVE in time but never had an address',
    row: LAUNCH_TIMEOUT,
    facts: { slot: known(LAUNCH + 1), server: { ...active, ip: null } },
    step: { do: 'fail', reason: 'launch-timeout', detail: 'last seen ACTIVE, without an address' },
  },
  {
    it: 'tells of a server that the cloud does not list',
    row: LAUNCH_TIMEOUT,
    facts: { slot: known(LAUNCH + 1) },
    step: { do: 'fail', reason: 'launch-timeout', detail: 'the cloud does not list it' },
  },
  {
    it: 'tells of a cloud that did not answer in the end',
    row: LAUNCH_TIMEOUT,
    facts: { slot: known(LAUNCH + 1), listedAt: null },
    step: { do: 'fail', reason: 'launch-timeout', detail: 'the state of the cloud is unknown' },
  },
  {
    it: 'waits for it to become ACTIVE until launch-timeout has passed',
    row: OTHERWISE,
    facts: { slot: known(LAUNCH), server: building },
    step: wait(NOW - 1, NOW),
  },
  {
    it: 'counts launch-timeout no more once its server was seen ACTIVE',
    row: PROBE,
    facts: { slot: known(LAUNCH + 1, { activeAt: NOW - 1000 }), server: active },
    step: probe,
  },
  {
    it: 'counts launch-timeout from the create call: a row that waited long for it is not late',
    row: FRESH,
    facts: { slot: aSlot({ createdAt: NOW - 2 * LAUNCH }) },
    step: { do: 'create' },
  },
  {
    it: 'counts launch-timeout from its creation for a server of another version, whose attempt is not on record',
    row: LAUNCH_TIMEOUT,
    facts: { slot: aSlot({ serverId: SERVER, createdAt: NOW - LAUNCH - 1 }), server: building },
    step: { do: 'fail', reason: 'launch-timeout', detail: 'last seen in BUILD, without an address' },
  },
  {
    it: 'creates nothing while the cloud is unknown, and has no deadline without an attempt',
    row: UNKNOWN,
    facts: { listedAt: null },
    step: wait(0, Infinity),
  },
  {
    it: 'waits for a listing while the cloud is unknown, until launch-timeout',
    row: UNKNOWN,
    facts: { slot: known(5000), listedAt: null },
    step: wait(0, NOW - 5000 + LAUNCH),
  },
  {
    it: 'waits for a listing while the cloud is unknown, until boot-timeout once it was ACTIVE',
    row: UNKNOWN,
    facts: { slot: known(LAUNCH + 1, { activeAt: NOW - 1000 }), listedAt: null },
    step: wait(0, NOW - 1000 + BOOT),
  },
  {
    it: 'creates its server when none was ever asked for, whatever the age of the listing',
    row: FRESH,
    facts: { listedAt: NOW - 10 * LAUNCH },
    step: { do: 'create' },
  },
  {
    it: 'creates again at once after a refusal that promised that nothing was created',
    row: FRESH,
    facts: { slot: aSlot({ attempt: 7 }) },
    step: { do: 'create' },
  },
  {
    it: 'adopts a server with its tag at once, without waiting for the grace time',
    row: ADOPT,
    facts: { slot: tried(1000), server: building },
    step: { do: 'adopt', server: building },
  },
  {
    it: 'adopts a server of its last attempt instead of giving up',
    row: ADOPT,
    facts: { slot: tried(2 * GRACE, CREATE_ATTEMPTS_MAX), server: building, listedAt: NOW },
    step: { do: 'adopt', server: building },
  },
  {
    it: 'does not create again before a listing is younger than attempt + grace',
    row: TOO_EARLY,
    facts: { slot: tried(2 * GRACE), listedAt: NOW - GRACE },
    step: { do: 'wait', listingAfter: NOW - GRACE, for: 'decision', until: NOW - 2 * GRACE + LAUNCH },
  },
  {
    it: 'creates again when a listing younger than attempt + grace does not show it',
    row: AGAIN,
    facts: { slot: tried(2 * GRACE), listedAt: NOW - GRACE + 1 },
    step: { do: 'create' },
  },
  {
    it: 'gives up when no server came of its last attempt',
    row: GIVE_UP,
    facts: { slot: tried(2 * GRACE, CREATE_ATTEMPTS_MAX), listedAt: NOW },
    step: { do: 'fail', reason: 'create-failed', detail: `no server came of ${CREATE_ATTEMPTS_MAX} create calls` },
  },
  {
    it: 'does not give up before its last attempt',
    row: AGAIN,
    facts: { slot: tried(2 * GRACE, CREATE_ATTEMPTS_MAX - 1), listedAt: NOW },
    step: { do: 'create' },
  },
  {
    it: 'asks SSH when its server is ACTIVE with an address',
    row: PROBE,
    facts: { slot: known(5000), server: active },
    step: probe,
  },
  {
    it: 'asks SSH of a server without a private address',
    row: PROBE,
    facts: { slot: known(5000), server: { ...active, ipPrivate: null } },
    step: { ...probe, addressPrivate: null },
  },
  {
    it: 'gives its server a floating IP when it is ACTIVE and has to have one',
    row: FLOATING_IP,
    facts: { slot: known(5000), server: { ...active, ip: null, wantsFloatingIp: true } },
    step: { do: 'attach-floating-ip', serverId: SERVER, ...news(NOW - 1, NOW - 5000 + LAUNCH) },
  },
  {
    it: 'gives no floating IP to a server that is still in BUILD',
    row: OTHERWISE,
    facts: { slot: known(5000), server: { ...building, wantsFloatingIp: true } },
    step: wait(NOW - 1, NOW - 5000 + LAUNCH),
  },
  {
    it: 'asks SSH of a server that has its floating IP',
    row: PROBE,
    facts: { slot: known(5000), server: { ...active, wantsFloatingIp: true } },
    step: probe,
  },
  {
    it: 'knocks at a server in BUILD that has an address',
    row: KNOCK,
    facts: { slot: known(5000), server: { ...building, ip: '203.0.113.9' } },
    step: { do: 'knock', address: '203.0.113.9', ...news(NOW - 1, NOW - 5000 + LAUNCH) },
  },
  {
    it: 'does not knock at a server in BUILD without an address',
    row: OTHERWISE,
    facts: { slot: known(5000), server: building },
    step: wait(NOW - 1, NOW - 5000 + LAUNCH),
  },
  {
    it: 'waits for an address when its server is ACTIVE without one',
    row: OTHERWISE,
    facts: { slot: known(5000), server: { ...active, ip: null } },
    step: wait(NOW - 1, NOW - 5000 + LAUNCH),
  },
  {
    it: 'waits for a newer listing while its server is not in one, until it is known to be gone',
    row: OTHERWISE,
    facts: { slot: known(5000) },
    step: wait(NOW - 1, NOW - 5000 + LAUNCH),
  },
];

describe('the step that is due for a server', () => {
  it.each(CASES)('$it', ({ row, facts, step }) => {
    const all = someFacts(facts);
    expect({ row: SLOT_RULES.find(({ matches }) => matches(all))?.when, step: nextSlotStep(all) }).toEqual({
      row,
      step,
    });
  });

  it('has a case here for every row of the table', () => {
    expect(SLOT_RULES.map(({ when }) => when).filter((when) => !CASES.some(({ row }) => row === when))).toEqual([]);
  });

  it('is a wait that ends in the future or never, whatever is known', () => {
    const slots = [aSlot(), tried(1000), tried(GRACE, 2), known(LAUNCH), known(LAUNCH + 1, { activeAt: NOW - BOOT })];
    const servers = [null, building, { ...active, ip: null }, { ...active, status: 'unknown' as const, ip: null }];
    const steps = slots.flatMap((slot) =>
      servers.flatMap((server) =>
        [null, NOW - 2 * LAUNCH, NOW].map((listedAt) => nextSlotStep(someFacts({ slot, server, listedAt }))),
      ),
    );
    const waits = steps.filter((step) => step.do === 'wait');
    expect(waits.length).toBeGreaterThan(10);
    expect(waits.filter(({ until }) => until < NOW)).toEqual([]);
  });
});
