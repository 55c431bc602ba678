import { describe, expect, it } from 'vitest';
import type { FakeCloudConfig, ProviderConfig } from '../../../src/config/types.ts';
import { cloudImageId, serverId } from '../../../src/lib/ids.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { FakeCloud } from '../../../src/providers/fake/cloud.ts';
import { createFakeDriver } from '../../../src/providers/fake/index.ts';
import type { ServerSpec } from '../../../src/providers/provider.ts';
import { aProvider, aProviderImage, INSTALLATION } from '../../support/builders.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const signal = new AbortController().signal;
const tags = { installation: INSTALLATION, record: 'node-1-k', attempt: 1 };
const SPEC: ServerSpec = {
  name: 'node-1',
  image: { base: 'Ubuntu 12.04' },
  minRamMb: 30_720,
  nameFilter: 'Performance',
  az: null,
  configDrive: true,
  keypair: null,
  userData: null,
  volumeGb: null,
  tags,
  metadata: {},
};

/** A fake cloud with these settings, everything else instant and faultless. */
function withCloud(fake: Partial<FakeCloudConfig> = {}, overrides: Partial<ProviderConfig> = {}) {
  const clock = createFakeClock(0);
  const configWith = (settings: Partial<FakeCloudConfig>): ProviderConfig =>
    aProvider({ ...overrides, fake: { ...aProvider().fake, ...settings } });
  const cloud = new FakeCloud({ clock, random: createSeededRandom(7), config: configWith(fake), block: 0 });
  return {
    clock,
    cloud,
    set: (settings: Partial<FakeCloudConfig>) => cloud.configure(configWith(settings)),
    create: (spec: Partial<ServerSpec> = {}) => cloud.createServer({ ...SPEC, ...spec }, signal),
    list: () => cloud.listServers(signal),
    statuses: async () => (await cloud.listServers(signal)).map(({ status }) => status),
    imageStatuses: async () =>
      (await cloud.listImages(signal)).filter(({ tags: own }) => own).map(({ status }) => status),
  };
}

const imageSpec = { name: 'template-1', meta: {}, tags };

describe('FakeCloud', () => {
  it('comes with one base image of its own', async () => {
    const { cloud } = withCloud();
    expect(await cloud.listImages(signal)).toEqual([
      {
        ...{ id: 'fake-image-id', name: 'Fake Precise', status: 'active', tags: null, isSnapshot: false },
        ...{ bytes: null, digest: null },
      },
    ]);
  });

  it('boots any base image with any amount of RAM', async () => {
    const { create, statuses } = withCloud();
    await create({ image: { base: 'Fedora 21 (20141203)' }, minRamMb: 123_456 });
    expect(await statuses()).toEqual(['active']);
  });

  describe('times', () => {
    it('has a server active after the boot time, not before', async () => {
      const { clock, create, list } = withCloud({ bootTimeMs: 1000 });
      await create();
      await clock.advance(999);
      expect(await list()).toMatchObject([{ status: 'building', ip: null, ipPrivate: null }]);
      await clock.advance(1);
      expect(await list()).toMatchObject([{ status: 'active', ip: '10.0.0.0', ipPrivate: '172.16.0.0', fault: null }]);
    });

    it('has an image active after the boot time, not before', async () => {
      const { clock, cloud, create, set, imageStatuses } = withCloud();
      const server = await create();
      set({ bootTimeMs: 1000 });
      const id = await cloud.saveImage(server, imageSpec, signal);
      await clock.advance(999);
      expect(await imageStatuses()).toEqual(['saving']);
      await expect(create({ image: { id } })).rejects.toMatchObject({ code: 'rejected' });
      await clock.advance(1);
      expect(await imageStatuses()).toEqual(['active']);
      await expect(create({ image: { id } })).resolves.toEqual(expect.any(String));
    });

    it('shows a deleted server as deleting until the delete time has passed', async () => {
      const { clock, cloud, create, statuses } = withCloud({ deleteTimeMs: 1000 });
      await cloud.deleteServer(await create(), signal);
      await clock.advance(999);
      expect(await statuses()).toEqual(['deleting']);
      await clock.advance(1);
      expect(await statuses()).toEqual([]);
    });

    it('does not begin a deletion again', async () => {
      const { clock, cloud, create, statuses } = withCloud({ deleteTimeMs: 1000 });
      const id = await create();
      await cloud.deleteServer(id, signal);
      await clock.advance(999);
      await cloud.deleteServer(id, signal);
      await clock.advance(1);
      expect(await statuses()).toEqual([]);
    });

    it('takes the API delay over every call, and has no effect before it is over', async () => {
      const { clock, cloud, create } = withCloud({ apiDelayMs: 500 });
      const call = create();
      await clock.advance(499);
      expect(cloud.servers()).toEqual([]);
      await clock.advance(1);
      const id = await call;
      expect(cloud.servers()).toMatchObject([{ id }]);
    });

    it('has no effect when a call is abandoned during the API delay', async () => {
      const { clock, cloud } = withCloud({ apiDelayMs: 500 });
      const stop = new AbortController();
      const call = cloud.createServer(SPEC, stop.signal);
      const outcome = expect(call).rejects.toMatchObject({ code: 'aborted' });
      await clock.advance(499);
      stop.abort();
      await outcome;
      await clock.advance(1000);
      expect(cloud.servers()).toEqual([]);
    });
  });

  describe('listing lag', () => {
    it('shows creation, boot and deletion that much late', async () => {
      const { clock, cloud, create, statuses } = withCloud({
        bootTimeMs: 1000,
        deleteTimeMs: 1000,
        listingLagMs: 5000,
      });
      const id = await create();
      const seen: Record<number, string[]> = {};
      const lookAt = async (time: number): Promise<void> => {
        await clock.advance(time - clock.now());
        seen[time] = await statuses();
      };
      for (const time of [0, 4999, 5000, 5999, 6000]) await lookAt(time);
      await cloud.deleteServer(id, signal);
      expect(cloud.servers()).toMatchObject([{ status: 'deleting' }]);
      for (const time of [10_999, 11_000, 11_999, 12_000]) await lookAt(time);
      expect(seen).toEqual({
        0: [],
        4999: [],
        5000: ['building'],
        5999: ['building'],
        6000: ['active'],
        10_999: ['active'],
        11_000: ['deleting'],
        11_999: ['deleting'],
        12_000: [],
      });
      expect(cloud.servers()).toEqual([]);
    });

    it('shows images that much late too', async () => {
      const { clock, cloud, create, imageStatuses } = withCloud({ listingLagMs: 5000 });
      const id = await cloud.saveImage(await create(), imageSpec, signal);
      await clock.advance(4999);
      expect(await imageStatuses()).toEqual([]);
      await clock.advance(1);
      expect(await imageStatuses()).toEqual(['active']);
      await cloud.deleteImage(id, signal);
      await clock.advance(4999);
      expect(await imageStatuses()).toEqual(['active']);
      await clock.advance(1);
      expect(await imageStatuses()).toEqual([]);
    });

    it('goes back in time when the lag grows', async () => {
      const { clock, create, set, statuses } = withCloud({ bootTimeMs: 1000 });
      await create();
      await clock.advance(2000);
      expect(await statuses()).toEqual(['active']);
      set({ bootTimeMs: 1000, listingLagMs: 1500 });
      expect(await statuses()).toEqual(['building']);
      set({ bootTimeMs: 1000, listingLagMs: 9999 });
      expect(await statuses()).toEqual([]);
      await clock.advance(10_000);
      expect(await statuses()).toEqual(['active']);
    });
  });

  describe('listing', () => {
    it('is the same array as long as nothing changes, and another one when something does', async () => {
      const { clock, create, list } = withCloud({ bootTimeMs: 1000 });
      await create();
      const first = await list();
      await clock.advance(999);
      expect(await list()).toBe(first);
      await clock.advance(1);
      const second = await list();
      expect(second).not.toBe(first);
      await create();
      expect((await list())[0]).toBe(second[0]);
    });

    it('hands out servers that nobody can change', async () => {
      const { create, list } = withCloud();
      await create();
      expect(Object.isFrozen((await list())[0])).toBe(true);
    });
  });

  describe('addresses', () => {
    it('gives every server addresses of its own', async () => {
      const { create, list } = withCloud();
      for (let index = 0; index < 1000; index += 1) await create();
      const servers = await list();
      expect(new Set(servers.map(({ ip }) => ip)).size).toBe(1000);
      expect(new Set(servers.map(({ ipPrivate }) => ipPrivate)).size).toBe(1000);
    });

    it('gives an IPv6 address where that is preferred', async () => {
      const { create, list } = withCloud({}, { ipv6Preferred: true });
      await create();
      expect(await list()).toMatchObject([{ ip: '2001:db8::0:0', ipPrivate: '172.16.0.0' }]);
    });
  });

  describe('faults', () => {
    it('refuses servers above the quota, which a server leaves only when its deletion is over', async () => {
      const { clock, cloud, create } = withCloud({ quota: 1, deleteTimeMs: 1000 });
      const id = await create();
      await expect(create()).rejects.toMatchObject({ code: 'quota' });
      await cloud.deleteServer(id, signal);
      await clock.advance(999);
      await expect(create()).rejects.toMatchObject({ code: 'quota' });
      await clock.advance(1);
      await expect(create()).resolves.toEqual(expect.any(String));
      expect(await cloud.limits(signal)).toMatchObject({ servers: 1 });
    });

    it('fails every call while it is down, and has everything when it is back', async () => {
      const { cloud, create, set, statuses } = withCloud();
      const id = await create();
      set({ down: true });
      const calls = [
        create(),
        cloud.deleteServer(id, signal),
        cloud.saveImage(id, imageSpec, signal),
        cloud.deleteImage(cloudImageId('fake-image-id'), signal),
        cloud.listServers(signal),
        cloud.listImages(signal),
        cloud.limits(signal),
        cloud.listAccessories(signal),
        cloud.deleteAccessory({ kind: 'keypair', id: 'k1' }, signal),
        cloud.createKeypair({ publicKey: 'ssh-ed25519 AAAA', tags }, signal),
        cloud.attachFloatingIp(id, tags, signal),
        cloud.readConsole(id, signal),
      ];
      const reason = expect.objectContaining({ code: 'unavailable' }) as unknown;
      expect(await Promise.allSettled(calls)).toEqual(calls.map(() => ({ status: 'rejected', reason })));
      set({});
      expect(await statuses()).toEqual(['active']);
      expect(await cloud.listImages(signal)).toHaveLength(1);
    });

    it('refuses the configured share of creates and leaves nothing of them', async () => {
      const { cloud, create } = withCloud({ failCreates: 0.3 });
      const outcomes = await Promise.allSettled(Array.from({ length: 1000 }, () => create()));
      const refused = outcomes.filter(({ status }) => status === 'rejected');
      expect(refused.length).toBeGreaterThan(240);
      expect(refused.length).toBeLessThan(360);
      expect(refused[0]).toMatchObject({ reason: { code: 'rejected' } });
      expect(cloud.servers()).toHaveLength(1000 - refused.length);
    });

    it('ends the configured share of servers in ERROR, with a fault and without an address', async () => {
      const { clock, create, list } = withCloud({ failBoots: 0.3, bootTimeMs: 1000 });
      for (let index = 0; index < 1000; index += 1) await create();
      expect((await list()).every(({ status }) => status === 'building')).toBe(true);
      await clock.advance(1000);
      const failed = (await list()).filter(({ status }) => status === 'error');
      expect(failed.length).toBeGreaterThan(240);
      expect(failed.length).toBeLessThan(360);
      expect(failed[0]).toMatchObject({ ip: null, fault: expect.any(String) as unknown });
    });

    it('keeps to what it drew for a server when the settings change', async () => {
      const { clock, create, set, statuses } = withCloud({ failBoots: 1, bootTimeMs: 1000 });
      await create();
      set({ failBoots: 0, bootTimeMs: 5000 });
      await clock.advance(1000);
      expect(await statuses()).toEqual(['error']);
    });

    it('does not save a server that is building or in ERROR', async () => {
      const { clock, cloud, create } = withCloud({ failBoots: 1, bootTimeMs: 1000 });
      const id = await create();
      await expect(cloud.saveImage(id, imageSpec, signal)).rejects.toMatchObject({ code: 'rejected' });
      await clock.advance(1000);
      await expect(cloud.saveImage(id, imageSpec, signal)).rejects.toMatchObject({ code: 'rejected' });
    });

    it('lets a running server fall into ERROR and recover', async () => {
      const { cloud, create, statuses } = withCloud();
      const id = await create();
      cloud.afflict(id, 'error');
      expect(await statuses()).toEqual(['error']);
      cloud.afflict(id, null);
      expect(await statuses()).toEqual(['active']);
    });
  });

  it('counts calls by name, failed ones too', async () => {
    const { cloud, create, list } = withCloud({ quota: 1 });
    await create();
    await expect(create()).rejects.toMatchObject({ code: 'quota' });
    await list();
    expect(cloud.recordedCalls()).toMatchObject({ createServer: 2, listServers: 1, deleteServer: 0 });
  });
});

describe('FakeCloud, beside its servers', () => {
  describe('key pairs', () => {
    const key = { publicKey: 'ssh-ed25519 AAAA', tags };

    it('are named after the installation and the record', async () => {
      const { cloud } = withCloud();
      expect(await cloud.createKeypair(key, signal)).toBe(`nodepool-${INSTALLATION}-node-1-k`);
      expect(cloud.keypair(`nodepool-${INSTALLATION}-node-1-k`)).toBe('ssh-ed25519 AAAA');
    });

    it('outlive the server that was created with them', async () => {
      const { cloud, create } = withCloud();
      const keypair = await cloud.createKeypair(key, signal);
      await cloud.deleteServer(await create({ keypair }), signal);
      expect(await cloud.listAccessories(signal)).toMatchObject([{ kind: 'keypair', id: keypair }]);
    });

    it('are taken to be there when the configuration names them, and only then', async () => {
      const images = new Map([['ubuntu', aProviderImage({ keyName: 'of-nodes' })]]);
      const { create } = withCloud({}, { keypair: 'of-the-provider', images });
      await expect(create({ keypair: 'of-the-provider' })).resolves.toEqual(expect.any(String));
      await expect(create({ keypair: 'of-nodes' })).resolves.toEqual(expect.any(String));
      await expect(create({ keypair: 'of-nobody' })).rejects.toMatchObject({
        code: 'rejected',
        message: 'key pair of-nobody does not exist',
      });
    });
  });

  describe('with a pool of floating IPs', () => {
    const withPool = (fake: Partial<FakeCloudConfig> = {}, overrides: Partial<ProviderConfig> = {}) =>
      withCloud(fake, { pool: 'external', ...overrides });

    it('shows a server without a public address until it was given one', async () => {
      const { clock, cloud, create, list } = withPool({ bootTimeMs: 1000 });
      const id = await create();
      await clock.advance(999);
      expect(await list()).toMatchObject([{ status: 'building', ip: null, wantsFloatingIp: false }]);
      await clock.advance(1);
      expect(await list()).toMatchObject([
        { status: 'active', ip: null, ipPrivate: '172.16.0.0', wantsFloatingIp: true },
      ]);
      await cloud.attachFloatingIp(id, tags, signal);
      expect(await list()).toMatchObject([{ status: 'active', ip: '10.0.0.0', wantsFloatingIp: false }]);
    });

    it('shows the address as late as everything else', async () => {
      const { clock, cloud, create, list } = withPool({ listingLagMs: 5000 });
      const id = await create();
      await clock.advance(5000);
      await cloud.attachFloatingIp(id, tags, signal);
      await clock.advance(4999);
      expect(await list()).toMatchObject([{ ip: null, wantsFloatingIp: true }]);
      await clock.advance(1);
      expect(await list()).toMatchObject([{ ip: '10.0.0.0', wantsFloatingIp: false }]);
    });

    it('answers SSH at the address only when the server has it', async () => {
      const { cloud, create } = withPool();
      const id = await create();
      expect(cloud.reach('10.0.0.0')).toBeNull();
      await cloud.attachFloatingIp(id, tags, signal);
      expect(cloud.reach('10.0.0.0')).toMatchObject({ id });
    });

    it('attaches nothing to a server that is building or gone', async () => {
      const { clock, cloud, create } = withPool({ bootTimeMs: 1000 });
      const id = await create();
      await expect(cloud.attachFloatingIp(id, tags, signal)).rejects.toMatchObject({ code: 'conflict' });
      await cloud.deleteServer(id, signal);
      await clock.advance(1000);
      await expect(cloud.attachFloatingIp(id, tags, signal)).rejects.toMatchObject({ code: 'not-found' });
      expect(await cloud.listAccessories(signal)).toEqual([]);
    });

    it('leaves the floating IP behind when the deletion of its server is over, not before', async () => {
      const { clock, cloud, create } = withPool({ deleteTimeMs: 1000 });
      const id = await create();
      await cloud.attachFloatingIp(id, tags, signal);
      await cloud.deleteServer(id, signal);
      await clock.advance(999);
      expect(await cloud.listAccessories(signal)).toMatchObject([{ serverId: id }]);
      await clock.advance(1);
      const owner = { installation: INSTALLATION, record: 'node-1-k' };
      expect(await cloud.listAccessories(signal)).toEqual([
        { kind: 'floating-ip', id: expect.any(String) as unknown, name: '10.0.0.0', serverId: null, tags: owner },
      ]);
    });

    it('takes the address from a server whose floating IP is deleted', async () => {
      const { cloud, create, list } = withPool();
      const id = await create();
      await cloud.attachFloatingIp(id, tags, signal);
      for (const accessory of await cloud.listAccessories(signal)) await cloud.deleteAccessory(accessory, signal);
      expect(await list()).toMatchObject([{ ip: null, wantsFloatingIp: true }]);
      expect(cloud.reach('10.0.0.0')).toBeNull();
    });

    it('gives no more of them than it offers', async () => {
      const { cloud, create } = withPool();
      cloud.offer({ floatingIps: 1 });
      await cloud.attachFloatingIp(await create(), tags, signal);
      await expect(cloud.attachFloatingIp(await create(), tags, signal)).rejects.toMatchObject({ code: 'quota' });
      const [used] = await cloud.listAccessories(signal);
      if (used) await cloud.deleteAccessory(used, signal);
      await expect(cloud.attachFloatingIp(await create(), tags, signal)).resolves.toBeUndefined();
    });

    it('makes servers with public addresses where floating IPs are switched off', async () => {
      const { create, list } = withPool({}, { floatingIps: false });
      await create();
      expect(await list()).toMatchObject([{ ip: '10.0.0.0', wantsFloatingIp: false }]);
    });
  });

  it('answers the limits that it was told to offer, and else that none is known', async () => {
    const { cloud } = withCloud({ quota: 4 });
    const unknown = { cores: null, ramMb: null, floatingIps: null, flavors: [] };
    expect(await cloud.limits(signal)).toEqual({ servers: 4, ...unknown });
    const flavors = [{ id: '1', name: 'm1', cores: 2, ramMb: 2048, diskGb: 20 }];
    cloud.offer({ cores: 8, flavors });
    expect(await cloud.limits(signal)).toEqual({ servers: 4, ...unknown, cores: 8, flavors });
  });

  describe('consoles', () => {
    it('are empty before the boot is over, and show the host key when SSH answers, not before', async () => {
      const { clock, cloud, create } = withCloud({ bootTimeMs: 1000, sshDelayMs: 500 });
      const id = await create();
      await clock.advance(999);
      expect(await cloud.readConsole(id, signal)).toBe('');
      await clock.advance(500);
      expect(await cloud.readConsole(id, signal)).toBe('Booting node-1\nStarting network\n');
      await clock.advance(1);
      expect(await cloud.readConsole(id, signal)).toMatch(
        /-----BEGIN SSH HOST KEY KEYS-----\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI\S{43} root@node-1\n-----END SSH HOST KEY KEYS-----\n/,
      );
    });

    it('are gone with their servers', async () => {
      const { cloud, create } = withCloud();
      const id = await create();
      await cloud.deleteServer(id, signal);
      await expect(cloud.readConsole(id, signal)).rejects.toMatchObject({ code: 'not-found' });
    });
  });
});

describe('createFakeDriver', () => {
  const makeDriver = (clouds?: Map<string, FakeCloud>) =>
    createFakeDriver({
      clock: createFakeClock(0),
      random: createSeededRandom(1),
      log: silentLog,
      ...(clouds && { clouds }),
    });

  it('keeps the servers of a provider whose configuration changes', async () => {
    const driver = makeDriver();
    await driver(aProvider()).cloud.createServer(SPEC, signal);
    const { cloud, traits } = driver(aProvider({ fake: { ...aProvider().fake, listingLagMs: 300, quota: 1 } }));
    expect(traits.listingLagMs).toBe(300);
    expect(await cloud.limits(signal)).toMatchObject({ servers: 1 });
    await expect(cloud.createServer(SPEC, signal)).rejects.toMatchObject({ code: 'quota' });
  });

  it('finds nothing wrong with a configuration but that its cloud is switched off', async () => {
    const driver = makeDriver();
    expect(await driver(aProvider()).inspect(signal)).toMatchObject([{ level: 'ok', about: 'cloud' }]);
    const down = aProvider({ fake: { ...aProvider().fake, down: true } });
    expect(await driver(down).inspect(signal)).toMatchObject([{ level: 'error', about: 'cloud' }]);
  });

  it('gives each provider a cloud of its own, with other addresses', async () => {
    const clouds = new Map<string, FakeCloud>();
    const driver = makeDriver(clouds);
    for (const name of ['rax', 'hp']) await driver(aProvider({ name })).cloud.createServer(SPEC, signal);
    const servers = [...clouds.values()].flatMap((cloud) => cloud.servers());
    expect(servers.map(({ ip }) => ip)).toEqual(['10.0.0.0', '10.1.0.0']);
  });

  it('finds the clouds again that outlived another driver', async () => {
    const clouds = new Map<string, FakeCloud>();
    const id = await makeDriver(clouds)(aProvider()).cloud.createServer(SPEC, signal);
    const { cloud } = makeDriver(clouds)(aProvider());
    expect(await cloud.listServers(signal)).toMatchObject([{ id }]);
  });

  it('forgets everything when it is made anew, as a restart does', async () => {
    const image = await (async () => {
      const { cloud } = makeDriver()(aProvider());
      return cloud.saveImage(await cloud.createServer(SPEC, signal), imageSpec, signal);
    })();
    const { cloud } = makeDriver()(aProvider());
    expect(await cloud.listServers(signal)).toEqual([]);
    await expect(cloud.createServer({ ...SPEC, image: { id: image } }, signal)).rejects.toMatchObject({
      code: 'rejected',
      message: `image ${image} does not exist`,
    });
    await expect(cloud.deleteServer(serverId('of-the-former-life'), signal)).resolves.toBeUndefined();
  });
});
