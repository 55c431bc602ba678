import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog, type Log } from '../../../src/lib/log.ts';
import type { Metrics } from '../../../src/metrics/metrics.ts';
import { createMetrics, nullMetrics } from '../../../src/metrics/statsd.ts';
import { aConfig, aLabel, aNode, aRequest } from '../../support/builders.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

let server: Socket;
let received: string[];
const clock = createFakeClock();

beforeEach(async () => {
  received = [];
  server = createSocket('udp4');
  server.on('message', (datagram) => received.push(datagram.toString()));
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => server.close());

function metricsTo(env: Record<string, string | undefined> = {}): Metrics {
  const { port } = server.address();
  return createMetrics({
    env: { STATSD_HOST: '127.0.0.1', STATSD_PORT: String(port), ...env },
    log: silentLog,
    clock,
  });
}

/** All lines that arrived once `metrics` is closed, sorted. A datagram sent afterwards by hand marks the end. */
async function linesOf(metrics: Metrics): Promise<string[]> {
  await metrics.close();
  const { port } = server.address();
  const sender = createSocket('udp4');
  sender.send('end', port, '127.0.0.1');
  while (received.at(-1) !== 'end') await once(server, 'message');
  sender.close();
  return received.slice(0, -1).join('\n').split('\n').filter(Boolean).sort();
}

function both(key: string, ms: number): string[] {
  return [`${key}:${ms}|ms`, `${key}:1|c`];
}

describe('the lines on the wire', () => {
  it('times and counts a launch by result, provider, zone, image and target', async () => {
    const metrics = metricsTo();
    const launch = { result: 'ready', provider: 'east', az: 'nova', image: 'ubuntu', target: 'zuul', manager: null };
    metrics.launchEnded({ ...launch, ms: 61_234.6 });
    expect(await linesOf(metrics)).toEqual(
      [
        ...both('nodepool.launch.ready', 61_235),
        ...both('nodepool.launch.provider.east.ready', 61_235),
        ...both('nodepool.launch.provider.east.nova.ready', 61_235),
        ...both('nodepool.launch.image.ubuntu.ready', 61_235),
        ...both('nodepool.launch.target.zuul.ready', 61_235),
      ].sort(),
    );
  });

  it('leaves out the zone and the image that a failed launch had not, and names its manager instead of its target', async () => {
    const metrics = metricsTo();
    const launch = { result: 'error.quota', provider: 'east', az: null, image: null, target: 'zuul', manager: 'm1' };
    metrics.launchEnded({ ...launch, ms: 5 });
    expect(await linesOf(metrics)).toEqual(
      [
        ...both('nodepool.launch.error.quota', 5),
        ...both('nodepool.launch.provider.east.error.quota', 5),
        ...both('nodepool.launch.manager.m1.error.quota', 5),
      ].sort(),
    );
  });

  it('times and counts a deletion', async () => {
    const metrics = metricsTo();
    metrics.nodeDeleted({ image: 'ubuntu', provider: 'east', target: 'zuul', ms: 700 });
    metrics.nodeDeleted({ image: null, provider: 'east', target: 'zuul', ms: 800 });
    expect(await linesOf(metrics)).toEqual(
      [...both('nodepool.delete.ubuntu.east.zuul', 700), ...both('nodepool.delete.None.east.zuul', 800)].sort(),
    );
  });

  it('times and counts an image update', async () => {
    const metrics = metricsTo();
    metrics.imageUpdated({ image: 'ubuntu', provider: 'east', ms: 90_000 });
    expect(await linesOf(metrics)).toEqual(both('nodepool.image_update.ubuntu.east', 90_000).sort());
  });

  it('times each cloud call and counts them together', async () => {
    const metrics = metricsTo();
    metrics.cloudCall({ provider: 'east', task: 'ServerList', ms: 40 });
    metrics.cloudCall({ provider: 'east', task: 'ServerList', ms: 60 });
    expect(await linesOf(metrics)).toEqual([
      'nodepool.task.east.ServerList:2|c',
      'nodepool.task.east.ServerList:40|ms',
      'nodepool.task.east.ServerList:60|ms',
    ]);
  });

  it('sends the gauges of the pool', async () => {
    const metrics = metricsTo();
    metrics.pool(aConfig(), [aNode(), aNode({ state: 'hold' })], [aRequest()]);
    const lines = await linesOf(metrics);
    expect(lines).toHaveLength(4 * 6 + 2);
    expect(lines).toEqual(
      expect.arrayContaining([
        'nodepool.nodes.ready:1|g',
        'nodepool.nodes.hold:1|g',
        'nodepool.nodes.used:0|g',
        'nodepool.provider.cloud.max_servers:96|g',
        `nodepool.label.${aLabel().name}.requests.waiting:1|g`,
      ]),
    );
  });

  it('packs a burst into datagrams that fit into one frame', async () => {
    const metrics = metricsTo();
    for (let ms = 0; ms < 1000; ms += 1) metrics.cloudCall({ provider: 'east', task: 'ServerCreate', ms });
    expect(await linesOf(metrics)).toHaveLength(1001);
    expect(received.every((datagram) => datagram.length <= 1400)).toBe(true);
    expect(received.length).toBeLessThan(40);
  });

  it('sends plain statsd whatever the environment says to the client library', async () => {
    process.env['DD_TAGS'] = 'team:ci';
    try {
      const metrics = metricsTo();
      metrics.cloudCall({ provider: 'east', task: 'ServerList', ms: 40 });
      expect(await linesOf(metrics)).toEqual(both('nodepool.task.east.ServerList', 40).sort());
    } finally {
      delete process.env['DD_TAGS'];
    }
  });
});

describe('without a server', () => {
  it('does nothing when neither STATSD_HOST nor STATSD_PORT is set', () => {
    expect(createMetrics({ env: { STATSD_HOST: '' }, log: silentLog, clock })).toBe(nullMetrics);
  });

  it('says at most once a minute that it cannot send, and never throws', async () => {
    const { log, warnings } = aWarningLog();
    // The label is longer than a host name may be: the look-up fails at once, without asking anybody.
    const metrics = createMetrics({ env: { STATSD_HOST: 'a'.repeat(300) }, log, clock });
    const burst = async (): Promise<void> => {
      for (let ms = 0; ms < 200; ms += 1) metrics.cloudCall({ provider: 'east', task: 'ServerList', ms });
      await clock.advance(0);
    };
    await burst();
    await expect.poll(() => warnings.length).toBe(1);
    await clock.advance(59_999);
    await burst();
    expect(warnings).toHaveLength(1);
    await clock.advance(1);
    await burst();
    await expect.poll(() => warnings.length).toBe(2);
    await metrics.close();
    expect(warnings[0]).toMatch(/^cannot send metrics to a+: /);
  });

  it('says that a port makes no sense, and uses the default', async () => {
    const { log, warnings } = aWarningLog();
    await createMetrics({ env: { STATSD_PORT: 'http' }, log, clock }).close();
    expect(warnings).toEqual(['STATSD_PORT is not a port number; metrics go to port 8125']);
  });
});

function aWarningLog(): { log: Log; warnings: string[] } {
  const warnings: string[] = [];
  return { warnings, log: { ...silentLog, warn: (_fields, message) => warnings.push(message) } };
}
