import { describe, expect, it } from 'vitest';
import { aProviderImage } from '../../../support/builders.ts';
import { refused, routed, signal, stubCloud, type Routes, type StubOptions } from './stub-cloud.ts';

const findings = (routes: Routes = {}, options: StubOptions = {}) => stubCloud(routes, options).inspect(signal);
const about = async (subject: string, routes: Routes, options: StubOptions = {}) =>
  (await findings(routes, options))
    .filter((finding) => finding.about === subject)
    .map(({ level, text }) => `${level}: ${text}`);

describe('the inspection', () => {
  it('changes nothing at the cloud', async () => {
    const stub = stubCloud();
    await stub.inspect(signal);
    expect(stub.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
  });

  it('goes on when one thing cannot be looked at, and says why', async () => {
    const found = await findings({ 'GET compute /flavors/detail': refused('unavailable', 'no answer from Nova') });
    expect(found).toContainEqual({ level: 'error', about: 'flavors', text: 'no answer from Nova.' });
    expect(found.filter(({ level }) => level === 'ok').length).toBeGreaterThan(3);
  });

  it('ends with a sentence for each thing', async () => {
    const texts = (await findings()).map(({ text }) => text);
    expect(texts.filter((text) => !/^[A-Za-z0-9].*[^.]\.$/.test(text))).toEqual([]);
  });
});

describe('it finds wrong', () => {
  it('services that the catalogue does not have', async () => {
    const [compute, image] = await about('services', {});
    expect(compute).toMatch(/^ok: .*https:\/\/compute\.example\.org/);
    expect(image).toMatch(/^error: The catalogue has no image service/);
  });

  it('a compute service that hides the servers of a cell that is down', async () => {
    expect(await about('microversion', {}, { microversions: ['2.47'] })).toEqual([expect.stringMatching(/^warning/)]);
    expect(await about('microversion', {})).toEqual([expect.stringMatching(/^ok/)]);
  });

  it('a quota below max-servers, and not one that is just enough', async () => {
    const quota = (maxTotalInstances: number) => ({
      'GET compute /limits': { limits: { absolute: { maxTotalInstances } } },
    });
    const config = { maxServers: 10 };
    expect(await about('quota', quota(9), { config })).toEqual([
      expect.stringMatching(/^warning: .*max-servers \(10\)/),
    ]);
    expect(await about('quota', quota(10), { config })).toEqual([expect.stringMatching(/^ok: 0 of 10 servers/)]);
  });

  it('disk images of another format than clouds.yaml says that the cloud wants', async () => {
    const source = { kind: 'diskimage', diskimage: 'ubuntu' } as const;
    const images = new Map([['ubuntu', aProviderImage({ name: 'ubuntu', source })]]);
    const told = (imageFormat: string | null, config = { images }) =>
      about('image type', {}, { config, access: { imageFormat } });
    expect(await told('vhd')).toEqual([
      'warning: Images are uploaded as qcow2, but cloud test in clouds.yaml says that the cloud wants vhd: set "image-type".',
    ]);
    expect(await told('qcow2')).toEqual(['ok: Images are uploaded as qcow2.']);
    expect(await told(null)).toEqual(['ok: Images are uploaded as qcow2.']);
    expect(await told('vhd', { images: new Map() })).toEqual([]);
  });

  it('images without a flavor, or whose flavor the quota has no room for', async () => {
    const images = new Map([
      ['a', aProviderImage({ name: 'a', minRamMb: 9000 })],
      ['b', aProviderImage({ name: 'b' })],
    ]);
    const limits = { 'GET compute /limits': { limits: { absolute: { maxTotalCores: 11 } } } };
    expect(await about('flavors', limits, { config: { images, maxServers: 3 } })).toEqual([
      'error: No flavor has at least 9000 MB of RAM, which image a asks for: lower "min-ram".',
      expect.stringMatching(/^warning: Servers of image b are made with flavor m1.small.*room for 2 of them/),
    ]);
  });

  it('base images, zones, security groups and key pairs that are not there', async () => {
    const routes = {
      'GET image /images': { images: [] },
      'GET compute /os-availability-zone': {
        availabilityZoneInfo: [{ zoneName: 'az1', zoneState: { available: true } }],
      },
      'GET network /security-groups': { security_groups: [{ id: 'x', name: 'ssh' }] },
      'GET compute /os-keypairs/key': refused('not-found'),
    };
    const config = { availabilityZones: ['az1', 'az2'], securityGroups: ['ssh', 'web'], keypair: 'key' };
    const wrong = (await findings(routes, { config })).filter(({ level }) => level === 'error');
    expect(wrong.map((finding) => finding.about)).toEqual([
      'services',
      'zones',
      'base images',
      'security groups',
      'key pairs',
    ]);
  });

  it('networks that are not there, too many to choose from, or missing', async () => {
    const config = { networks: [{ id: null, name: 'gone', isPublic: false }] };
    expect(await about('networks', {}, { config })).toEqual([
      expect.stringMatching(/^error: There is no network "gone"/),
    ]);
    expect(await about('networks', {})).toEqual(['ok: Servers are put on the only network, private.']);
    const shared = { id: 'x', name: 'x', shared: true };
    const many = { networks: [shared, { ...shared, id: 'y', name: 'y' }] };
    expect(await about('networks', { 'GET network /networks': many })).toEqual([
      expect.stringMatching(/^error: .*\(x, y\)/),
    ]);
    expect(await about('networks', { 'GET network /networks': { networks: [] } })).toEqual([
      expect.stringMatching(/^error: The project has no network/),
    ]);
  });

  it('a pool that is not there or not external', async () => {
    const pool = (name: string) =>
      about('floating IPs', { 'GET network /quotas/project-id': refused('not-found') }, { config: { pool: name } });
    expect(await pool('gone')).toEqual([expect.stringMatching(/^error: There is no network "gone".*"pool"/)]);
    expect(await pool('private')).toEqual([expect.stringMatching(/^error: Network "private" is not external/)]);
    expect(await pool('public')).toEqual([expect.stringMatching(/^ok: Floating IPs come from public/)]);
  });

  it('nothing where routers lead outside', async () => {
    const routes = { ...routed(), 'GET network /quotas/project-id': { quota: { floatingip: 5 } } };
    expect(await about('floating IPs', routes)).toEqual([expect.stringMatching(/^ok: .*may have 5/)]);
  });
});
