/** Sends the metrics of the catalogue to a statsd server over UDP. The only file that knows the client library. */
import { StatsD } from 'hot-shots';
import type { Clock } from '../lib/clock.ts';
import { describeError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Metrics } from './metrics.ts';
import { createReport } from './report.ts';

const DEFAULT_HOST = 'localhost';
const DEFAULT_PORT = 8125;
/** Lines are sent together in datagrams that fit into one Ethernet frame, or after this time. */
const DATAGRAM_BYTES = 1400;
const FLUSH_MS = 200;
const TROUBLE_LOG_MS = 60_000;

export interface MetricsDeps {
  /** Environment: `STATSD_HOST`, `STATSD_PORT`; either turns metrics on. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  readonly clock: Clock;
}

const nothing = (): void => undefined;

/** Metrics that go nowhere. */
export const nullMetrics: Metrics = {
  launchEnded: nothing,
  nodeDeleted: nothing,
  imageUpdated: nothing,
  diskImageBuilt: nothing,
  imageUploaded: nothing,
  imageWithdrawn: nothing,
  cloudCall: nothing,
  requestGranted: nothing,
  jobSucceeded: nothing,
  pool: nothing,
  close: () => Promise.resolve(),
};

/** Metrics for the statsd server that the environment names, or {@link nullMetrics}. Nothing it does ever throws. */
export function createMetrics({ env, log, clock }: MetricsDeps): Metrics {
  if (!env['STATSD_HOST'] && !env['STATSD_PORT']) return nullMetrics;
  const host = env['STATSD_HOST'] || DEFAULT_HOST;
  const client = new StatsD({
    host,
    port: readPort(env['STATSD_PORT'], log),
    maxBufferSize: DATAGRAM_BYTES,
    bufferFlushInterval: FLUSH_MS,
    // Increments of the same key become one line per flush: they are half of all lines.
    aggregation: { flushInterval: FLUSH_MS },
    closingFlushInterval: 10,
    cacheDns: true,
    errorHandler: createTroubleLog({ host, log, clock }),
    // Plain statsd: no tags or fields of one vendor, whatever else is in the environment.
    includeDataDogTags: false,
    datadog: false,
  });
  return createReport(
    {
      gauge: (key, value) => client.gauge(key, value),
      timing: (key, ms) => client.timing(key, ms),
      increment: (key) => client.increment(key),
      close: () => new Promise((resolve) => client.close(() => resolve())),
    },
    clock,
  );
}

function readPort(text: string | undefined, log: Log): number {
  if (!text) return DEFAULT_PORT;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  log.warn({ port: text }, `STATSD_PORT is not a port number; metrics go to port ${DEFAULT_PORT}`);
  return DEFAULT_PORT;
}

/** Metrics are worth one line a minute, however many of them are lost. */
function createTroubleLog({ host, log, clock }: { host: string; log: Log; clock: Clock }): (error: Error) => void {
  let loggedAt = -Infinity;
  return (error) => {
    const now = clock.now();
    if (now < loggedAt + TROUBLE_LOG_MS) return;
    loggedAt = now;
    log.warn({ error: describeError(error) }, `cannot send metrics to ${host}: ${describeError(error)}`);
  };
}
