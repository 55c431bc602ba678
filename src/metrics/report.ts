/** Puts what the program reports under the keys of the catalogue, and paces the gauges. */
import type { Config } from '../config/types.ts';
import type { NodeRecord, RequestRecord } from '../lifecycle/records.ts';
import type { Clock } from '../lib/clock.ts';
import { metricKey, type MetricFields, type MetricOfType } from './catalogue.ts';
import { gaugeNames, NO_GAUGE_NAMES, poolGauges, requestGauges } from './gauges.ts';
import type { Metrics } from './metrics.ts';

/** While the pool changes, gauges are sent this often at most; */
const GAUGES_LEAST_MS = 1_000;
/** while it does not, this often, for servers that forget gauges they do not hear of. */
const GAUGES_MOST_MS = 10_000;

/** A statsd client; none of its methods throws or rejects. */
export interface Wire {
  gauge(key: string, value: number): void;
  timing(key: string, ms: number): void;
  increment(key: string): void;
  /** Sends what is left and lets go of the socket. */
  close(): Promise<void>;
}

/** Metrics over `wire`, which `close()` closes too. */
export function createReport(wire: Wire, clock: Clock): Metrics {
  return new Report(wire, clock);
}

/** The pool as it was last shown to us. */
interface Sight {
  readonly config: Config;
  readonly nodes: readonly NodeRecord[];
  /** Those that wait or have nodes. */
  readonly requests: readonly RequestRecord[];
}

class Report implements Metrics {
  readonly #wire: Wire;
  readonly #clock: Clock;
  #names = NO_GAUGE_NAMES;
  #sent: (Sight & { readonly at: number }) | null = null;
  /** Shown after the last sending, and not sent yet. */
  #waiting: Sight | null = null;

  constructor(wire: Wire, clock: Clock) {
    this.#wire = wire;
    this.#clock = clock;
  }

  launchEnded(launch: Parameters<Metrics['launchEnded']>[0]): void {
    const { result, provider, az, image, target, manager, ms } = launch;
    this.#time('launch', { result }, ms);
    this.#time('launchProvider', { provider, result }, ms);
    if (az !== null) this.#time('launchZone', { provider, az, result }, ms);
    if (image !== null) this.#time('launchImage', { image, result }, ms);
    if (manager === null) this.#time('launchTarget', { target, result }, ms);
    else this.#time('launchManager', { manager, result }, ms);
  }

  nodeDeleted({ image, provider, target, ms }: Parameters<Metrics['nodeDeleted']>[0]): void {
    this.#time('delete', { image: image ?? 'None', provider, target }, ms);
  }

  imageUpdated({ image, provider, ms }: Parameters<Metrics['imageUpdated']>[0]): void {
    this.#time('imageUpdate', { image, provider }, ms);
  }

  diskImageBuilt({ diskimage, ms, files }: Parameters<Metrics['diskImageBuilt']>[0]): void {
    this.#time('diskImageBuild', { diskimage }, ms);
    for (const { format, allocatedBytes } of files)
      this.#wire.gauge(metricKey('diskImageSize', { diskimage, format }), allocatedBytes);
  }

  imageUploaded({ image, provider, bytesPerSecond }: Parameters<Metrics['imageUploaded']>[0]): void {
    this.#wire.gauge(metricKey('imageUploadRate', { image, provider }), bytesPerSecond);
  }

  imageWithdrawn({ image, provider }: Parameters<Metrics['imageWithdrawn']>[0]): void {
    this.#wire.increment(metricKey('imageWithdrawn', { image, provider }));
  }

  cloudCall({ provider, task, ms }: Parameters<Metrics['cloudCall']>[0]): void {
    this.#time('task', { provider, task }, ms);
  }

  requestGranted({ label, ms }: Parameters<Metrics['requestGranted']>[0]): void {
    this.#time('requestGranted', { label }, ms);
  }

  jobSucceeded({ job, branch, label, provider, ms }: Parameters<Metrics['jobSucceeded']>[0]): void {
    const rounded = Math.round(ms);
    this.#wire.timing(metricKey('jobRuntime', { job }), rounded);
    this.#wire.timing(metricKey('jobBranchRuntime', { job, branch }), rounded);
    this.#wire.timing(metricKey('jobLabelRuntime', { job, branch, label }), rounded);
    this.#wire.timing(metricKey('jobProviderRuntime', { job, branch, label, provider }), rounded);
    this.#wire.increment(metricKey('jobBuilds', { job }));
    this.#wire.increment(metricKey('jobBranchBuilds', { job, branch }));
    this.#wire.increment(metricKey('jobLabelBuilds', { job, branch, label }));
    this.#wire.increment(metricKey('jobProviderBuilds', { job, branch, label, provider }));
  }

  /** To be called on every pass, whether or not something changed: it decides itself whether to send. */
  pool(config: Config, nodes: readonly NodeRecord[], requests: readonly RequestRecord[]): void {
    const sight = { config, nodes, requests };
    const sinceMs = this.#clock.now() - (this.#sent?.at ?? -Infinity);
    const isNews = this.#sent === null || !isSame(this.#sent, sight);
    // A clock that was set back must not silence the gauges.
    const isDue = sinceMs < 0 || sinceMs >= (isNews ? GAUGES_LEAST_MS : GAUGES_MOST_MS);
    if (isDue) this.#sendPool(sight);
    else if (isNews) this.#waiting = sight;
  }

  async close(): Promise<void> {
    if (this.#waiting !== null) this.#sendPool(this.#waiting);
    await this.#wire.close();
  }

  #sendPool(sight: Sight): void {
    const { config, nodes, requests } = sight;
    this.#names = gaugeNames(config, nodes, this.#names);
    const gauges = [...poolGauges(config, nodes, this.#names), ...requestGauges(requests, this.#names)];
    for (const [key, value] of gauges) this.#wire.gauge(key, value);
    this.#sent = { ...sight, at: this.#clock.now() };
    this.#waiting = null;
  }

  /** Sends a `timing+counter` metric; `ms` is rounded to whole milliseconds. */
  #time<N extends MetricOfType<'timing+counter'>>(name: N, fields: MetricFields<N>, ms: number): void {
    const key = metricKey(name, fields);
    this.#wire.timing(key, Math.round(ms));
    this.#wire.increment(key);
  }
}

function isSame(a: Sight, b: Sight): boolean {
  return a.config === b.config && a.nodes === b.nodes && a.requests === b.requests;
}
