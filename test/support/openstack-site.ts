/**
 * A pool on doubles of OpenStack, one for each provider: the engine with the real driver, real HTTP, an embedded
 * database in memory, and one clock for daemon and clouds. Time moves only when nothing is under way any more but what
 * waits for time, so that a run is the same each time and simulated hours take milliseconds. In the place of SSH stands
 * a shell that gets into every server that is up and not muted.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setImmediate as turn } from 'node:timers/promises';
import { onTestFinished, vi } from 'vitest';
import type { Config, LabelConfig, ProviderConfig } from '../../src/config/types.ts';
import { EngineCore } from '../../src/daemon/engine.ts';
import { toSeconds } from '../../src/lib/clock.ts';
import { NodepoolError } from '../../src/lib/errors.ts';
import { noDemand } from '../../src/demand/no-demand.ts';
import { noDiskImages } from '../../src/images/no-disk-images.ts';
import { cloudImageId } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { recordKey, type ImageRecord, type NodeRecord } from '../../src/lifecycle/records.ts';
import { nullMetrics } from '../../src/metrics/statsd.ts';
import type { Plan } from '../../src/planning/actions.ts';
import { hostKeyOf } from '../../src/providers/fake/host-key.ts';
import { createOpenStackDriver } from '../../src/providers/openstack/index.ts';
import { imageMetadata } from '../../src/providers/openstack/tags.ts';
import type { DriverFactory } from '../../src/providers/provider.ts';
import { createProviders } from '../../src/providers/registry.ts';
import type { Shell } from '../../src/remote/shell.ts';
import type { EventRecord, Store } from '../../src/store/store.ts';
import {
  createOpenStackDouble,
  PASSWORD,
  type OpenStackDouble,
  type OpenStackDoubleOptions,
  type ServerView,
} from '../../tools/openstack-double/index.ts';
import { aConfig, aLabel, aProvider } from './builders.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { noTargets } from './no-targets.ts';
import { createSeededRandom } from './seeded-random.ts';
import { keysOn } from './site.ts';
import { openMemoryStore } from './memory-store.ts';

/** Servers are reached at the addresses that they have, and take a while. */
const USUAL_CLOUD: OpenStackDoubleOptions = {
  networks: [{ name: 'provider', cidr: '198.51.100.0/24', isShared: true }],
  images: [{ name: 'Ubuntu' }],
  behaviour: { bootMs: 20_000, deleteMs: 5000, imageMs: 10_000 },
};

/** Nobody has its private half. */
const PUBLIC_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA3WHMpXSem9FfTDCYQYDscLJ3/q+m4ZAlChx8qgbNzY';

/** The longest that time moves without a look at the pool: leases are renewed more often than they run out. */
const LONGEST_STEP_MS = 4000;
/** After something has ended the next pass comes so much later, as in the daemon. */
const SHORTEST_STEP_MS = 10;

export interface SiteOptions {
  /** Clouds by the name of their provider, beside {@link USUAL_CLOUD}; absent: one, `cloud`. */
  readonly clouds?: Readonly<Record<string, OpenStackDoubleOptions>>;
  /** What the provider of each cloud is configured with. */
  readonly provider?: Partial<ProviderConfig>;
  /** Nodes of the label `small-<provider>` at each provider; absent: 2. */
  readonly minReady?: number;
}

type Awaitable<T> = T | Promise<T>;

// A run takes a fraction of a second, but what shares the machine may keep it waiting.
vi.setConfig({ testTimeout: 30_000 });

/** What tests count, and let fail. */
export const LOGIN = { service: 'identity', method: 'POST', path: /^\/v3\/auth\/tokens$/ } as const;
export const CREATE = { service: 'compute', method: 'POST', path: /^\/v2\.1\/servers$/ } as const;
export const DELETE = { service: 'compute', method: 'DELETE', path: /^\/v2\.1\/servers\// } as const;
export const LIST = { service: 'compute', method: 'GET', path: /^\/v2\.1\/servers\/detail/ } as const;
/** Snapshots, and consoles. */
export const ACT = { service: 'compute', method: 'POST', path: /\/action$/ } as const;
export const LIST_IMAGES = { service: 'image', method: 'GET', path: /^\/v2\/images/ } as const;

export class OpenStackSite {
  readonly clock = inWholeMs(createFakeClock());
  /** The keys of templates on the disk of the host. */
  readonly keys = new Map<string, string>();
  /** Addresses that were logged in to, or tried to. */
  readonly probed: string[] = [];
  /** Servers at which nobody answers. */
  isMute: (server: ServerView) => boolean = () => false;
  config: Config;
  plan: Plan | null = null;
  /** Passes so far: how hard the daemon works. */
  passes = 0;
  readonly #random = createSeededRandom(1);
  readonly #clouds = new Map<string, OpenStackDouble>();
  readonly #requests = watchRequests();
  #store!: Store;
  #core!: EngineCore;
  #starts = 0;
  #isWoken = false;

  private constructor(config: Config) {
    this.config = config;
  }

  static async open({ clouds = { cloud: {} }, provider = {}, minReady = 2 }: SiteOptions): Promise<OpenStackSite> {
    const site = new OpenStackSite(aConfig());
    const { clock } = site;
    for (const [name, options] of Object.entries(clouds)) {
      const behaviour = { ...USUAL_CLOUD.behaviour, ...options.behaviour };
      const random = createSeededRandom(site.#clouds.size + 2);
      site.#clouds.set(name, await createOpenStackDouble({ ...USUAL_CLOUD, ...options, behaviour, clock, random }));
    }
    const names = Object.keys(clouds);
    site.config = aConfig({
      providers: names.map((name) => providerAt(site.double(name), { name, ...provider })),
      labels: names.map((name) => aLabel({ name: `small-${name}`, providers: [name], minReady })),
    });
    ({ store: site.#store } = await openMemoryStore({ clock, random: site.#random }));
    site.start();
    return site;
  }

  get store(): Store {
    return this.#store;
  }

  double(provider = 'cloud'): OpenStackDouble {
    return this.#clouds.get(provider) as OpenStackDouble;
  }

  /** Starts a daemon that knows nothing but the rows. */
  start(): void {
    this.#starts += 1;
    const { clock, store } = this;
    const random = this.#random;
    const env = {};
    const driver = createOpenStackDriver({ clock, random, log: silentLog, env, home: '/nowhere', cwd: '/nowhere' });
    const openstack: DriverFactory = (config) => ({ ...driver(config), shell: this.#shellOf(config.name) });
    const onCall = (): void => undefined;
    this.#core = new EngineCore(
      {
        store,
        config: () => this.config,
        refreshConfig: () => Promise.resolve(),
        providers: createProviders({ factories: { openstack }, clock, onCall, log: silentLog }),
        clock,
        random,
        log: silentLog,
        metrics: nullMetrics,
        keys: { make: () => Promise.resolve({ privateKey: 'private\n', publicKey: 'public\n' }) },
        templateKeys: { ...keysOn(this.keys), prepare: async (key) => this.#prepareKey(key) },
        diskImages: noDiskImages('these sites have snapshots'),
        workers: { builds: 1, uploads: 4 },
        demand: noDemand,
        targets: noTargets,
        followers: [],
        host: 'host',
        // No log of a build can be written there, not even by root.
        stateDir: '/dev/null',
        holder: `daemon/${this.#starts}/x`,
        isDeadHolder: () => true,
        switches: { launches: true, deletes: true, images: true },
        scope: null,
        env,
      },
      () => (this.#isWoken = true),
    );
  }

  /** Lets what is under way end, and the daemon with it. */
  async stop(): Promise<void> {
    await this.#core.release();
    await this.#requests.quiet([...this.#clouds.values()]);
  }

  /** Gives every provider a READY image, as if it had been built before. */
  async provideImages(): Promise<void> {
    const installation = await this.#store.installation();
    for (const provider of this.config.providers.keys()) {
      const name = `template-ubuntu-at-${provider}`;
      const image = {
        provider,
        image: 'ubuntu',
        hostname: name,
        version: toSeconds(this.clock.now()),
        reason: 'operator',
      };
      const id = (await this.#store.createImage(image)) ?? 0;
      const record = (await this.images()).find((one) => one.id === id) as ImageRecord;
      const tags = { installation, record: recordKey('image', record), attempt: 1 };
      const properties = { image_type: 'snapshot', ...imageMetadata({ name, meta: {}, tags }) };
      const { id: saved } = this.double(provider).addImage({ name, project: 'nodepool', properties });
      const patch = { cloudImageId: cloudImageId(saved), reason: null };
      await this.#store.moveImage({ id, from: 'building', to: 'ready', by: 'launch', patch });
    }
  }

  /** Lets so much time pass. */
  async run(ms: number): Promise<void> {
    const end = this.clock.now() + ms;
    while (this.clock.now() < end) await this.#step(end);
  }

  /** Lets time pass until something is so; throws when it takes longer than a simulated quarter of an hour. */
  async until(isSo: () => Awaitable<boolean>, withinMs = 900_000): Promise<void> {
    const end = this.clock.now() + withinMs;
    while (this.clock.now() < end) {
      await this.#step(end);
      if (await isSo()) return;
    }
    throw new Error(`it did not come to that within ${withinMs} ms: ${await this.#describe()}`);
  }

  /** From now on the label of a provider is to have so many nodes. */
  resize(minReady: number, provider = 'cloud'): void {
    const name = `small-${provider}`;
    const label = { ...(this.config.labels.get(name) as LabelConfig), minReady };
    this.config = { ...this.config, labels: new Map([...this.config.labels, [name, label]]) };
  }

  async nodes(state?: NodeRecord['state']): Promise<readonly NodeRecord[]> {
    const { nodes } = await this.#store.readPool();
    return nodes.filter((node) => state === undefined || node.state === state);
  }

  /** Has every READY node deleted, as an operator does. */
  async deleteNodes(): Promise<void> {
    for (const { id } of await this.nodes('ready')) {
      await this.#store.moveNode({ id, from: 'ready', to: 'delete', by: 'operator' });
    }
  }

  /** The statuses of the requests that asked to save an image. */
  saves(provider = 'cloud'): readonly (number | null)[] {
    const isSave = (body: unknown): boolean => Object.hasOwn(Object(body) as object, 'createImage');
    return this.double(provider).requests.flatMap(({ body, status }) => (isSave(body) ? [status] : []));
  }

  async images(): Promise<readonly ImageRecord[]> {
    return (await this.#store.readPool()).images;
  }

  /** The newest event of a kind first. */
  events(...kinds: string[]): Promise<readonly EventRecord[]> {
    return this.#store.events.latest(kinds, 100);
  }

  /** What `nodepool plan` would say about something. */
  note(about: string): string {
    return (this.plan?.notes ?? []).flatMap((note) => (note.about === about ? [note.text] : [])).join('; ');
  }

  /** Whether all labels have exactly their nodes, all rows are at rest, and the clouds hold exactly what the rows say. */
  async isSettled(): Promise<boolean> {
    const { nodes, images } = await this.#store.readPool();
    if (new Set(images.map(({ provider }) => provider)).size < this.config.providers.size) return false;
    const atRest = nodes.every(({ state }) => state === 'ready') && images.every(({ state }) => state === 'ready');
    const complete = [...this.config.labels.values()].every(
      ({ name, minReady }) => nodes.filter(({ label }) => label === name).length === minReady,
    );
    return atRest && complete && (await this.leftovers()).length === 0;
  }

  /** What the clouds hold and the rows do not name, and what the rows name and the clouds do not hold. */
  async leftovers(): Promise<readonly string[]> {
    const { nodes, images } = await this.#store.readPool();
    const named = new Set([...nodes, ...images].flatMap(({ serverId }) => serverId ?? []).map((id) => `server ${id}`));
    for (const { cloudImageId } of images) if (cloudImageId !== null) named.add(`image ${cloudImageId}`);
    const held = new Set([...this.#clouds.values()].flatMap(holdings));
    for (const key of this.keys.keys()) held.add(`file ${key}`);
    const isOdd = (one: string): boolean => named.has(one) !== held.has(one);
    return [...new Set([...named, ...held])].filter(isOdd);
  }

  /** Ends everything; for the end of a test. */
  async close(): Promise<void> {
    for (const double of this.#clouds.values()) double.clearFaults();
    await this.stop();
    this.#requests.end();
    await Promise.all([...this.#clouds.values()].map((double) => double.close()));
    await this.#store.close();
  }

  async #step(end: number): Promise<void> {
    const doubles = [...this.#clouds.values()];
    this.#isWoken = false;
    this.passes += 1;
    this.plan = (await this.#core.tick()) ?? this.plan;
    await this.#requests.quiet(doubles);
    const now = this.clock.now();
    const nextPass = this.#isWoken ? now + SHORTEST_STEP_MS : Math.max(this.#core.nextWakeAt(), now + SHORTEST_STEP_MS);
    const next = Math.min(end, now + LONGEST_STEP_MS, nextPass, this.clock.nextAt() ?? Infinity);
    await this.clock.advance(Math.max(1, Math.ceil(next - now)));
    await this.#requests.quiet(doubles);
  }

  #prepareKey(key: string): { publicKey: string } {
    this.keys.set(key, PUBLIC_KEY);
    return { publicKey: PUBLIC_KEY };
  }

  #shellOf(provider: string): Shell {
    const reach = (address: string): ServerView => {
      this.probed.push(address);
      const server = this.double(provider).reach(address);
      if (server === null || this.isMute(server)) throw new NodepoolError('unreachable', `${address} does not answer`);
      return server;
    };
    return {
      knock: async (address) => void reach(address),
      probe: async ({ address, usernames }) => {
        const { id } = reach(address);
        return { username: usernames[0] ?? 'root', hostKey: hostKeyOf(id) };
      },
      run: async ({ address }) => void reach(address),
      writeFiles: async ({ address }) => void reach(address),
    };
  }

  async #describe(): Promise<string> {
    const { nodes, images, failures } = await this.#store.readPool();
    const rows = [...nodes, ...images].map(({ id, state, reason, provider }) => ({ id, state, reason, provider }));
    const { notes, actions } = this.plan ?? { notes: [], actions: [] };
    const running = this.#core.inFlight();
    return JSON.stringify({ rows, failures, notes, actions, running, leftovers: await this.leftovers() }, null, 1);
  }
}

/** A site with its daemon, until the test ends. */
export async function openSite(options: SiteOptions = {}): Promise<OpenStackSite> {
  const site = await OpenStackSite.open(options);
  onTestFinished(() => site.close());
  return site;
}

/** A site whose images are there and whose nodes are ready; its requests so far are forgotten. */
export async function openSettledSite(options: SiteOptions = {}): Promise<OpenStackSite> {
  const site = await openSite(options);
  await site.provideImages();
  await site.until(() => site.isSettled());
  for (const name of site.config.providers.keys()) site.double(name).forgetRequests();
  return site;
}

/** As real clocks are read: pauses that chance has a part in must not lead to times between two milliseconds. */
function inWholeMs(clock: FakeClock): FakeClock {
  return { ...clock, sleep: (ms, signal) => clock.sleep(Math.ceil(ms), signal) };
}

function providerAt({ authUrl }: OpenStackDouble, overrides: Partial<ProviderConfig>): ProviderConfig {
  const account = { username: 'nodepool', password: PASSWORD, projectName: 'nodepool', authUrl };
  const credentials = { ...aProvider().credentials, ...account };
  return aProvider({ driver: 'openstack', credentials, ...overrides });
}

/** What a cloud holds of ours: what was there before the pool has no snapshot's or server's mark. */
function holdings(double: OpenStackDouble): readonly string[] {
  const ports = new Set(double.servers().map(({ id }) => id));
  return [
    ...double.servers().map(({ id }) => `server ${id}`),
    ...double
      .images()
      .flatMap(({ id, properties }) => (properties.nodepool_record === undefined ? [] : [`image ${id}`])),
    ...double.keypairs().map(({ name }) => `key pair ${name}`),
    ...double.floatingIps().flatMap(({ address, serverId }) => (serverId === null ? [`floating IP ${address}`] : [])),
    ...double.ports().flatMap(({ id, serverId }) => (ports.has(serverId) ? [] : [`port ${id}`])),
  ];
}

interface RequestWatch {
  /** Resolves when no request is under way but those that a double keeps waiting. */
  quiet(doubles: readonly OpenStackDouble[]): Promise<void>;
  end(): void;
}

/** Turns of the event loop without anything new, after which nothing is on its way. */
const STILL_TURNS = 5;

/** Follows the requests of this process by what its HTTP client tells about them. */
function watchRequests(): RequestWatch {
  const underWay = new Map<object, string>();
  let changes = 0;
  const onCreate = (message: unknown): void => {
    const { request } = message as { request: { headers: readonly string[] } };
    underWay.set(request, request.headers[request.headers.indexOf('x-openstack-request-id') + 1] ?? '');
    changes += 1;
  };
  const onEnd = (message: unknown): void => {
    underWay.delete((message as { request: object }).request);
    changes += 1;
  };
  subscribe('undici:request:create', onCreate);
  for (const name of ['undici:request:trailers', 'undici:request:error']) subscribe(name, onEnd);
  const isWaiting = (doubles: readonly OpenStackDouble[]): boolean => {
    if (underWay.size === 0) return true;
    const kept = doubles.flatMap(({ requests }) => requests.filter(({ status }) => status === null));
    const ids = new Set(kept.map(({ clientRequestId }) => clientRequestId));
    return [...underWay.values()].every((id) => ids.has(id));
  };
  return {
    quiet: async (doubles) => {
      for (let still = 0, seen = changes; still < STILL_TURNS; still += 1) {
        await turn();
        if (seen === changes && isWaiting(doubles)) continue;
        still = -1;
        seen = changes;
      }
    },
    end: () => {
      unsubscribe('undici:request:create', onCreate);
      for (const name of ['undici:request:trailers', 'undici:request:error']) unsubscribe(name, onEnd);
    },
  };
}
