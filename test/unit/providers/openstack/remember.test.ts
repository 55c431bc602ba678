import { expect, it } from 'vitest';
import { NodepoolError } from '../../../../src/lib/errors.ts';
import { remember } from '../../../../src/providers/openstack/remember.ts';
import { createFakeClock } from '../../../support/fake-clock.ts';
import { signal } from './stub-cloud.ts';

it('reads once for all who ask meanwhile, and again when it is too old', async () => {
  const clock = createFakeClock();
  let reads = 0;
  const value = remember({ clock, maxAgeMs: 1000, read: async () => (reads += 1) });
  expect(await Promise.all([value.get(signal), value.get(signal)])).toEqual([1, 1]);
  await clock.advance(1000);
  expect(await value.get(signal)).toBe(1);
  expect(await value.get(signal, 999)).toBe(2);
  await clock.advance(1001);
  expect(await value.get(signal)).toBe(3);
});

it('reads again when the clock was set back by more than it may be old', async () => {
  const clock = createFakeClock(10_000);
  let reads = 0;
  const value = remember({ clock, maxAgeMs: 1000, read: async () => (reads += 1) });
  await value.get(signal);
  clock.set(9000);
  expect(await value.get(signal)).toBe(1);
  clock.set(8999);
  expect(await value.get(signal)).toBe(2);
});

it('does not remember an error', async () => {
  let reads = 0;
  const read = async () => {
    reads += 1;
    if (reads === 1) throw new NodepoolError('unavailable', 'no answer');
    return reads;
  };
  const value = remember({ clock: createFakeClock(), maxAgeMs: 1000, read });
  await expect(value.get(signal)).rejects.toMatchObject({ code: 'unavailable' });
  expect(await value.get(signal)).toBe(2);
});

it('reads for the others when the one who began is called off', async () => {
  const first = new AbortController();
  const read = (own: AbortSignal) =>
    new Promise<string>((resolve, reject) => {
      own.addEventListener('abort', () => reject(new NodepoolError('aborted', 'abandoned')));
      if (own !== first.signal) resolve('read');
    });
  const value = remember({ clock: createFakeClock(), maxAgeMs: 1000, read });
  const outcomes = Promise.allSettled([value.get(first.signal), value.get(signal), value.get(signal)]);
  first.abort();
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
});
