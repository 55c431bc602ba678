/**
 * The contract of `src/providers/provider.ts` as a suite. Every driver runs it; it knows nothing but the interface, and
 * assumes that the cloud is its own.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { cloudImageId, serverId } from '../../src/lib/ids.ts';
import type { Cloud } from '../../src/providers/provider.ts';
import { describeConsoles, describeFloatingIps, describeKeypairs } from './accessory-contract.ts';
import {
  anUpload,
  createBench,
  IMAGE_TAGS,
  PUBLIC_KEYS,
  signal,
  TAGS,
  type Bench,
  type ContractSubject,
} from './contract-bench.ts';
import { describeUploads } from './upload-contract.ts';

export type { ContractSubject };

/** Defines the suite for the driver called `name`; `makeSubject` is called before each test. */
export function describeProviderContract(
  name: string,
  makeSubject: () => ContractSubject | Promise<ContractSubject>,
): void {
  describe(`provider contract: ${name}`, () => {
    let bench: Bench;
    beforeEach(async () => {
      bench = createBench(await makeSubject());
    });
    const at = (): Bench => bench;

    describeServers(at);
    describeImages(at);
    describeUploads(at);
    describeKeypairs(at);
    describeFloatingIps(at);
    describeConsoles(at);
    describeQuestions(at);

    it('answers every call with aborted when the signal has aborted, and does nothing', async () => {
      const { cloud, activeServer, savedImage, specOf, subject } = bench;
      const aborted = AbortSignal.abort();
      const server = await activeServer();
      const { id } = await savedImage();
      const keypair = await cloud.createKeypair({ publicKey: PUBLIC_KEYS[0], tags: IMAGE_TAGS }, signal);
      const before = await everythingIn(cloud);
      const spec = { name: 'template-1', meta: {}, tags: IMAGE_TAGS };
      const outcomes = await Promise.allSettled([
        cloud.createServer(specOf(), aborted),
        cloud.deleteServer(server.id, aborted),
        cloud.saveImage(server.id, spec, aborted),
        cloud.uploadImage(anUpload(), aborted),
        cloud.findImage(id, aborted),
        cloud.deleteImage(id, aborted),
        cloud.createKeypair({ publicKey: PUBLIC_KEYS[1], tags: TAGS }, aborted),
        cloud.attachFloatingIp(server.id, TAGS, aborted),
        cloud.deleteAccessory({ kind: 'keypair', id: keypair }, aborted),
        cloud.listServers(aborted),
        cloud.listImages(aborted),
        cloud.listAccessories(aborted),
        cloud.limits(aborted),
        cloud.readConsole(server.id, aborted),
      ]);
      const rejection = expect.objectContaining({ code: 'aborted' }) as unknown;
      expect(outcomes).toEqual(outcomes.map(() => ({ status: 'rejected', reason: rejection })));
      await subject.passTime(subject.traits.listingLagMs + 60_000);
      expect(await everythingIn(cloud)).toEqual(before);
    });
  });
}

async function everythingIn(cloud: Cloud): Promise<unknown> {
  return [await cloud.listServers(signal), await cloud.listImages(signal), await cloud.listAccessories(signal)];
}

function describeServers(at: () => Bench): void {
  describe('servers', () => {
    it('has none at first', async () => {
      const { cloud } = at();
      expect(await cloud.listServers(signal)).toEqual([]);
    });

    it('shows a new server, with name and tags, in a listing sent listingLagMs after the create call', async () => {
      const { subject, cloud, specOf, findServer } = at();
      const id = await cloud.createServer(specOf(), signal);
      await subject.passTime(subject.traits.listingLagMs);
      expect(await findServer(id)).toMatchObject({ id, name: 'devstack-precise-7', tags: TAGS });
    });

    it('makes a new server active, with an address and without a fault', async () => {
      const { activeServer } = at();
      const server = await activeServer();
      expect(server.ip).toMatch(/^[\da-f.:]+$/);
      expect(server).toMatchObject({ name: 'devstack-precise-7', tags: TAGS, fault: null });
    });

    it('creates two servers for two calls, even with equal names and tags', async () => {
      const { cloud, specOf, eventually } = at();
      const ids = [await cloud.createServer(specOf(), signal), await cloud.createServer(specOf(), signal)];
      const listed = await eventually(
        () => cloud.listServers(signal),
        (servers) => servers.length === 2,
      );
      expect(new Set(listed.map(({ id }) => id))).toEqual(new Set(ids));
    });

    it('refuses an image that does not exist as rejected, and creates nothing', async () => {
      const { subject, cloud, specOf } = at();
      const spec = specOf({ image: { id: cloudImageId(subject.unknownImage) } });
      await expect(cloud.createServer(spec, signal)).rejects.toMatchObject({ code: 'rejected' });
      await subject.passTime(subject.traits.listingLagMs);
      expect(await cloud.listServers(signal)).toEqual([]);
    });

    it('removes a deleted server, and only that one', async () => {
      const { cloud, eventually, activeServer } = at();
      const [deleted, kept] = [await activeServer(), await activeServer()];
      await cloud.deleteServer(deleted.id, signal);
      const listed = await eventually(
        () => cloud.listServers(signal),
        (servers) => servers.length === 1,
      );
      expect(listed[0]).toMatchObject({ id: kept.id, status: 'active' });
    });

    it('deletes a server that is still building', async () => {
      const { subject, cloud, specOf, eventually, findServer } = at();
      const id = await cloud.createServer(specOf(), signal);
      await cloud.deleteServer(id, signal);
      await subject.passTime(subject.traits.listingLagMs);
      await eventually(
        () => findServer(id),
        (found) => found === undefined,
      );
    });

    it('takes the deletion of what is being deleted, is gone or never was for success', async () => {
      const { subject, cloud, eventually, findServer, activeServer } = at();
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
}

function describeImages(at: () => Bench): void {
  describe('images', () => {
    it('shows a saved image, with name and tags, in a listing sent listingLagMs after the call', async () => {
      const { subject, cloud, findImage, activeServer } = at();
      const server = await activeServer();
      const id = await cloud.saveImage(server.id, { name: 'template-1', meta: {}, tags: IMAGE_TAGS }, signal);
      await subject.passTime(subject.traits.listingLagMs);
      expect(await findImage(id)).toMatchObject({ id, name: 'template-1', tags: IMAGE_TAGS, isSnapshot: true });
    });

    it('boots a server from a saved image, also when the server it was saved from is gone', async () => {
      const { cloud, activeServer, savedImage } = at();
      const image = await savedImage();
      for (const { id } of await cloud.listServers(signal)) await cloud.deleteServer(id, signal);
      const server = await activeServer({ image: { id: image.id } });
      expect(server.status).toBe('active');
    });

    it('does not find a server that is gone or never was to save', async () => {
      const { subject, cloud, eventually, findServer, activeServer } = at();
      const spec = { name: 'template-1', meta: {}, tags: IMAGE_TAGS };
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
      const { cloud } = at();
      const images = await cloud.listImages(signal);
      expect(images.filter((image) => image.tags !== null || image.isSnapshot)).toEqual([]);
    });

    it('removes a deleted image, and takes a second deletion, or that of an unknown one, for success', async () => {
      const { subject, cloud, specOf, eventually, findImage, savedImage } = at();
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
}

function describeQuestions(at: () => Bench): void {
  it('says what the project may have, or that no limit is known', async () => {
    const { servers, cores, ramMb, floatingIps, flavors } = await at().cloud.limits(signal);
    for (const limit of [servers, cores, ramMb, floatingIps])
      expect(limit === null || (Number.isInteger(limit) && limit >= 0), String(limit)).toBe(true);
    for (const { id, name, cores: vcpus, ramMb: ram, diskGb } of flavors) {
      expect([id, name].every((text) => text !== '')).toBe(true);
      expect([vcpus, ram, diskGb].every(Number.isInteger)).toBe(true);
      expect(Math.min(vcpus, ram)).toBeGreaterThan(0);
    }
  });

  it('finds nothing wrong with itself when it is inspected, and changes nothing', async () => {
    const { cloud, activeServer, subject } = at();
    await activeServer();
    const before = await everythingIn(cloud);
    const findings = await subject.inspect(signal);
    expect(findings.length).toBeGreaterThan(0);
    expect(findings.filter(({ level }) => level === 'error')).toEqual([]);
    for (const { about, text } of findings) expect([about.trim(), text.trim()]).not.toContain('');
    expect(await everythingIn(cloud)).toEqual(before);
  });
}
