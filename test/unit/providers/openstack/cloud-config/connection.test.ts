import { describe, expect, it } from 'vitest';
import type { TlsAccess } from '../../../../../src/providers/openstack/access.ts';
import { accessTo, cloudA, CLOUDS, LOGIN, type Given } from './clouds.ts';

const access = (...settings: readonly string[]): ReturnType<typeof accessTo> => accessTo([LOGIN, ...settings]);

// Compared with openstacksdk 0.101 and 4 (August 2026).
describe('services', () => {
  it('are those of the catalogue unless the cloud says otherwise', () => {
    const { services } = access(
      'region_name: R1',
      'compute_endpoint_override: "http://{region_name}.nova.example/v2.1/%(project_id)s"',
      'compute_endpoint: http://second.example/',
      'compute_service_type: computev21',
      'compute-service-name: nova',
      'image_endpoint: http://glance.example/',
      'network_interface: internal',
      'identity_endpoint_type: adminURL',
    );

    expect(services).toEqual({
      identity: { endpoint: null, name: null, type: null, interface: 'admin' },
      compute: { endpoint: 'http://R1.nova.example/v2.1/%(project_id)s', name: 'nova', type: 'computev21' },
      image: { endpoint: 'http://glance.example/', name: null, type: null },
      network: { endpoint: null, name: null, type: null, interface: 'internal' },
    });
  });

  it.each([
    ['public', []],
    ['internal', ['interface: internal']],
    ['admin', ['endpoint_type: adminURL']],
    ['internal', ['endpoint_type: internalURL', 'interface: admin']],
    ['internal', ['interface: [internal, public]']],
  ])('are reached at the %s interface with %j', (expected, settings) => {
    expect(access(...settings).interface).toBe(expected);
  });
});

describe('certificates', () => {
  const NONE: TlsAccess = { verify: true, caFile: null, certFile: null, keyFile: null };

  it.each<[string, readonly string[], TlsAccess]>([
    ['are checked', [], NONE],
    ['are checked by the file of the cloud', ['cacert: ~/ca.pem'], { ...NONE, caFile: '/home/ann/ca.pem' }],
    ['are checked by the file under verify', ['verify: /ca.pem'], { ...NONE, caFile: '/ca.pem' }],
    ['are checked with insecure: "yes"', ['insecure: "yes"'], NONE],
    ['are not checked with verify: false', ['verify: false', 'cacert: /ca.pem'], { ...NONE, verify: false }],
    ['are not checked with verify: "False"', ['verify: "False"'], { ...NONE, verify: false }],
    ['are not checked with insecure: true', ['insecure: true', 'verify: true'], { ...NONE, verify: false }],
    [
      'are shown with their key',
      ['cert: c.pem', 'key: ~/k.pem'],
      { ...NONE, certFile: '/run/c.pem', keyFile: '/home/ann/k.pem' },
    ],
    ['are shown with a key in the same file', ['cert: /c.pem'], { ...NONE, certFile: '/c.pem' }],
  ])('%s', (_name, settings, expected) => {
    expect(access(...settings).tls).toEqual(expected);
  });
});

describe('networks', () => {
  it('are those of the list', () => {
    const { networks } = access(
      'networks:',
      '- { name: wan, routes_externally: true }',
      '- { name: lan, nat_destination: true, routes-externally: "yes" }',
      '- { name: 77, routes_ipv4_externally: true }',
      '- { name: six, routes_externally: true, routes_ipv4_externally: false, routes_ipv6_externally: true }',
    );

    expect(networks).toEqual([
      { name: 'wan', routesExternally: true, isNatDestination: false },
      { name: 'lan', routesExternally: false, isNatDestination: true },
      { name: '77', routesExternally: true, isNatDestination: false },
      { name: 'six', routesExternally: false, isNatDestination: false },
    ]);
  });

  it('are those of the old keys', () => {
    expect(access('external_network: wan', 'internal_network: lan').networks).toEqual([
      { name: 'wan', routesExternally: true, isNatDestination: false },
      { name: 'lan', routesExternally: false, isNatDestination: true },
    ]);
  });
});

describe('addresses', () => {
  it.each([
    ['neutron', true],
    ['nova', true],
    ['"None"', false],
    ['None', false],
    ['none', false],
  ])('float with floating_ip_source: %s: %s', (source, expected) => {
    expect(access(`floating_ip_source: ${source}`).usesFloatingIps).toBe(expected);
  });

  it('are private ones when the cloud says so', () => {
    expect([access('private: true').isPrivate, access('private: false').isPrivate]).toEqual([true, false]);
  });

  it.each<[string, boolean, readonly string[], string, Given['env']]>([
    ['by default', false, [], '', {}],
    ['by the cloud', true, ['force_ipv4: true'], '', {}],
    ['by the old key of the cloud', true, ['prefer_ipv6: false'], '', {}],
    ['by the settings for all', true, [], 'client: { force_ipv4: true }', {}],
    ['by the old keys for all', true, [], 'client: { prefer-ipv6: false }', {}],
    ['by the oldest key for all', true, [], 'client: { broken-ipv6: true }', {}],
    ['by the cloud before the settings for all', false, ['force_ipv4: false'], 'client: { force_ipv4: true }', {}],
    ['by the environment', true, [], '', { OS_FORCE_IPV4: 'true' }],
    ['by the old word of the environment', true, [], '', { OS_PREFER_IPV6: 'false' }],
    [
      'by the environment before the settings for all',
      false,
      [],
      'client: { force_ipv4: true }',
      { OS_FORCE_IPV4: 'false' },
    ],
  ])('are of IPv4 alone, %s: %s', (_name, expected, settings, client, env) => {
    const files = { [CLOUDS]: cloudA(LOGIN, ...settings) + client };

    expect(accessTo([], { files, env: env ?? {} }).forceIpv4).toBe(expected);
  });
});

it('images are wanted in the format of the cloud, which may say none', () => {
  expect([access('image_format: raw').imageFormat, access().imageFormat]).toEqual(['raw', null]);
});
