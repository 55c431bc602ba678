/** A supervised cloud, and what tests call it with. */
import { Readable } from 'node:stream';
import { cloudImageId, serverId } from '../../../src/lib/ids.ts';
import { Limiter } from '../../../src/lib/limiter.ts';
import type { Cloud, CloudLimits, ServerSpec, UploadSpec } from '../../../src/providers/provider.ts';
import { supervise, type CallReport } from '../../../src/providers/supervised.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

export const signal = new AbortController().signal;
export const spec = { name: 'devstack-precise-7' } as ServerSpec;
export const admitted = async (): Promise<void> => undefined;
export const LIMITS: CloudLimits = { servers: 5, cores: null, ramMb: null, floatingIps: null, flavors: [] };
export const tags = { installation: 'u', record: 'image-1-1', attempt: 1 };
export const never = (): Promise<never> => new Promise(() => undefined);

export const answers: Cloud = {
  listServers: async () => [],
  createServer: async () => serverId('s1'),
  deleteServer: async () => undefined,
  listImages: async () => [],
  saveImage: async () => cloudImageId('i1'),
  uploadImage: async () => undefined,
  findImage: async () => null,
  deleteImage: async () => undefined,
  limits: async () => LIMITS,
  listAccessories: async () => [],
  deleteAccessory: async () => undefined,
  createKeypair: async () => 'k1',
  attachFloatingIp: async () => undefined,
  readConsole: async () => 'login:',
};

export function anUpload(overrides: Partial<UploadSpec> = {}): UploadSpec {
  return {
    ...{ id: cloudImageId('i9'), name: 'image', meta: {}, tags, format: 'raw', minDiskGb: 0, bytes: 100 },
    open: () => Readable.from(['x']),
    onProgress: () => undefined,
    ...overrides,
  };
}

/** A supervised cloud that answers everything at once but for `calls`, and the reports on its calls. */
export function withCloud(calls: Partial<Cloud> = {}, options: { rateMs?: number; apiTimeoutMs?: number } = {}) {
  const clock = createFakeClock(0);
  const limiter = new Limiter({ clock, rateMs: options.rateMs ?? 0, concurrency: 1 });
  const reports: CallReport[] = [];
  const cloud = supervise(
    { ...answers, ...calls },
    {
      provider: 'rax',
      limiter,
      usage: { during: (call) => call() },
      apiTimeoutMs: options.apiTimeoutMs ?? 60_000,
      clock,
      onCall: (report) => reports.push(report),
    },
  );
  return { cloud, clock, reports };
}
