/**
 * One upload by the driver, as the registry hands it out, in a process of its own: `FILE`. Prints what it cost, and the id
 * of the image, as JSON.
 */
import { createReadStream, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { systemClock } from '../../src/lib/clock.ts';
import { cloudImageId } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { createOpenStackDriver } from '../../src/providers/openstack/index.ts';
import { createProviders } from '../../src/providers/registry.ts';
import { aConfig, aProvider } from '../../test/support/builders.ts';

export interface Cost {
  readonly id: string;
  /** Of the call alone. */
  readonly uploadMs: number;
  /** Resident memory at its highest, less that right before the call. */
  readonly additionalBytes: number;
}

/** As a daemon opens files for uploads. */
const PIECE_BYTES = 512 * 1024;

const [file = '', cloud = ''] = process.argv.slice(2);
const deps = { clock: systemClock, random: systemRandom, log: silentLog };
const factories = { openstack: createOpenStackDriver({ ...deps, env: process.env, home: homedir(), cwd: '/' }) };
const providers = createProviders({ factories, clock: systemClock, onCall: () => undefined, log: silentLog });
const credentials = { ...aProvider().credentials, cloud };
providers.configure(aConfig({ providers: [aProvider({ driver: 'openstack', credentials })] }));
const provider = providers.get('cloud');
if (!provider) throw new Error('there is no provider');

const { signal } = new AbortController();
const id = cloudImageId(systemRandom.uuid());
await provider.cloud.limits(signal);
const before = process.memoryUsage.rss();
const startedAt = performance.now();
await provider.cloud.uploadImage(
  {
    ...{
      id,
      name: 'bench-images',
      meta: {},
      tags: { installation: systemRandom.uuid(), record: 'image-1-k', attempt: 1 },
    },
    ...{ format: 'raw', minDiskGb: 4, bytes: statSync(file).size, onProgress: () => undefined },
    open: () => createReadStream(file, { highWaterMark: PIECE_BYTES }),
  },
  signal,
);
const uploadMs = performance.now() - startedAt;
const additionalBytes = process.resourceUsage().maxRSS * 1024 - before;
process.stdout.write(JSON.stringify({ id, uploadMs, additionalBytes } satisfies Cost));
providers.forget('cloud');
