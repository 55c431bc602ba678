import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describePool, type Facts } from '../../../src/cli/pool-status.ts';
import {
  aConfig,
  aLabel,
  anImage,
  aNode,
  aProvider,
  aSubnode,
  imagesNamed,
  NO_RECORDS,
  NOW,
} from '../../support/builders.ts';
import { openCliPool, type CliPool } from '../../support/cli-pool.ts';
import { createWaitingClock, type CliOptions } from '../../support/run-cli.ts';

function describeFacts(facts: Partial<Facts>) {
  return describePool({ config: aConfig(), records: NO_RECORDS, leases: [], errors: [], now: NOW, ...facts });
}

describe('the status of labels', () => {
  it('counts nodes by state, altogether and per provider, also where there are none', () => {
    const config = aConfig({ labels: [aLabel({ providers: ['cloud', 'rax'], minReady: 3 })] });
    const nodes = [aNode(), aNode({ state: 'used' }), aNode({ state: 'building' }), aNode({ state: 'hold' })];
    const { labels } = describeFacts({ config, records: { ...NO_RECORDS, nodes } });
    const none = { building: 0, ready: 0, used: 0, delete: 0, hold: 0, test: 0 };
    const counts = { ...none, building: 1, ready: 1, used: 1, hold: 1 };
    expect(labels).toEqual([
      {
        label: 'small',
        min_ready: 3,
        ...counts,
        providers: [
          { provider: 'cloud', ...counts },
          { provider: 'rax', ...none },
        ],
      },
    ]);
  });

  it('has labels, providers that left the configuration as long as nodes name them', () => {
    const nodes = [aNode({ label: 'old', provider: 'gone', state: 'delete' })];
    const { labels, providers } = describeFacts({ records: { ...NO_RECORDS, nodes } });
    expect(labels.map(({ label, min_ready: minReady }) => [label, minReady])).toEqual([
      ['small', 2],
      ['old', null],
    ]);
    expect(providers.map(({ provider, max_servers: max }) => [provider, max])).toEqual([
      ['cloud', 96],
      ['gone', null],
    ]);
  });
});

describe('the status of providers', () => {
  it('counts subnodes as servers', () => {
    const nodes = [aNode({ subnodes: [aSubnode(), aSubnode()] }), aNode()];
    expect(describeFacts({ records: { ...NO_RECORDS, nodes } }).providers).toMatchObject([
      { provider: 'cloud', servers: 4, ready: 2 },
    ]);
  });
});

describe('the status of images', () => {
  const waits = (image: ReturnType<typeof anImage>) =>
    describeFacts({ records: { ...NO_RECORDS, images: [image] } }).images.map(({ waits_for: waitsFor }) => waitsFor);

  it('is that of the newest ready one, even while another is built', () => {
    const images = [anImage({ version: 10 }), anImage({ version: 20 }), anImage({ version: 30, state: 'building' })];
    expect(describeFacts({ records: { ...NO_RECORDS, images } }).images).toEqual([
      { provider: 'cloud', image: 'ubuntu', state: 'ready', version: 20, age: 30, waits_for: null },
    ]);
  });

  it('is missing when there is none, or only ones that are being deleted', () => {
    for (const images of [[], [anImage({ state: 'delete' })]]) {
      expect(describeFacts({ records: { ...NO_RECORDS, images } }).images).toEqual([
        { provider: 'cloud', image: 'ubuntu', state: 'missing', version: null, age: null, waits_for: 'its build' },
      ]);
    }
  });

  it('tells the step that a build is at', () => {
    const at = NOW - 1000;
    const steps = [
      {},
      { serverId: 's' as never },
      { activeAt: at },
      { setupAt: at },
      { setupDoneAt: at },
      { saveAt: at },
    ];
    let facts = {};
    const seen = steps.map((step) => waits(anImage({ state: 'building', ...(facts = { ...facts, ...step }) })));
    expect(seen.flat()).toEqual([
      'its template server',
      'its template server to boot',
      'SSH on its template server',
      'its set-up script',
      'the call to save it',
      'the cloud to save it',
    ]);
  });

  it('tells when a build that failed is tried again', () => {
    const failure = { kind: 'build', provider: 'cloud', image: 'ubuntu', az: null, count: 2, lastAt: NOW } as const;
    const waitsFor = (retryAt: number): unknown =>
      describeFacts({ records: { ...NO_RECORDS, failures: [{ ...failure, lastError: 'no', retryAt }] } }).images[0]
        ?.waits_for;
    expect(waitsFor(NOW + 65_000)).toBe('its next build in 00:00:01:05, after 2 that failed: no');
    expect(waitsFor(NOW)).toBe('its build');
  });

  it('leaves out images that no label in force uses and that have no rows', () => {
    const config = aConfig({
      providers: [aProvider({ images: imagesNamed('ubuntu', 'unused', 'disabled') })],
      labels: [aLabel(), aLabel({ name: 'off', image: 'disabled', minReady: -1 })],
    });
    expect(describeFacts({ config }).images.map(({ image }) => image)).toEqual(['ubuntu']);
    const records = { ...NO_RECORDS, images: [anImage({ image: 'unused' })] };
    expect(describeFacts({ config, records }).images.map(({ image }) => image)).toEqual(['ubuntu', 'unused']);
  });
});

describe('status', () => {
  let pool: CliPool;

  beforeEach(async () => {
    pool = await openCliPool({
      config: aConfig({ labels: [aLabel({ providers: ['cloud', 'rax'] }), aLabel({ name: 'off', minReady: -1 })] }),
    });
  });
  afterEach(() => pool.close());

  it('draws everything, failures and errors last', async () => {
    await pool.startDaemon();
    const [id = 0] = await pool.launch({});
    await pool.ready();
    await pool.store.moveNode({
      id,
      from: 'building',
      to: 'delete',
      by: 'cleanup',
      event: { kind: 'launch-failed', reason: 'boot-timeout', detail: 'SSH is silent' },
    });
    const place = { kind: 'launch', provider: 'cloud', image: 'ubuntu', az: null } as const;
    await pool.store.failures.record(place, 'SSH is silent', () => Date.UTC(2026, 0, 15, 12, 1, 5));
    const { code, stdout } = await pool.run(['status']);
    expect(code).toBe(0);
    expect(stdout).toBe(`\
Labels
+-------+----------+-----------+-------+----------+------+------+------+--------+
| Label | Provider | Min-Ready | Ready | Building | Test | Used | Hold | Delete |
+-------+----------+-----------+-------+----------+------+------+------+--------+
| small | (all)    | 2         | 1     | 0        | 0    | 0    | 0    | 1      |
| small | cloud    |           | 1     | 0        | 0    | 0    | 0    | 1      |
| off   | cloud    | disabled  | 0     | 0        | 0    | 0    | 0    | 0      |
+-------+----------+-----------+-------+----------+------+------+------+--------+

Providers
+----------+-------------+---------+-------+----------+------+------+------+--------+
| Provider | Max-Servers | Servers | Ready | Building | Test | Used | Hold | Delete |
+----------+-------------+---------+-------+----------+------+------+------+--------+
| cloud    | 96          | 2       | 1     | 0        | 0    | 0    | 0    | 1      |
| rax      | 96          | 0       | 0     | 0        | 0    | 0    | 0    | 0      |
+----------+-------------+---------+-------+----------+------+------+------+--------+

Images
+----------+--------+---------+---------+-----+-----------+
| Provider | Image  | State   | Version | Age | Waits for |
+----------+--------+---------+---------+-----+-----------+
| cloud    | ubuntu | missing |         |     | its build |
| rax      | ubuntu | missing |         |     | its build |
+----------+--------+---------+---------+-----+-----------+

Daemons
+---------------+----------------+-------------+
| Daemon        | Acts on        | Expires in  |
+---------------+----------------+-------------+
| host/1/daemon | provider:cloud | 00:00:01:00 |
+---------------+----------------+-------------+

Failures since the last success
+----------+--------+--------+----+-------+-------------+-------------+---------------+
| Provider | Of     | Image  | AZ | Count | Age         | Retry in    | Last error    |
+----------+--------+--------+----+-------+-------------+-------------+---------------+
| cloud    | launch | ubuntu |    | 1     | 00:00:00:00 | 00:00:01:05 | SSH is silent |
+----------+--------+--------+----+-------+-------------+-------------+---------------+

Last errors
+--------------------------+---------+----------+-------+---------------+--------------+---------------+
| Time                     | Subject | Provider | Name  | Event         | Reason       | Detail        |
+--------------------------+---------+----------+-------+---------------+--------------+---------------+
| 2026-01-15T12:00:00.000Z | node 1  | cloud    | small | launch-failed | boot-timeout | SSH is silent |
+--------------------------+---------+----------+-------+---------------+--------------+---------------+
`);
  });

  it('shows the newest failures to people, and all to machines', async () => {
    for (let index = 1; index <= 12; index += 1) {
      const place = { kind: 'launch', provider: `p${index}`, image: null, az: null } as const;
      await pool.store.failures.record(place, 'no', () => 0);
    }
    const { stdout } = await pool.run(['status']);
    expect(stdout).toContain('and 2 more places (--output json has all)\n');
    expect(stdout.match(/\| launch \|/g)).toHaveLength(10);
    expect(JSON.parse((await pool.run(['status', '-o', 'json'])).stdout)).toMatchObject({ failures: { length: 12 } });
  });

  it('takes neither a lease that ran out nor a holder known to be dead for a daemon', async () => {
    await pool.startDaemon(15_000);
    const daemons = async (options: CliOptions = {}): Promise<unknown> =>
      (JSON.parse((await pool.run(['status', '-o', 'json'], options)).stdout) as { daemons: unknown }).daemons;
    expect(await daemons()).toEqual([
      { daemon: 'host/1/daemon', leases: ['provider:cloud', 'supply'], expires_in: 15 },
    ]);
    expect(await daemons({ findDead: () => Promise.resolve(() => true) })).toEqual([]);
    expect(await daemons({ clock: createWaitingClock(Date.UTC(2026, 0, 15, 12, 0, 15)) })).toEqual([]);
  });

  it('says that no daemon runs, and leaves out empty parts', async () => {
    const { stdout } = await pool.run(['status']);
    expect(stdout.endsWith('\nNo daemon is running.\n')).toBe(true);
  });

  it('gives machines everything under its name', async () => {
    const status = JSON.parse((await pool.run(['status', '-o', 'json'])).stdout) as object;
    expect(Object.keys(status)).toEqual([
      'labels',
      'requests',
      'providers',
      'images',
      'disk_images',
      'uploads',
      'withdrawn_images',
      'daemons',
      'failures',
      'errors',
    ]);
  });
});
