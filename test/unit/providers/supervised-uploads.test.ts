import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { cloudImageId, serverId } from '../../../src/lib/ids.ts';
import type { Cloud, UploadSpec } from '../../../src/providers/provider.ts';
import { admitted, anUpload, never, signal, spec, tags, withCloud } from './supervised-cloud.ts';

/** What it rejects with. */
function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error,
  );
}

describe('an upload', () => {
  /** One under way, of 100 bytes at a cloud that heeds no signal, and what the driver was given. */
  async function withUpload(options: { apiTimeoutMs?: number; spec?: Partial<UploadSpec> } = {}) {
    let given = {} as UploadSpec;
    const upload: Cloud['uploadImage'] = (spec) => ((given = spec), never());
    const { cloud, clock, reports } = withCloud({ uploadImage: upload }, options);
    const outcome = failureOf(cloud.uploadImage(anUpload(options.spec), signal));
    await clock.advance(0);
    return { cloud, clock, reports, outcome, given };
  }

  it.each([
    [1000, 60_000],
    [90_000, 90_000],
  ])('is given up after silence, of a minute at least: api-timeout %d ms, silence %d ms', async (apiTimeoutMs, ms) => {
    const { clock, outcome, given, reports } = await withUpload({ apiTimeoutMs });
    await clock.advance(ms - 1);
    given.onProgress(40);
    await clock.advance(ms - 1);
    expect(reports).toEqual([]);
    await clock.advance(1);
    expect(await outcome).toMatchObject({
      code: 'unavailable',
      message: `rax took 40 of 100 bytes of the upload and no more for ${ms / 1000} s`,
    });
    expect(reports).toMatchObject([{ call: 'uploadImage', ms: 2 * ms - 1 }]);
  });

  it('may take hours, as long as it moves', async () => {
    const { clock, given, reports } = await withUpload();
    for (let sent = 1; sent < 100; sent += 1) {
      await clock.advance(59_000);
      given.onProgress(sent);
    }
    expect(reports).toEqual([]);
  });

  it('has half an hour for its answer when all bytes are sent', async () => {
    const { clock, outcome, given, reports } = await withUpload();
    given.onProgress(100);
    await clock.advance(30 * 60_000 - 1);
    expect(reports).toEqual([]);
    await clock.advance(1);
    expect(await outcome).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('30 min') as string,
    });
  });

  it('is watched anew when its file is sent once more', async () => {
    const { clock, outcome, given } = await withUpload();
    given.onProgress(100);
    given.onProgress(10);
    await clock.advance(60_000);
    expect(await outcome).toMatchObject({ message: expect.stringContaining('took 10 of 100 bytes') as string });
  });

  it('tells its caller how far it is, and nothing more once it has been given up', async () => {
    const told: number[] = [];
    const { clock, outcome, given } = await withUpload({ spec: { onProgress: (sent) => told.push(sent) } });
    given.onProgress(40);
    await clock.advance(60_000);
    await outcome;
    given.onProgress(60);
    expect(told).toEqual([40]);
  });

  it('leaves no sleep behind', async () => {
    const upload: Cloud['uploadImage'] = async (spec) => spec.onProgress(100);
    const { cloud, clock } = withCloud({ uploadImage: upload });
    await cloud.uploadImage(anUpload(), signal);
    expect(clock.nextAt()).toBeNull();
  });

  it('holds up no other call', async () => {
    const { cloud } = await withUpload();
    const others = [
      cloud.createServer(spec, signal, admitted),
      cloud.saveImage(serverId('s1'), { name: 'template', meta: {}, tags }, signal),
      cloud.listImages(signal),
      cloud.deleteImage(cloudImageId('i1'), signal),
    ];
    expect(await Promise.all(others)).toEqual(['s1', 'i1', [], undefined]);
  });

  it('ends with what its file ends with, unchanged, and is reported as any call is', async () => {
    const broken = new Error('EIO: the disk is broken');
    const upload: Cloud['uploadImage'] = async (given) => {
      for await (const chunk of given.open()) given.onProgress((chunk as Buffer).length);
    };
    const { cloud, reports } = withCloud({ uploadImage: upload });
    const open = (): Readable => new Readable({ read: (): void => undefined }).destroy(broken);
    expect(await failureOf(cloud.uploadImage(anUpload({ open }), signal))).toBe(broken);
    expect(reports).toMatchObject([{ call: 'uploadImage' }]);
  });

  it('that fails in another way ends as any call does', async () => {
    const { cloud } = withCloud({ uploadImage: () => Promise.reject(new TypeError('x is not a function')) });
    expect(await failureOf(cloud.uploadImage(anUpload(), signal))).toMatchObject({ code: 'unavailable' });
  });
});
