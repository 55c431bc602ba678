/**
 * The contract of `src/providers/provider.ts` as a suite. Every driver runs it; it knows nothing but the interface, and
 * assumes that the cloud is its own.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { cloudImageId, serverId, type CloudImageId, type ServerId } from '../../src/lib/ids.ts';
import type { Cloud, CloudImage, ProviderTraits, Server, ServerSpec, Tags } from '../../src/providers/provider.ts';

/** A driver at work on a cloud without servers. */
export interface ContractSubject {
  readonly cloud: Cloud;
  readonly traits: ProviderTraits;
  /** Name or id of an image that the cloud can boot from. */
  readonly baseImage: string;
  /** Ids in the cloud's own form that it has never given out. */
  readonly unknownServer: string;
  readonly unknownImage: string;
  /** Lets time pass in the cloud: moves a clock, or waits. */
  passTime(ms: number): Promise<void>;
}

const TAGS: Tags = { installation: '6f1d3c1e-8a52-4a39-9f0e-4a1b1f9f7d11', record: 'node-7-k3x', attempt: 2 };

/** Defines the suite for the driver called `name`; `makeSubject` is called before each test. */
export function describeProviderContract(
  name: string,
  makeSubject: () => ContractSubject | Promise<ContractSubject>,
): void {
  describe(`provider contract: ${name}`, () => {
    let subject: ContractSubject;
    let cloud: Cloud;
    const signal = new AbortController().signal;

    beforeEach(async () => {
      subject = await makeSubject();
      cloud = subject.cloud;
    });

    const specOf = (overrides: Partial<ServerSpec> = {}): ServerSpec => ({
      name: 'devstack-precise-7',
      image: { base: subject.baseImage },
      minRamMb: 512,
      nameFilter: null,
      az: null,
      configDrive: null,
      keypair: null,
      tags: TAGS,
      metadata: { groups: '["cloud","devstack"]' },
      ...overrides,
    });

    /** Reads again and again, with time passing, until `isDone`; fails after some simulated minutes. */
    const eventually = async <T>(read: () => Promise<T>, isDone: (value: T) => boolean): Promise<T> => {
      let value = await read();
      for (let round = 0; round < 300 && !isDone(value); round += 1) {
        await subject.passTime(1000);
        value = await read();
      }
      expect(isDone(value), `still so after a long time: ${JSON.stringify(value)}`).toBe(true);
      return value;
    };
    const findServer = async (id: ServerId): Promise<Server | undefined> =>
      (await cloud.listServers(signal)).find((server) => server.id === id);
    const findImage = async (id: CloudImageId): Promise<CloudImage | undefined> =>
      (await cloud.listImages(signal)).find((image) => image.id === id);
    const activeServer = async (overrides: Partial<ServerSpec> = {}): Promise<Server> => {
      const id = await cloud.createServer(specOf(overrides), signal);
      const server = await eventually(
        () => findServer(id),
        (found) => found?.status === 'active' && found.ip !== null,
      );
      return server as Server;
    };
    const imageTags = { ...TAGS, record: 'image-3-k3y' };
    const savedImage = async (): Promise<CloudImage> => {
      const server = await activeServer();
      const spec = { name: 'template-1', meta: { owner: 'infra' }, tags: imageTags };
      const id = await cloud.saveImage(server.id, spec, signal);
      return (await eventually(
        () => findImage(id),
        (found) => found?.status === 'active',
      )) as CloudImage;
    };

    describe('servers', () => {
      it('has none at first', async () => {
        expect(await cloud.listServers(signal)).toEqual([]);
      });

      it('shows a new server, with name and tags, in a listing sent listingLagMs after the create call', async () => {
        const id = await cloud.createServer(specOf(), signal);
        await subject.passTime(subject.traits.listingLagMs);
        expect(await findServer(id)).toMatchObject({ id, name: 'devstack-precise-7', tags: TAGS });
      });

      it('makes a new server active, with an address and without a fault', async () => {
        const server = await activeServer();
        expect(server.ip).toMatch(/^[\da-f.:]+$/);
        expect(server).toMatchObject({ name: 'devstack-precise-7', tags: TAGS, fault: null });
      });

      it('creates two servers for two calls, even with equal names and tags', async () => {
        const ids = [await cloud.createServer(specOf(), signal), await cloud.createServer(specOf(), signal)];
        const listed = await eventually(
          () => cloud.listServers(signal),
          (servers) => servers.length === 2,
        );
        expect(new Set(listed.map(({ id }) => id))).toEqual(new Set(ids));
      });

      it('refuses an image that does not exist as rejected, and creates nothing', async () => {
        const spec = specOf({ image: { id: cloudImageId(subject.unknownImage) } });
        await expect(cloud.createServer(spec, signal)).rejects.toMatchObject({ code: 'rejected' });
        await subject.passTime(subject.traits.listingLagMs);
        expect(await cloud.listServers(signal)).toEqual([]);
      });

      it('removes a deleted server, and only that one', async () => {
        const [deleted, kept] = [await activeServer(), await activeServer()];
        await cloud.deleteServer(deleted.id, signal);
        const listed = await eventually(
          () => cloud.listServers(signal),
          (servers) => servers.length === 1,
        );
        expect(listed[0]).toMatchObject({ id: kept.id, status: 'active' });
      });

      it('deletes a server that is still building', async () => {
        const id = await cloud.createServer(specOf(), signal);
        await cloud.deleteServer(id, signal);
        await subject.passTime(subject.traits.listingLagMs);
        await eventually(
          () => findServer(id),
          (found) => found === undefined,
        );
      });

      it('takes the deletion of what is being deleted, is gone or never was for success', async () => {
        const { id } = await activeServer();
        await cloud.deleteServer(id, signal);
        await expect(cloud.deleteServer(id, signal)).resolves.toBeUndefined();
        await eventually(
          () => findServer(id),
          (found) => found === undefined,
        );
        await expect(cloud.deleteServer(id, signal)).resolves.toBeUndefined();
        await expect(cloud.deleteServer(serverId(subject.unknownServer), signal)).resolves.toBeUndefined();
      });
    });

    describe('images', () => {
      it('shows a saved image, with name and tags, in a listing sent listingLagMs after the call', async () => {
        const server = await activeServer();
        const id = await cloud.saveImage(server.id, { name: 'template-1', meta: {}, tags: imageTags }, signal);
        await subject.passTime(subject.traits.listingLagMs);
        expect(await findImage(id)).toMatchObject({ id, name: 'template-1', tags: imageTags, isSnapshot: true });
      });

      it('boots a server from a saved image, also when the server it was saved from is gone', async () => {
        const image = await savedImage();
        for (const { id } of await cloud.listServers(signal)) await cloud.deleteServer(id, signal);
        const server = await activeServer({ image: { id: image.id } });
        expect(server.status).toBe('active');
      });

      it('does not find a server that is gone or never was to save', async () => {
        const spec = { name: 'template-1', meta: {}, tags: imageTags };
        const { id } = await activeServer();
        await cloud.deleteServer(id, signal);
        await eventually(
          () => findServer(id),
          (found) => found === undefined,
        );
        await expect(cloud.saveImage(id, spec, signal)).rejects.toMatchObject({ code: 'not-found' });
        const unknown = serverId(subject.unknownServer);
        await expect(cloud.saveImage(unknown, spec, signal)).rejects.toMatchObject({ code: 'not-found' });
      });

      it('does not claim images that nobody here has saved', async () => {
        const images = await cloud.listImages(signal);
        expect(images.filter((image) => image.tags !== null || image.isSnapshot)).toEqual([]);
      });

      it('removes a deleted image, and takes a second deletion, or that of an unknown one, for success', async () => {
        const { id } = await savedImage();
        await cloud.deleteImage(id, signal);
        await expect(cloud.deleteImage(id, signal)).resolves.toBeUndefined();
        await eventually(
          () => findImage(id),
          (found) => found === undefined,
        );
        await expect(cloud.deleteImage(id, signal)).resolves.toBeUndefined();
        await expect(cloud.deleteImage(cloudImageId(subject.unknownImage), signal)).resolves.toBeUndefined();
        await expect(cloud.createServer(specOf({ image: { id } }), signal)).rejects.toMatchObject({ code: 'rejected' });
      });
    });

    it('says what the project may have, or that no limit is known', async () => {
      const { servers } = await cloud.limits(signal);
      expect(servers === null || Number.isInteger(servers)).toBe(true);
    });

    it('answers every call with aborted when the signal has aborted, and does nothing', async () => {
      const aborted = AbortSignal.abort();
      const server = await activeServer();
      const { id } = await savedImage();
      const before = [await cloud.listServers(signal), await cloud.listImages(signal)];
      const spec = { name: 'template-1', meta: {}, tags: imageTags };
      const outcomes = await Promise.allSettled([
        cloud.createServer(specOf(), aborted),
        cloud.deleteServer(server.id, aborted),
        cloud.saveImage(server.id, spec, aborted),
        cloud.deleteImage(id, aborted),
        cloud.listServers(aborted),
        cloud.listImages(aborted),
        cloud.limits(aborted),
      ]);
      const rejection = expect.objectContaining({ code: 'aborted' }) as unknown;
      expect(outcomes).toEqual(outcomes.map(() => ({ status: 'rejected', reason: rejection })));
      await subject.passTime(subject.traits.listingLagMs + 60_000);
      expect([await cloud.listServers(signal), await cloud.listImages(signal)]).toEqual(before);
    });
  });
}
