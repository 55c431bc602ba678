import { describe, expect, it } from 'vitest';
import { createCloudBook } from '../../../src/daemon/cloud-book.ts';
import { silentLog, type Log } from '../../../src/lib/log.ts';
import type { CloudView } from '../../../src/planning/world.ts';
import type { Accessory } from '../../../src/providers/provider.ts';
import { aTraits, limitsAt, NOW } from '../../support/builders.ts';

const PROVIDERS = [['cloud', { traits: aTraits() }]] as const;
const KEYPAIR: Accessory = { kind: 'keypair', id: 'k', name: 'k', serverId: null, tags: null };
const PORT: Accessory = { kind: 'port', id: 'k', name: '10.0.0.7', serverId: null, tags: null };

const viewOf = (book: ReturnType<typeof createCloudBook>, now = NOW): CloudView =>
  book.view(PROVIDERS, now).get('cloud')!;

it('takes a listing for unknown that was taken before the clock was set back, and any other for known', () => {
  const book = createCloudBook(silentLog);
  book.recordListing('cloud', 'servers', { takenAt: NOW, items: [] });
  book.recordListing('cloud', 'accessories', { takenAt: NOW, items: [] });
  book.recordLimits('cloud', NOW, limitsAt(NOW, { servers: 5 }));
  book.hint('cloud', NOW);
  expect(viewOf(book)).toMatchObject({
    servers: { known: true },
    accessories: { known: true },
    limits: { servers: 5 },
    hintedAt: NOW,
  });
  expect(viewOf(book, NOW - 3_600_000)).toMatchObject({
    servers: { known: false, retryAt: 0 },
    accessories: { known: false, retryAt: 0 },
    limits: null,
    hintedAt: 0,
  });
});

it('forgets all about a provider that another daemon acts on', () => {
  const book = createCloudBook(silentLog);
  book.recordListing('cloud', 'accessories', { takenAt: NOW, items: [KEYPAIR] });
  book.hint('cloud', NOW);
  book.forget('cloud');
  expect(viewOf(book)).toMatchObject({ accessories: { known: false }, hintedAt: 0 });
});

it('leaves out of the listing what was deleted since, and nothing else', () => {
  const book = createCloudBook(silentLog);
  book.recordListing('cloud', 'accessories', { takenAt: NOW - 5000, items: [KEYPAIR, PORT] });
  book.dropAccessory('cloud', KEYPAIR);
  expect(viewOf(book).accessories).toEqual({ known: true, takenAt: NOW - 5000, items: [PORT] });
});

describe('a listing of accessories that fails', () => {
  it('is unknown, is tried again later and later, and is news once', () => {
    const warnings: string[] = [];
    const log: Log = { ...silentLog, warn: (_facts, text) => void warnings.push(text) };
    const book = createCloudBook(log);
    const retries = [1, 2, 3].map(() => {
      book.recordFailure('cloud', 'accessories', { error: 'HTTP 403', now: NOW });
      const { accessories } = viewOf(book);
      return accessories.known ? null : accessories.retryAt - NOW;
    });
    expect(retries).toEqual([1000, 2000, 4000]);
    expect(warnings).toEqual([
      'listing accessories failed; what servers leave behind is not swept there until it works',
    ]);
  });

  it('does not make the servers unknown', () => {
    const book = createCloudBook(silentLog);
    book.recordListing('cloud', 'servers', { takenAt: NOW, items: [] });
    book.recordFailure('cloud', 'accessories', { error: 'HTTP 403', now: NOW });
    expect(viewOf(book).servers.known).toBe(true);
  });
});
