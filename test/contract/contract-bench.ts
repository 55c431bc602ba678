/** What the cases of the contract are written with: calls that wait, with time passing, for what they want to see. */
import { Readable } from 'node:stream';
import { expect } from 'vitest';
import { cloudImageId, type CloudImageId, type ServerId } from '../../src/lib/ids.ts';
import type {
  Accessory,
  Cloud,
  CloudImage,
  Provider,
  Server,
  ServerSpec,
  Tags,
  UploadSpec,
} from '../../src/providers/provider.ts';

/** A driver at work, bare or supervised. */
export type DriverAtWork = Pick<Provider, 'cloud' | 'traits' | 'inspect'>;

/** A driver at work on a cloud without servers, key pairs and floating IPs. */
export interface ContractSubject extends DriverAtWork {
  /** Name or id of an image that the cloud can boot from. */
  readonly baseImage: string;
  /** Ids in the cloud's own form that it has never given out. */
  readonly unknownServer: string;
  readonly unknownImage: string;
  /** Whether servers are reached by floating IPs, and by nothing else. */
  readonly floatingIps: boolean;
  /** Asks the cloud past the driver for the public key of a key pair; null: there is none of that name. */
  publicKeyOf(name: string): Promise<string | null>;
  /** Lets time pass in the cloud: moves a clock, or waits. */
  passTime(ms: number): Promise<void>;
}

export const signal = new AbortController().signal;
export const TAGS: Tags = { installation: '6f1d3c1e-8a52-4a39-9f0e-4a1b1f9f7d11', record: 'node-7-k3x', attempt: 2 };
export const IMAGE_TAGS: Tags = { ...TAGS, record: 'image-3-k3y' };
/** Keys that nobody has the private half of. */
export const PUBLIC_KEYS = [
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA3WHMpXSem9FfTDCYQYDscLJ3/q+m4ZAlChx8qgbNzY',
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMsdn3FcWVSe2lZcX8lWHJbDV3Qmq3RIV31gbWXXicpO',
] as const;

/** The upload of a small file, always under the same id. */
export function anUpload(overrides: Partial<UploadSpec> = {}): UploadSpec {
  return {
    id: cloudImageId('3b0e5a1c-6f2d-4c6e-9a57-0d1f2e3c4b5a'),
    name: 'ubuntu-1451606400',
    meta: {},
    tags: IMAGE_TAGS,
    format: 'raw',
    minDiskGb: 0,
    bytes: 5,
    open: () => Readable.from(Buffer.from('bytes'), { objectMode: false }),
    onProgress: () => undefined,
    ...overrides,
  };
}

/** What a call rejects with. */
export function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error,
  );
}

export interface Bench {
  readonly subject: ContractSubject;
  readonly cloud: Cloud;
  specOf(overrides?: Partial<ServerSpec>): ServerSpec;
  /** Reads again and again, with time passing, until `isDone`; fails after some simulated minutes. */
  eventually<T>(read: () => Promise<T>, isDone: (value: T) => boolean): Promise<T>;
  findServer(id: ServerId): Promise<Server | undefined>;
  findImage(id: CloudImageId): Promise<CloudImage | undefined>;
  accessories(kind: Accessory['kind']): Promise<readonly Accessory[]>;
  /** A new server, when it is active and has its address. */
  activeServer(overrides?: Partial<ServerSpec>): Promise<Server>;
  /** Deletes a server and waits until it is gone. */
  removeServer(id: ServerId): Promise<void>;
  /** An image, when it is active, saved from a new server. */
  savedImage(): Promise<CloudImage>;
}

export function createBench(subject: ContractSubject): Bench {
  const { cloud } = subject;
  const bench: Bench = {
    subject,
    cloud,
    specOf: (overrides = {}) => ({
      name: 'devstack-precise-7',
      image: { base: subject.baseImage },
      minRamMb: 512,
      nameFilter: null,
      az: null,
      configDrive: null,
      keypair: null,
      userData: null,
      volumeGb: null,
      tags: TAGS,
      metadata: { groups: '["cloud","devstack"]' },
      ...overrides,
    }),
    eventually: async (read, isDone) => {
      let value = await read();
      for (let round = 0; round < 300 && !isDone(value); round += 1) {
        await subject.passTime(1000);
        value = await read();
      }
      expect(isDone(value), `still so after a long time: ${JSON.stringify(value)}`).toBe(true);
      return value;
    },
    findServer: async (id) => (await cloud.listServers(signal)).find((server) => server.id === id),
    findImage: async (id) => (await cloud.listImages(signal)).find((image) => image.id === id),
    accessories: async (kind) => (await cloud.listAccessories(signal)).filter((accessory) => accessory.kind === kind),
    activeServer: async (overrides) => {
      const id = await cloud.createServer(bench.specOf(overrides), signal);
      const find = (): Promise<Server | undefined> => bench.findServer(id);
      const isUp = (server?: Server): boolean => server?.status === 'active';
      const up = await bench.eventually(find, (found) => isUp(found) && (found?.wantsFloatingIp || found?.ip !== null));
      if (up?.wantsFloatingIp) await cloud.attachFloatingIp(id, bench.specOf(overrides).tags, signal);
      return (await bench.eventually(find, (found) => isUp(found) && found?.ip !== null)) as Server;
    },
    removeServer: async (id) => {
      await cloud.deleteServer(id, signal);
      await bench.eventually(
        () => bench.findServer(id),
        (found) => found === undefined,
      );
    },
    savedImage: async () => {
      const server = await bench.activeServer();
      const spec = { name: 'template-1', meta: { owner: 'infra' }, tags: IMAGE_TAGS };
      const id = await cloud.saveImage(server.id, spec, signal);
      const find = (): Promise<CloudImage | undefined> => bench.findImage(id);
      return (await bench.eventually(find, (found) => found?.status === 'active')) as CloudImage;
    },
  };
  return bench;
}
