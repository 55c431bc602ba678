import { describe, expect, it } from 'vitest';
import type { ProviderConfig } from '../../../src/config/types.ts';
import type { Log, LogFields } from '../../../src/lib/log.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { serverId } from '../../../src/lib/ids.ts';
import type { Cloud, DriverFactory, Provider, Server } from '../../../src/providers/provider.ts';
import { createProviders } from '../../../src/providers/registry.ts';
import type { SupervisedProvider } from '../../../src/providers/supervised.ts';
import { aConfig, aProvider, aServer, imagesNamed } from '../../support/builders.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const signal = new AbortController().signal;
const target = { address: '10.0.0.1', usernames: ['jenkins'], privateKeyPath: null, hostKey: null };

/** A driver whose clouds list one server named after the region, and the configurations that it was given. */
function withProviders() {
  const made: ProviderConfig[] = [];
  const errors: [LogFields, string][] = [];
  const closed: (string | null)[] = [];
  const state: {
    fault: Error | null;
    listServers: Cloud['listServers'] | null;
    isOutdated: boolean;
    location: string;
  } = {
    location: 'here',
    fault: null,
    listServers: null,
    isOutdated: false,
  };
  const driver: DriverFactory = (config) => {
    if (state.fault) throw state.fault;
    made.push(config);
    const listServers = state.listServers ?? (async () => [aServer({ id: serverId(config.regionName ?? 'none') })]);
    const inspect: Provider['inspect'] = async () => [{ level: 'ok', about: 'region', text: config.regionName ?? '' }];
    const isOutdated = (): boolean => state.isOutdated;
    const close = async (): Promise<void> => void closed.push(config.regionName);
    const rest = { shell: {}, traits: { concurrency: 1 }, location: state.location, inspect, isOutdated, close };
    return { cloud: { listServers }, ...rest } as unknown as Provider;
  };
  const log: Log = { ...silentLog, error: (fields, message) => void errors.push([fields, message]) };
  const clock = createFakeClock();
  const providers = createProviders({ factories: { real: driver }, clock, onCall: () => undefined, log });
  const configure = (...configs: readonly Partial<ProviderConfig>[]): void => {
    const all = configs.map((config) => aProvider({ driver: 'real', ...config }));
    providers.configure(aConfig({ providers: all, labels: [] }));
  };
  const regionOf = async (name: string): Promise<string | undefined> =>
    (await providers.get(name)?.cloud.listServers(signal))?.[0]?.id;
  return { providers, configure, made, errors, closed, state, regionOf };
}

describe('createProviders', () => {
  it('has the providers of the configuration, in its order', async () => {
    const { providers, configure, regionOf } = withProviders();
    configure({ name: 'rax', regionName: 'DFW' }, { name: 'hp', regionName: 'East' });
    expect([...providers.entries()].map(([name]) => name)).toEqual(['rax', 'hp']);
    expect(await regionOf('rax')).toBe('DFW');
    expect(await regionOf('hp')).toBe('East');
    expect(providers.get('other')).toBeNull();
  });

  it("inspects a provider with its driver's own eyes", async () => {
    const { providers, configure } = withProviders();
    configure({ name: 'rax', regionName: 'DFW' });
    expect(await providers.get('rax')?.inspect(signal)).toEqual([{ level: 'ok', about: 'region', text: 'DFW' }]);
  });

  describe('a new configuration', () => {
    it('keeps a provider whose configuration is equal by value', () => {
      const { providers, configure, made } = withProviders();
      configure({ name: 'rax', images: imagesNamed('ubuntu', 'centos') });
      const before = providers.get('rax');
      configure({ name: 'rax', images: imagesNamed('ubuntu', 'centos') });
      expect(providers.get('rax')).toBe(before);
      expect(made).toHaveLength(1);
    });

    it.each([
      ['a plain value', { regionName: 'IAD' }],
      ['an image', { images: imagesNamed('ubuntu', 'centos') }],
      ['a value deep inside', { fake: { ...aProvider().fake, bootTimeMs: 1 } }],
    ])('makes a provider anew when %s changed, and only that one', (_what, change) => {
      const { providers, configure, made } = withProviders();
      configure({ name: 'rax' }, { name: 'hp' });
      const before = new Map(providers.entries());
      configure({ name: 'rax', ...change }, { name: 'hp' });
      expect(made.map(({ name }) => name)).toEqual(['rax', 'hp', 'rax']);
      expect(providers.get('rax')).not.toBe(before.get('rax'));
      expect(providers.get('hp')).toBe(before.get('hp'));
    });

    it('lets the calls under way at a provider that it replaces go on', async () => {
      const { providers, configure, state, regionOf } = withProviders();
      let answer: (servers: readonly Server[]) => void = () => undefined;
      state.listServers = () => new Promise((resolve) => (answer = resolve));
      configure({ name: 'rax' });
      const call = providers.get('rax')?.cloud.listServers(signal);
      state.listServers = null;
      configure({ name: 'rax', regionName: 'IAD' });
      await Promise.resolve();
      answer([]);
      await expect(call).resolves.toEqual([]);
      expect(await regionOf('rax')).toBe('IAD');
    });

    it('keeps a provider that is no longer in it until it is forgotten', () => {
      const { providers, configure } = withProviders();
      configure({ name: 'rax' }, { name: 'hp' });
      const before = providers.get('rax');
      configure({ name: 'hp' });
      expect(providers.get('rax')).toBe(before);
      providers.forget('rax');
      expect(providers.get('rax')).toBeNull();
      expect([...providers.entries()].map(([name]) => name)).toEqual(['hp']);
    });
  });

  describe('a provider whose location changes', () => {
    it('is barred until somebody decides, who can call it meanwhile', async () => {
      const { providers, configure, state, regionOf } = withProviders();
      configure({ name: 'rax', regionName: 'DFW' });
      state.location = 'there';
      configure({ name: 'rax', regionName: 'ORD' });
      await expect(regionOf('rax')).rejects.toMatchObject({ code: 'unavailable' });
      const [placed] = providers.placed();
      expect(placed).toMatchObject({ name: 'rax', location: 'there' });
      expect(await placed?.provider.cloud.listServers(signal)).toMatchObject([{ id: 'ORD' }]);
      providers.bar('rax', 'it is not there');
      await expect(regionOf('rax')).rejects.toThrow('it is not there');
      providers.bar('rax', null);
      expect(await regionOf('rax')).toBe('ORD');
    });

    it('is barred, too, when its driver could not be made in between', async () => {
      const { providers, configure, state, regionOf } = withProviders();
      configure({ name: 'rax', regionName: 'DFW' });
      state.fault = new Error('clouds.yaml:3: is not YAML');
      configure({ name: 'rax', regionName: 'ORD' });
      expect([...providers.placed()]).toEqual([]);
      Object.assign(state, { fault: null, location: 'there' });
      configure({ name: 'rax', regionName: 'ORD' });
      await expect(regionOf('rax')).rejects.toThrow('provider rax is at another location');
    });
  });

  describe('a provider that is outdated', () => {
    it('is made anew at the next look at the configuration, even an equal one', () => {
      const { providers, configure, made, state } = withProviders();
      configure({ name: 'rax' });
      const before = providers.get('rax');
      state.isOutdated = true;
      configure({ name: 'rax' });
      expect(made).toHaveLength(2);
      expect(providers.get('rax')).not.toBe(before);
    });

    it('is made anew while it drains', () => {
      const { configure, made, state } = withProviders();
      configure({ name: 'rax' });
      configure();
      expect(made).toHaveLength(1);
      state.isOutdated = true;
      configure();
      expect(made).toHaveLength(2);
    });

    it('goes on as it is when it cannot be made anew, and says so once', () => {
      const { providers, configure, state, errors } = withProviders();
      configure({ name: 'rax' });
      const before = providers.get('rax');
      Object.assign(state, { isOutdated: true, fault: new Error('clouds.yaml:3: is not YAML') });
      configure({ name: 'rax' });
      configure({ name: 'rax' });
      expect(providers.get('rax')).toBe(before);
      const sentence = 'provider rax cannot be used: clouds.yaml:3: is not YAML; what was read before stays in force';
      expect(errors).toEqual([[{ provider: 'rax' }, sentence]]);

      state.isOutdated = false;
      configure({ name: 'rax' });
      state.isOutdated = true;
      configure({ name: 'rax' });
      expect(errors).toHaveLength(2);

      state.fault = null;
      configure({ name: 'rax' });
      expect(providers.get('rax')).not.toBe(before);
    });
  });

  describe('a provider that nobody is handed any more', () => {
    it('is closed at once when nothing is under way', () => {
      const { providers, configure, closed } = withProviders();
      configure({ name: 'rax', regionName: 'DFW' }, { name: 'hp', regionName: 'East' });
      configure({ name: 'rax', regionName: 'IAD' }, { name: 'hp', regionName: 'East' });
      expect(closed).toEqual(['DFW']);
      providers.forget('rax');
      expect(closed).toEqual(['DFW', 'IAD']);
      providers.forget('rax');
      expect(closed).toHaveLength(2);
    });

    it('is closed after the last of the calls that are under way or wait for their turn', async () => {
      const { providers, configure, closed, state } = withProviders();
      const answers: ((servers: readonly Server[]) => void)[] = [];
      state.listServers = () => new Promise((resolve) => answers.push(resolve));
      configure({ name: 'rax', regionName: 'DFW' });
      const calls = [1, 2].map(() => providers.get('rax')?.cloud.listServers(signal));
      configure({ name: 'rax', regionName: 'IAD' });
      for (const [nth, call] of calls.entries()) {
        expect(closed).toEqual([]);
        await expect.poll(() => answers.length, { interval: 1 }).toBe(nth + 1);
        answers[nth]?.([]);
        await call;
      }
      expect(closed).toEqual(['DFW']);
    });

    it('can still be called by whoever was handed it before, and is closed again then', async () => {
      const { providers, configure, closed } = withProviders();
      configure({ name: 'rax', regionName: 'DFW' });
      const before = providers.get('rax');
      providers.forget('rax');
      expect(await before?.cloud.listServers(signal)).toHaveLength(1);
      expect(closed).toEqual(['DFW', 'DFW']);
    });
  });

  describe('a provider whose driver cannot be made', () => {
    const unknown = 'provider rax cannot be used: this version has no driver "openstack" (it has: real)';

    it('answers every call with one sentence, while the others work', async () => {
      const { providers, configure, regionOf } = withProviders();
      configure({ name: 'rax', driver: 'openstack' }, { name: 'hp', regionName: 'East' });
      const rax = providers.get('rax') as SupervisedProvider;
      const id = serverId('s1');
      const outcomes = await Promise.allSettled([
        rax.cloud.listServers(signal),
        rax.cloud.createServer({} as never, signal, () => Promise.reject(new Error('admitted'))),
        rax.cloud.deleteServer(id, signal),
        rax.cloud.listImages(signal),
        rax.cloud.saveImage(id, {} as never, signal),
        rax.cloud.deleteImage('i1' as never, signal),
        rax.cloud.limits(signal),
        rax.cloud.listAccessories(signal),
        rax.cloud.deleteAccessory({ kind: 'keypair', id: 'k1' }, signal),
        rax.cloud.createKeypair({} as never, signal),
        rax.cloud.attachFloatingIp(id, {} as never, signal),
        rax.cloud.readConsole(id, signal),
        rax.shell.knock(target.address, signal),
        rax.shell.probe(target, signal),
        rax.shell.run(target, { line: 'true' }, signal),
        rax.shell.writeFiles(target, [], signal),
      ]);
      const reason = expect.objectContaining({ code: 'unavailable', message: unknown }) as unknown;
      expect(outcomes).toEqual(outcomes.map(() => ({ status: 'rejected', reason })));
      expect(await regionOf('hp')).toBe('East');
    });

    it('is found wrong by an inspection, with the same sentence', async () => {
      const { providers, configure } = withProviders();
      configure({ name: 'rax', driver: 'openstack' });
      const findings = await providers.get('rax')?.inspect(signal);
      expect(findings).toEqual([{ level: 'error', about: 'driver', text: unknown }]);
    });

    it('does not take a property of every object for a driver', async () => {
      const { providers, configure } = withProviders();
      configure({ name: 'rax', driver: 'constructor' });
      await expect(providers.get('rax')?.cloud.limits(signal)).rejects.toThrow('no driver "constructor"');
    });

    it('says what the factory threw', async () => {
      const { providers, configure, state } = withProviders();
      state.fault = new Error('no cloud named rax in clouds.yaml');
      configure({ name: 'rax' });
      await expect(providers.get('rax')?.cloud.listServers(signal)).rejects.toMatchObject({
        code: 'unavailable',
        message: 'provider rax cannot be used: no cloud named rax in clouds.yaml',
      });
    });

    it('is tried again at the next configuration, even an equal one', async () => {
      const { configure, state, regionOf } = withProviders();
      state.fault = new Error('no cloud named rax in clouds.yaml');
      configure({ name: 'rax', regionName: 'DFW' });
      state.fault = null;
      configure({ name: 'rax', regionName: 'DFW' });
      expect(await regionOf('rax')).toBe('DFW');
    });

    it('is reported once for each different fault', () => {
      const { configure, state, errors } = withProviders();
      configure({ name: 'rax', driver: 'openstack' });
      configure({ name: 'rax', driver: 'openstack' });
      state.fault = new Error('bad region');
      configure({ name: 'rax' });
      expect(errors).toEqual([
        [{ provider: 'rax' }, unknown],
        [{ provider: 'rax' }, 'provider rax cannot be used: bad region'],
      ]);
    });
  });
});
