import { describe, expect, it } from 'vitest';
import { NodepoolError } from '../../../src/lib/errors.ts';
import { cloudImageId, serverId } from '../../../src/lib/ids.ts';
import type { Cloud, CloudLimits } from '../../../src/providers/provider.ts';
import { TASK_NAMES } from '../../../src/providers/supervised.ts';
import { admitted, answers, anUpload, LIMITS, never, signal, spec, tags, withCloud } from './supervised-cloud.ts';

const anyFunction = expect.any(Function) as unknown;

describe('supervise', () => {
  it('passes each call on with its arguments, answers what it answers, and reports it', async () => {
    const seen: unknown[] = [];
    const recorded = Object.entries(answers).map(([call, answer]) => {
      const record = (...args: unknown[]): unknown => {
        seen.push([call, ...args.slice(0, -1)]);
        return (answer as () => unknown)();
      };
      return [call, record];
    });
    const { cloud, reports } = withCloud(Object.fromEntries(recorded) as Cloud);
    const imageSpec = { name: 'template', meta: {}, tags };
    const upload = anUpload();
    const keypair = { publicKey: 'ssh-rsa AAAA', tags };
    const accessory = { kind: 'keypair', id: 'k1' } as const;
    expect([
      await cloud.listServers(signal),
      await cloud.createServer(spec, signal, admitted),
      await cloud.deleteServer(serverId('s9'), signal),
      await cloud.listImages(signal),
      await cloud.saveImage(serverId('s9'), imageSpec, signal),
      await cloud.uploadImage(upload, signal),
      await cloud.findImage(cloudImageId('i9'), signal),
      await cloud.deleteImage(cloudImageId('i9'), signal),
      await cloud.limits(signal),
      await cloud.listAccessories(signal),
      await cloud.deleteAccessory(accessory, signal),
      await cloud.createKeypair(keypair, signal),
      await cloud.attachFloatingIp(serverId('s9'), tags, signal),
      await cloud.readConsole(serverId('s9'), signal),
    ]).toEqual([
      ...[[], 's1', undefined, [], 'i1', undefined, null, undefined],
      ...[LIMITS, [], undefined, 'k1', undefined, 'login:'],
    ]);
    expect(seen).toEqual([
      ['listServers'],
      ['createServer', spec],
      ['deleteServer', 's9'],
      ['listImages'],
      ['saveImage', 's9', imageSpec],
      ['uploadImage', { ...upload, open: anyFunction, onProgress: anyFunction }],
      ['findImage', 'i9'],
      ['deleteImage', 'i9'],
      ['limits'],
      ['listAccessories'],
      ['deleteAccessory', accessory],
      ['createKeypair', keypair],
      ['attachFloatingIp', 's9', tags],
      ['readConsole', 's9'],
    ]);
    const calls = Object.keys(TASK_NAMES);
    expect(reports).toEqual(calls.map((call) => ({ provider: 'rax', call, ms: 0 })));
  });

  describe('admission', () => {
    it('is asked for when the turn of a create has come, before anything is sent', async () => {
      const steps: string[] = [];
      const { cloud, clock } = withCloud(
        { createServer: async () => (steps.push(`sent at ${clock.now()}`), serverId('s1')) },
        { rateMs: 1000 },
      );
      await cloud.limits(signal);
      const call = cloud.createServer(spec, signal, async () => {
        steps.push(`asked at ${clock.now()}`);
        await clock.sleep(50);
      });
      await clock.advance(999);
      expect(steps).toEqual([]);
      await clock.advance(51);
      await call;
      expect(steps).toEqual(['asked at 1000', 'sent at 1050']);
    });

    it('ends the call with what it throws, unsent and unreported, and frees its place', async () => {
      let sent = 0;
      const { cloud, reports } = withCloud({ createServer: async () => ((sent += 1), serverId('s1')) });
      const lost = new Error('another daemon has the row');
      await expect(cloud.createServer(spec, signal, () => Promise.reject(lost))).rejects.toBe(lost);
      expect([sent, reports]).toEqual([0, []]);
      await expect(cloud.createServer(spec, signal, admitted)).resolves.toBe('s1');
    });

    it('does not count against the time limit', async () => {
      const { cloud, clock, reports } = withCloud();
      const call = cloud.createServer(spec, signal, () => clock.sleep(90_000));
      await clock.advance(90_000);
      await expect(call).resolves.toBe('s1');
      expect(reports).toMatchObject([{ call: 'createServer', ms: 0 }]);
    });

    it('does not send a call that was abandoned meanwhile', async () => {
      let sent = 0;
      const { cloud, clock } = withCloud({ createServer: async () => ((sent += 1), serverId('s1')) });
      const stop = new AbortController();
      const call = cloud.createServer(spec, stop.signal, () => clock.sleep(50));
      const outcome = expect(call).rejects.toMatchObject({ code: 'aborted' });
      stop.abort();
      await clock.advance(50);
      await outcome;
      expect(sent).toBe(0);
    });
  });

  describe('a create refused for the quota', () => {
    const noRoom = new NodepoolError('quota', 'no room');

    it('has the creates that wait refused with the same error, unasked, unsent and unreported', async () => {
      let asked = 0;
      const { cloud, reports } = withCloud({ createServer: () => Promise.reject(noRoom) });
      const admission = async (): Promise<void> => void (asked += 1);
      const calls = Array.from({ length: 3 }, () => cloud.createServer(spec, signal, admission));
      const reason: unknown = noRoom;
      expect(await Promise.allSettled(calls)).toEqual(calls.map(() => ({ status: 'rejected', reason })));
      expect(asked).toBe(1);
      expect(reports).toMatchObject([{ call: 'createServer' }]);
    });

    it('lets all other calls that wait go on, and creates that come later', async () => {
      const outcomes = [() => Promise.reject(noRoom), () => Promise.resolve(serverId('s2'))];
      const { cloud, clock } = withCloud({ createServer: () => outcomes.shift()?.() ?? never() }, { rateMs: 100 });
      const refused = cloud.createServer(spec, signal, admitted).catch((error: unknown) => error);
      const others = [
        cloud.createKeypair({ publicKey: 'ssh-rsa AAAA', tags }, signal),
        cloud.attachFloatingIp(serverId('s1'), tags, signal),
        cloud.saveImage(serverId('s1'), { name: 'template', meta: {}, tags }, signal),
        cloud.deleteServer(serverId('s1'), signal),
      ];
      expect(await refused).toBe(noRoom);
      const later = cloud.createServer(spec, signal, admitted);
      await clock.advance(1000);
      expect(await Promise.all([...others, later])).toEqual(['k1', undefined, 'i1', undefined, 's2']);
    });

    it.each(['rejected', 'unavailable', 'throttled', 'conflict'] as const)('differs from %s', async (code) => {
      const outcomes = [() => Promise.reject(new NodepoolError(code, 'said the cloud')), async () => serverId('s2')];
      const { cloud, clock } = withCloud({ createServer: () => outcomes.shift()?.() ?? never() });
      const calls = Promise.allSettled([1, 2].map(() => cloud.createServer(spec, signal, admitted)));
      await clock.advance(1000);
      expect(await calls).toMatchObject([{ status: 'rejected' }, { status: 'fulfilled', value: 's2' }]);
    });
  });

  describe('time limit', () => {
    it('gives a call up as unavailable when its time is over, even if the driver heeds no signal', async () => {
      const { cloud, clock, reports } = withCloud({ createServer: never });
      const call = cloud.createServer(spec, signal, admitted);
      const outcome = expect(call).rejects.toMatchObject({
        code: 'unavailable',
        message: 'rax did not answer createServer within 60 s',
      });
      await clock.advance(60_000);
      await outcome;
      expect(reports).toMatchObject([{ call: 'createServer', ms: 60_000 }]);
    });

    it('does not give a call up before', async () => {
      let answer: (servers: []) => void = () => undefined;
      const { cloud, clock } = withCloud({ listServers: () => new Promise((resolve) => (answer = resolve)) });
      const call = cloud.listServers(signal);
      await clock.advance(59_999);
      answer([]);
      await expect(call).resolves.toEqual([]);
    });

    it('aborts the signal of the driver', async () => {
      let given: AbortSignal | undefined;
      const { cloud, clock } = withCloud({ limits: (own) => ((given = own), never()) });
      const call = cloud.limits(signal).catch((error: unknown) => error);
      await clock.advance(59_999);
      expect(given?.aborted).toBe(false);
      await clock.advance(1);
      expect(given?.aborted).toBe(true);
      await call;
    });

    it('does not count the wait for a turn', async () => {
      const { cloud, clock } = withCloud({}, { rateMs: 90_000 });
      await cloud.limits(signal);
      const second = cloud.limits(signal);
      await clock.advance(90_000);
      await expect(second).resolves.toEqual(LIMITS);
    });

    it('holds for each call from its own start', async () => {
      const { cloud, clock, reports } = withCloud({ listServers: never, createServer: never, deleteServer: never });
      const calls = [cloud.listServers(signal)];
      await clock.advance(20_000);
      calls.push(cloud.createServer(spec, signal, admitted) as Promise<never>);
      await clock.advance(20_000);
      calls.push(cloud.deleteServer(serverId('s1'), signal) as Promise<never>);
      const settled = Promise.allSettled(calls);
      await clock.advance(60_000);
      await settled;
      expect(reports.map(({ call, ms }) => [call, ms])).toEqual([
        ['listServers', 60_000],
        ['createServer', 60_000],
        ['deleteServer', 60_000],
      ]);
    });

    it('leaves the signal of a call alone that ended in time', async () => {
      let answer: (limits: CloudLimits) => void = () => undefined;
      let given: AbortSignal | undefined;
      const limits = (own: AbortSignal): Promise<CloudLimits> => {
        given = own;
        return new Promise((resolve) => (answer = resolve));
      };
      const { cloud, clock } = withCloud({ limits, createServer: never });
      const call = cloud.limits(signal);
      const hanging = cloud.createServer(spec, signal, admitted).catch((error: unknown) => error);
      await clock.advance(10_000);
      answer(LIMITS);
      await call;
      await clock.advance(50_000);
      await hanging;
      expect(given?.aborted).toBe(false);
    });

    it('leaves no sleep behind when no call is under way', async () => {
      let answer: (limits: CloudLimits) => void = () => undefined;
      const { cloud, clock } = withCloud({ limits: () => new Promise((resolve) => (answer = resolve)) });
      const call = cloud.limits(signal);
      await clock.advance(0);
      expect(clock.nextAt()).toBe(60_000);
      answer(LIMITS);
      await call;
      expect(clock.nextAt()).toBeNull();
    });

    it('frees the place of a call that was given up', async () => {
      const { cloud, clock } = withCloud({ listServers: never });
      const first = cloud.listServers(signal).catch((error: unknown) => error);
      const next = cloud.limits(signal);
      await clock.advance(60_000);
      await first;
      await expect(next).resolves.toEqual(LIMITS);
    });
  });

  describe('abort', () => {
    it('ends a call under way as aborted, even if the driver heeds no signal', async () => {
      const { cloud, clock, reports } = withCloud({ createServer: never });
      const stop = new AbortController();
      const call = cloud.createServer(spec, stop.signal, admitted);
      await clock.advance(0);
      stop.abort();
      await expect(call).rejects.toMatchObject({ code: 'aborted' });
      expect(reports).toMatchObject([{ call: 'createServer' }]);
    });

    it('neither sends nor reports a call that was abandoned before its turn', async () => {
      let sent = 0;
      const { cloud, reports } = withCloud({
        createServer: () => {
          sent += 1;
          return never();
        },
      });
      const stop = new AbortController();
      const calls = Promise.allSettled([
        cloud.createServer(spec, signal, admitted),
        cloud.createServer(spec, stop.signal, admitted),
      ]);
      void calls;
      stop.abort();
      await expect(cloud.createServer(spec, stop.signal, admitted)).rejects.toMatchObject({ code: 'aborted' });
      expect(sent).toBe(1);
      expect(reports).toEqual([]);
    });
  });

  describe('errors', () => {
    it.each(['not-found', 'quota', 'throttled', 'conflict', 'rejected', 'unavailable', 'auth', 'aborted'] as const)(
      'passes %s on as it is',
      async (code) => {
        const error = new NodepoolError(code, 'said the cloud');
        const { cloud, reports } = withCloud({ createServer: () => Promise.reject(error) });
        await expect(cloud.createServer(spec, signal, admitted)).rejects.toBe(error);
        expect(reports).toMatchObject([{ call: 'createServer' }]);
      },
    );

    it.each([
      ['an error that the catalogue does not have', new TypeError('x is not a function')],
      ['an error of the catalogue that no driver may throw', new NodepoolError('config', 'x is not a function')],
      ['what is no error at all', 'x is not a function'],
    ])('turns %s into unavailable and keeps it as the cause', async (_what, thrown) => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
      const { cloud } = withCloud({ saveImage: () => Promise.reject(thrown) });
      const call = cloud.saveImage(serverId('s1'), {} as never, signal);
      await expect(call).rejects.toMatchObject({
        code: 'unavailable',
        message: 'rax failed at saveImage: x is not a function',
        cause: thrown,
      });
    });

    it('treats a driver that throws at once like one that rejects', async () => {
      const { cloud, clock } = withCloud({
        limits: () => {
          throw new NodepoolError('auth', 'wrong password');
        },
      });
      await expect(cloud.limits(signal)).rejects.toMatchObject({ code: 'auth' });
      expect(clock.nextAt()).toBeNull();
    });
  });

  it('sends deletions and listings while a create hangs', async () => {
    const { cloud } = withCloud({ createServer: never });
    void cloud.createServer(spec, signal, admitted);
    await expect(cloud.deleteServer(serverId('s1'), signal)).resolves.toBeUndefined();
    await expect(cloud.listServers(signal)).resolves.toEqual([]);
  });
});
