import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { NodepoolError } from '../../../src/lib/errors.ts';
import { Limiter, type LaneName } from '../../../src/lib/limiter.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const signal = new AbortController().signal;

/** A limiter, and calls that note when they start and end when they are told to. */
function withLimiter(options: { rateMs?: number; concurrency?: number } = {}) {
  const clock = createFakeClock(0);
  const limiter = new Limiter({ clock, rateMs: options.rateMs ?? 0, concurrency: options.concurrency ?? 1 });
  const started: { name: string; at: number }[] = [];
  const endings = new Map<string, () => void>();

  /** Queues a call that ends at once. */
  const quick = (lane: LaneName, name: string, own: AbortSignal = signal): Promise<void> =>
    limiter.run(lane, own, async () => {
      started.push({ name, at: clock.now() });
    });
  /** Queues a call that ends with `end(name)`. */
  const long = (lane: LaneName, name: string): Promise<void> =>
    limiter.run(lane, signal, () => {
      started.push({ name, at: clock.now() });
      return new Promise((resolve) => {
        endings.set(name, resolve);
      });
    });
  const end = async (name: string): Promise<void> => {
    endings.get(name)?.();
    await clock.advance(0);
  };
  const names = (): string[] => started.map(({ name }) => name);
  return { clock, limiter, started, quick, long, end, names };
}

describe('Limiter', () => {
  it('answers what the call answers, and rejects with what it throws', async () => {
    const { limiter } = withLimiter();
    const failure = new NodepoolError('quota', 'no room');
    await expect(limiter.run('read', signal, async () => 7)).resolves.toBe(7);
    await expect(limiter.run('read', signal, () => Promise.reject(failure))).rejects.toBe(failure);
    await expect(limiter.run('read', signal, async () => 8)).resolves.toBe(8);
  });

  describe('rate', () => {
    it('keeps the starts of any two calls rateMs apart, whatever their lanes', async () => {
      const { clock, quick, started } = withLimiter({ rateMs: 100, concurrency: 5 });
      for (const lane of ['read', 'create', 'delete', 'create'] as const) void quick(lane, lane);
      await clock.advance(299);
      expect(started.map(({ at }) => at)).toEqual([0, 100, 200]);
      await clock.advance(1);
      expect(started.map(({ at }) => at)).toEqual([0, 100, 200, 300]);
    });

    it('lets a call start at once when the last start was long enough ago', async () => {
      const { clock, quick, started } = withLimiter({ rateMs: 100 });
      await quick('read', 'first');
      await clock.advance(150);
      await quick('read', 'second');
      expect(started[1]).toEqual({ name: 'second', at: 150 });
    });

    it('waits no longer than the rate when the clock is set back', async () => {
      const { clock, quick, names } = withLimiter({ rateMs: 100 });
      await quick('read', 'first');
      clock.set(-3_600_000);
      void quick('read', 'second');
      await clock.advance(99);
      expect(names()).toEqual(['first']);
      await clock.advance(1);
      expect(names()).toEqual(['first', 'second']);
    });
  });

  describe('lanes', () => {
    it('has at most `concurrency` calls of a lane under way', async () => {
      const { long, end, names } = withLimiter({ concurrency: 2 });
      for (const name of ['a', 'b', 'c']) void long('create', name);
      await end('nothing');
      expect(names()).toEqual(['a', 'b']);
      await end('a');
      expect(names()).toEqual(['a', 'b', 'c']);
    });

    it('gives the place of a failed call to the next', async () => {
      const { limiter, quick } = withLimiter({ concurrency: 1 });
      const failing = limiter.run('create', signal, () => Promise.reject(new Error('lost')));
      const next = quick('create', 'next');
      await expect(failing).rejects.toThrow('lost');
      await expect(next).resolves.toBeUndefined();
    });

    it('starts deletions and listings while all places for creates are taken', async () => {
      const { long, quick, names } = withLimiter({ concurrency: 1 });
      void long('create', 'create');
      await quick('delete', 'delete');
      await quick('read', 'list');
      expect(names()).toEqual(['create', 'delete', 'list']);
    });

    it('serves the first come of a lane first', async () => {
      const { clock, quick, names } = withLimiter({ rateMs: 1 });
      const expected = Array.from({ length: 20 }, (_, index) => `create-${index}`);
      for (const name of expected) void quick('create', name);
      await clock.advance(100);
      expect(names()).toEqual(expected);
    });

    it('lets 100 deletions and a listing pass 1000 creates that came before', async () => {
      const { clock, quick, names } = withLimiter({ rateMs: 1 });
      for (let index = 0; index < 1000; index += 1) void quick('create', 'create');
      for (let index = 0; index < 100; index += 1) void quick('delete', 'delete');
      void quick('read', 'list');
      await clock.advance(210);
      expect(names().indexOf('list')).toBeLessThanOrEqual(3);
      expect(names().lastIndexOf('delete')).toBeLessThanOrEqual(205);
      expect(names().filter((name) => name === 'delete')).toHaveLength(100);
    });
  });

  describe('abort', () => {
    it('takes a waiting call out, which costs the others nothing', async () => {
      const { clock, quick, started } = withLimiter({ rateMs: 100 });
      const stop = new AbortController();
      void quick('create', 'first');
      const abandoned = quick('create', 'abandoned', stop.signal);
      void quick('create', 'last');
      stop.abort();
      await expect(abandoned).rejects.toMatchObject({ code: 'aborted' });
      await clock.advance(1000);
      expect(started).toEqual([
        { name: 'first', at: 0 },
        { name: 'last', at: 100 },
      ]);
    });

    it('takes the last of a lane out, and later calls still start', async () => {
      const { clock, long, quick, end, names } = withLimiter();
      const stop = new AbortController();
      void long('create', 'first');
      const abandoned = quick('create', 'abandoned', stop.signal);
      stop.abort();
      await expect(abandoned).rejects.toMatchObject({ code: 'aborted' });
      void quick('create', 'late');
      await end('first');
      await clock.advance(0);
      expect(names()).toEqual(['first', 'late']);
    });

    it('does not start a call whose signal has aborted already', async () => {
      const { quick, names } = withLimiter();
      await expect(quick('read', 'never', AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' });
      expect(names()).toEqual([]);
    });

    it('does not start a call that is abandoned at the moment of its turn', async () => {
      const { quick, names } = withLimiter();
      const stop = new AbortController();
      const call = quick('read', 'never', stop.signal);
      stop.abort();
      await expect(call).rejects.toMatchObject({ code: 'aborted' });
      await quick('read', 'next');
      expect(names()).toEqual(['next']);
    });

    it('leaves no timer behind when nothing waits any more', async () => {
      const { clock, quick } = withLimiter({ rateMs: 60_000 });
      const stop = new AbortController();
      await quick('read', 'first');
      const abandoned = quick('read', 'abandoned', stop.signal);
      await clock.advance(0);
      expect(clock.nextAt()).toBe(60_000);
      stop.abort();
      await expect(abandoned).rejects.toMatchObject({ code: 'aborted' });
      expect(clock.nextAt()).toBeNull();
    });
  });

  describe('a throttled call', () => {
    const throttled = (retryAfterMs?: number): NodepoolError =>
      new NodepoolError('throttled', 'slow down', retryAfterMs === undefined ? {} : { retryAfterMs });

    it('closes all lanes for as long as the cloud asked, and no longer', async () => {
      const { clock, limiter, quick, names } = withLimiter({ rateMs: 10 });
      await expect(limiter.run('create', signal, () => Promise.reject(throttled(5000)))).rejects.toThrow('slow down');
      void quick('read', 'list');
      void quick('delete', 'delete');
      await clock.advance(4999);
      expect(names()).toEqual([]);
      await clock.advance(1);
      expect(names()).toHaveLength(1);
      await clock.advance(10);
      expect(names()).toHaveLength(2);
    });

    it('does not shorten a longer hold', async () => {
      const { clock, limiter, quick, names } = withLimiter({ concurrency: 2 });
      const failures = [5000, 1000].map((ms) => limiter.run('create', signal, () => Promise.reject(throttled(ms))));
      await Promise.allSettled(failures);
      void quick('read', 'list');
      await clock.advance(4999);
      expect(names()).toEqual([]);
      await clock.advance(1);
      expect(names()).toEqual(['list']);
    });
  });

  describe('a throttled call without a time', () => {
    const refused = async (limiter: Limiter, code: 'throttled' | 'conflict' = 'throttled'): Promise<void> => {
      const call = limiter.run('create', signal, () => Promise.reject(new NodepoolError(code, 'slow down')));
      await expect(call).rejects.toMatchObject({ code });
    };
    /** Queues so many calls and answers when they started, once all have. */
    const startsOf = async ({ clock, quick, started }: ReturnType<typeof withLimiter>, count: number) => {
      const before = started.length;
      for (let index = 0; index < count; index += 1) void quick('read', `call ${index}`);
      await clock.advance(60_000);
      return started.slice(before).map(({ at }) => at);
    };

    it('keeps the next call back for 250 ms, and no longer', async () => {
      const { clock, limiter, quick, names } = withLimiter();
      await refused(limiter);
      void quick('delete', 'delete');
      await clock.advance(249);
      expect(names()).toEqual([]);
      await clock.advance(1);
      expect(names()).toEqual(['delete']);
    });

    it('keeps calls apart by a gap that each success shortens until there is none', async () => {
      const parts = withLimiter();
      await refused(parts.limiter);
      const starts = await startsOf(parts, 12);
      const gaps = starts.slice(1).map((at, index) => Math.round(at - (starts[index] as number)));
      // How long the next call waits is settled when a call starts, before its own success.
      expect(gaps).toEqual([250, 200, 160, 128, 102, 82, 66, 52, 0, 0, 0]);
    });

    it('doubles the gap each time, up to 10 s', async () => {
      const { clock, limiter } = withLimiter({ rateMs: 100 });
      const starts: number[] = [];
      const calls = Array.from({ length: 9 }, () =>
        limiter.run('create', signal, () => {
          starts.push(clock.now());
          return Promise.reject(new NodepoolError('throttled', 'slow down'));
        }),
      );
      const outcomes = Promise.allSettled(calls);
      await clock.advance(60_000);
      await outcomes;
      const gaps = starts.slice(1).map((at, index) => at - (starts[index] as number));
      expect(gaps).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    });

    it('begins above the rate where that is slow already', async () => {
      const { clock, limiter, quick, started } = withLimiter({ rateMs: 1000 });
      await refused(limiter);
      void quick('read', 'list');
      await clock.advance(60_000);
      expect(started).toEqual([{ name: 'list', at: 2000 }]);
    });

    it('counts once for all calls that were under way together', async () => {
      const { clock, limiter, quick, names } = withLimiter({ concurrency: 10 });
      await Promise.all(Array.from({ length: 10 }, () => refused(limiter)));
      void quick('read', 'list');
      await clock.advance(249);
      expect(names()).toEqual([]);
      await clock.advance(1);
      expect(names()).toEqual(['list']);
    });

    it('is not made up for by the success of a call that had started before', async () => {
      const { clock, limiter, long, quick, end, started } = withLimiter({ concurrency: 2 });
      void long('create', 'early');
      await refused(limiter);
      await end('early');
      for (const name of ['second', 'third']) void quick('read', name);
      await clock.advance(1000);
      expect(started.slice(1)).toEqual([
        { name: 'second', at: 250 },
        { name: 'third', at: 500 },
      ]);
    });

    it('is told from other errors, which pass', async () => {
      const { limiter, quick, names } = withLimiter();
      await refused(limiter, 'conflict');
      await quick('read', 'list');
      expect(names()).toEqual(['list']);
    });
  });

  describe('reject', () => {
    const noRoom = new NodepoolError('quota', 'no room');

    it('refuses all that wait in the lane with the error, and starts none of them', async () => {
      const { limiter, long, quick, end, names } = withLimiter();
      const running = long('create', 'running');
      const waiting = Promise.allSettled([quick('create', 'second'), quick('create', 'third')]);
      limiter.reject('create', noRoom);
      expect(await waiting).toEqual([1, 2].map(() => ({ status: 'rejected', reason: noRoom })));
      await end('running');
      await expect(running).resolves.toBeUndefined();
      expect(names()).toEqual(['running']);
    });

    it('leaves other lanes alone, and calls that come later', async () => {
      const { clock, limiter, quick, names } = withLimiter({ rateMs: 100 });
      await quick('read', 'first');
      void quick('delete', 'delete');
      limiter.reject('create', noRoom);
      void quick('create', 'create');
      await clock.advance(200);
      expect(names().sort()).toEqual(['create', 'delete', 'first']);
    });

    it('refuses a call once, even if its signal aborts after', async () => {
      const { clock, limiter, quick } = withLimiter({ rateMs: 60_000 });
      const stop = new AbortController();
      await quick('create', 'first');
      const refused = quick('create', 'refused', stop.signal);
      limiter.reject('create', noRoom);
      stop.abort();
      await expect(refused).rejects.toBe(noRoom);
      expect(clock.nextAt()).toBeNull();
    });
  });

  it('runs 10000 queued calls without a timer, with one listener on their signal', async () => {
    const { signal: shared } = new AbortController();
    const clock = { now: () => 0, sleep: () => Promise.reject(new Error('a timer was set')) };
    const runAll = async (): Promise<number> => {
      const limiter = new Limiter({ clock, rateMs: 0, concurrency: 100 });
      let ended = 0;
      const calls = Array.from({ length: 10_000 }, () => limiter.run('create', shared, async () => void (ended += 1)));
      await Promise.all(calls);
      return ended;
    };
    expect(await runAll()).toBe(10_000);
    expect(await runAll()).toBe(10_000);
    expect(getEventListeners(shared, 'abort')).toHaveLength(1);
  });
});
