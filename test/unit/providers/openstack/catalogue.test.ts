import { describe, expect, it } from 'vitest';
import type { CloudAccess, ServiceAccess, ServiceName } from '../../../../src/providers/openstack/access.ts';
import { locateService, requireService } from '../../../../src/providers/openstack/identity/catalogue.ts';
import type { CatalogueService, Token } from '../../../../src/providers/openstack/identity/token.ts';
import { anAccess } from './session-under-test.ts';

const catalogue: readonly CatalogueService[] = [
  {
    type: 'compute',
    name: 'nova',
    endpoints: [
      { interface: 'public', region: 'west', url: 'https://west.example.org/compute/v2.1/p1' },
      { interface: 'internal', region: 'west', url: 'http://10.0.0.2:8774/v2.1/p1' },
      { interface: 'public', region: 'east', url: 'https://east.example.org:8774/v2.1' },
    ],
  },
  {
    type: 'network',
    name: 'neutron',
    endpoints: [{ interface: 'public', region: 'west', url: 'https://west.example.org:9696/' }],
  },
  {
    type: 'image',
    name: 'glance',
    endpoints: [{ interface: 'internal', region: 'west', url: 'http://10.0.0.2:9292' }],
  },
  {
    type: 'image',
    name: 'other-images',
    endpoints: [{ interface: 'public', region: 'west', url: 'https://images.example.org/v2/' }],
  },
];

const token: Token = {
  id: 't',
  receivedAt: 0,
  lifeMs: 0,
  project: { id: 'p1', name: 'pool' },
  catalogue,
};

function accessTo(change: Partial<CloudAccess>, service?: ServiceName, of: Partial<ServiceAccess> = {}): CloudAccess {
  const { services } = anAccess;
  return {
    ...anAccess,
    ...change,
    services: service ? { ...services, [service]: { ...services[service], ...of } } : services,
  };
}

function locate(service: ServiceName, access: CloudAccess): string {
  const location = locateService(service, access, token);
  return 'url' in location ? location.url.href : location.missing;
}

describe('the endpoint of a service', () => {
  it('is that of the region and the interface', () => {
    expect(locate('compute', accessTo({ region: 'east' }))).toBe('https://east.example.org:8774/v2.1');
    expect(locate('compute', accessTo({ interface: 'internal' }))).toBe('http://10.0.0.2:8774/v2.1/p1');
    expect(locate('compute', accessTo({}))).toBe('https://west.example.org/compute/v2.1/p1');
  });

  it('is of the interface that is set for the service alone', () => {
    expect(locate('compute', accessTo({}, 'compute', { interface: 'internal' }))).toBe('http://10.0.0.2:8774/v2.1/p1');
    const others = accessTo({ interface: 'internal' }, 'compute', { interface: 'public' });
    expect(locate('compute', others)).toBe('https://west.example.org/compute/v2.1/p1');
    expect(locate('image', others)).toBe('http://10.0.0.2:9292/v2');
    expect(locate('network', accessTo({}, 'network', { interface: 'admin' }))).toBe(
      'the catalogue has no admin endpoint of network; it has: public',
    );
  });

  it('is in the region of compute where none is named, if the service is there', () => {
    const endpoint = (region: string) => ({ interface: 'public', region, url: `https://${region}.example.org` });
    const regions = (type: string, ...names: string[]) => ({ type, name: null, endpoints: names.map(endpoint) });
    const mixed = [regions('network', 'east', 'west'), regions('image', 'east'), regions('compute', 'west', 'east')];
    const hostOf = (service: ServiceName): string => {
      const location = locateService(service, anAccess, { ...token, catalogue: mixed });
      return 'url' in location ? location.url.host : location.missing;
    };
    expect(hostOf('compute')).toBe('west.example.org');
    expect(hostOf('network')).toBe('west.example.org');
    expect(hostOf('image')).toBe('east.example.org');
  });

  it('is that of the configured type and name', () => {
    const named = accessTo({ interface: 'internal' }, 'image', { name: 'glance' });
    expect(locate('image', named)).toBe('http://10.0.0.2:9292/v2');
    expect(locate('image', accessTo({}, 'image', { type: 'network' }))).toBe('https://west.example.org:9696/v2');
  });

  it.each<[ServiceName, string, string]>([
    ['network', 'https://example.org:9696', 'https://example.org:9696/v2.0'],
    ['network', 'https://example.org/network/', 'https://example.org/network/v2.0'],
    ['network', 'https://example.org/network/v2.0/', 'https://example.org/network/v2.0'],
    ['image', 'https://example.org', 'https://example.org/v2'],
    ['image', 'https://example.org/v2.3', 'https://example.org/v2.3'],
    ['identity', 'https://example.org/identity', 'https://example.org/identity/v3'],
    ['compute', 'https://example.org:8774/v2.1/', 'https://example.org:8774/v2.1'],
    ['compute', 'https://example.org:8774/v2.1/%(tenant_id)s', 'https://example.org:8774/v2.1/p1'],
    ['compute', 'https://example.org:8774/v2/$(project_id)s', 'https://example.org:8774/v2/p1'],
    ['compute', 'https://example.org/compute', 'https://example.org/compute/v2.1'],
  ])('of %s at %s is spoken to at %s', (service, endpoint, expected) => {
    expect(locate(service, accessTo({}, service, { endpoint }))).toBe(expected);
  });
});

describe('a missing endpoint', () => {
  it.each<[string, ServiceName, CloudAccess, string]>([
    [
      'region',
      'compute',
      accessTo({ region: 'north' }),
      'region north is not in the catalogue for compute; it has: east, west',
    ],
    [
      'interface',
      'network',
      accessTo({ interface: 'admin' }),
      'the catalogue has no admin endpoint of network; it has: public',
    ],
    [
      'type',
      'identity',
      accessTo({}),
      'the catalogue has no service of type identity; it has: compute, image, network',
    ],
    [
      'name',
      'image',
      accessTo({}, 'image', { name: 'glance2' }),
      'the catalogue has no service named glance2 of type image; it has: glance, other-images',
    ],
    [
      'version',
      'compute',
      accessTo({}, 'compute', { endpoint: 'https://example.org/v1.1/p1' }),
      'the endpoint of compute, https://example.org/v1.1/p1, is of version 1.1, and 2.1 is needed',
    ],
    [
      'address',
      'network',
      accessTo({}, 'network', { endpoint: 'example.org:9696' }),
      'the endpoint of network, "example.org:9696", is not an address that begins with http:// or https://',
    ],
  ])('is explained by the %s', (_, service, access, expected) => {
    expect(locate(service, access)).toBe(expected);
    expect(() => requireService(service, access, token)).toThrow(
      expect.objectContaining({ code: 'auth', message: `cloud test in clouds.yaml: ${expected}` }) as Error,
    );
  });

  it('is explained by a catalogue that is empty', () => {
    expect(locateService('compute', anAccess, { ...token, catalogue: [] })).toEqual({
      missing: 'the catalogue has no service of type compute; it has: nothing',
    });
  });
});
