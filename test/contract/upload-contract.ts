/** The part of the contract that is about images made of files. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { cloudImageId } from '../../src/lib/ids.ts';
import type { CloudImage, UploadSpec } from '../../src/providers/provider.ts';
import { anUpload, failureOf, IMAGE_TAGS, signal, type Bench } from './contract-bench.ts';

const MB = 1024 * 1024;
/** More than every buffer between a file and a cloud takes. */
const LARGE_BYTES = 16 * MB;

/** Bytes that differ from piece to piece, so that none can be lost or doubled unnoticed. */
function* pieces(bytes: number): Generator<Buffer> {
  for (let at = 0; at < bytes; at += MB) yield Buffer.alloc(Math.min(MB, bytes - at), `piece ${at}.`);
}

function digestOf(bytes: number, algorithm: string): string {
  const hash = createHash(algorithm);
  for (const piece of pieces(bytes)) hash.update(piece);
  return hash.digest('hex');
}

const aFile = (bytes: number): Pick<UploadSpec, 'bytes' | 'open'> => ({
  bytes,
  open: () => Readable.from(pieces(bytes), { objectMode: false }),
});

/** A file of which so much can be read and then no more. */
function stallingFile(readable: number): Pick<UploadSpec, 'bytes' | 'open'> {
  const content = pieces(readable);
  const read = function (this: Readable): void {
    const next = content.next();
    if (next.done !== true) this.push(next.value);
  };
  return { bytes: LARGE_BYTES, open: () => new Readable({ read }) };
}

async function uploadedImage({ cloud, eventually, subject }: Bench, spec: UploadSpec): Promise<CloudImage> {
  await cloud.uploadImage(spec, signal);
  const find = (): Promise<CloudImage | null> => cloud.findImage(spec.id, signal);
  await eventually(find, (found) => found?.status === 'active');
  await subject.passTime(subject.traits.listingLagMs);
  return (await find()) as CloudImage;
}

export function describeUploads(at: () => Bench): void {
  describe('an upload', () => {
    it('makes an active image of the id that was chosen, with name and tags, listed and found', async () => {
      const bench = at();
      const spec = anUpload({ meta: { colour: 'red' } });
      const image = await uploadedImage(bench, spec);
      expect(image).toMatchObject({ id: spec.id, name: spec.name, tags: IMAGE_TAGS, isSnapshot: false });
      expect(await bench.findImage(spec.id)).toEqual(image);
    });

    it.each([1, LARGE_BYTES])('of %d bytes arrives whole, and says how far it is', async (bytes) => {
      const told: number[] = [];
      const spec = anUpload({ ...aFile(bytes), onProgress: (sent) => told.push(sent) });
      const image = await uploadedImage(at(), spec);
      const { algorithm, value } = image.digest ?? { algorithm: 'md5', value: null };
      expect([image.bytes, value]).toEqual([bytes, digestOf(bytes, algorithm)]);
      expect(told.at(-1)).toBe(bytes);
      expect(told).toEqual([...told].sort((a, b) => a - b));
    });

    it('makes an image that servers boot from', async () => {
      const { id } = await uploadedImage(at(), anUpload());
      expect(await at().activeServer({ image: { id } })).toMatchObject({ status: 'active' });
    });

    it('under an id that is in use is a conflict, and leaves what is there as it is', async () => {
      const bench = at();
      const image = await uploadedImage(bench, anUpload());
      const again = anUpload({ ...aFile(5), name: 'another' });
      expect(await failureOf(bench.cloud.uploadImage(again, signal))).toMatchObject({ code: 'conflict' });
      expect(await bench.cloud.findImage(image.id, signal)).toEqual(image);
    });

    it('that is aborted midway ends at once, leaves no active image, and what it leaves can be deleted', async () => {
      const { cloud, eventually } = at();
      const stop = new AbortController();
      let sentBytes = 0;
      const spec = anUpload({ ...stallingFile(2 * MB), onProgress: (sent) => (sentBytes = sent) });
      const outcome = failureOf(cloud.uploadImage(spec, stop.signal));
      while (sentBytes < 2 * MB) await turn();
      expect(await cloud.findImage(spec.id, signal)).toMatchObject({ status: 'saving', bytes: null, digest: null });
      stop.abort();
      expect(await outcome).toMatchObject({ code: 'aborted' });
      expect((await cloud.findImage(spec.id, signal))?.status).not.toBe('active');
      await cloud.deleteImage(spec.id, signal);
      await eventually(
        () => cloud.findImage(spec.id, signal),
        (found) => found === null,
      );
    });

    it('whose file cannot be read ends with the error of its stream, and leaves no active image', async () => {
      const { cloud } = at();
      const broken = new Error('EIO: the disk is broken');
      const read = function* (): Generator<Buffer> {
        yield* pieces(2 * MB);
        throw broken;
      };
      const open = (): Readable => Readable.from(read(), { objectMode: false });
      const spec = anUpload({ bytes: LARGE_BYTES, open });
      expect(await failureOf(cloud.uploadImage(spec, signal))).toBe(broken);
      expect((await cloud.findImage(spec.id, signal))?.status).not.toBe('active');
    });

    it('of a file that is not there ends with that', async () => {
      const missing = new Error('ENOENT: no such file');
      const open = (): Readable => new Readable({ read: (): void => undefined }).destroy(missing);
      expect(await failureOf(at().cloud.uploadImage(anUpload({ open }), signal))).toBe(missing);
    });

    it.each([
      ['longer', LARGE_BYTES - 1],
      ['shorter', LARGE_BYTES + 1],
    ])('of a file that is %s than was said is rejected, and leaves nothing', async (_, bytes) => {
      const { cloud } = at();
      const spec = anUpload({ ...aFile(LARGE_BYTES), bytes });
      expect(await failureOf(cloud.uploadImage(spec, signal))).toMatchObject({ code: 'rejected' });
      expect(await cloud.findImage(spec.id, signal)).toBeNull();
    });
  });

  describe('an image', () => {
    it('that never was is not found', async () => {
      const { cloud, subject } = at();
      expect(await cloud.findImage(cloudImageId(subject.unknownImage), signal)).toBeNull();
    });

    it('that was deleted is not found any more', async () => {
      const { cloud, eventually } = at();
      const { id } = await uploadedImage(at(), anUpload());
      await cloud.deleteImage(id, signal);
      const found = await eventually(
        () => cloud.findImage(id, signal),
        (image) => image === null,
      );
      expect(found).toBeNull();
    });

    it('that was saved of a server is found', async () => {
      const image = await at().savedImage();
      expect(await at().cloud.findImage(image.id, signal)).toEqual(image);
    });
  });
}
