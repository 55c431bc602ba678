import { describe, expect, it } from 'vitest';
import {
  chooseAddresses,
  isGlobal,
  type AddressRules,
  type ServerAddresses,
} from '../../../../src/providers/openstack/addresses.ts';

const choose = (addresses: Partial<ServerAddresses>, rules: Partial<AddressRules> = {}) =>
  chooseAddresses(
    { fixed: [], floating: [], access: [], ...addresses },
    {
      ipv6Preferred: false,
      forceIpv4: false,
      isPrivate: false,
      publicNetworks: new Set(),
      canFloat: () => false,
      ...rules,
    },
  );
const on = (network: string, address: string) => ({ network, address });
const inside = on('private', '10.0.0.5');
const both = [on('net', '203.0.113.9'), on('net', '2001:db8::9')];

describe('an address is reached from everywhere', () => {
  it.each(['203.0.113.1', '172.32.0.1', '172.15.255.255', '100.128.0.1', '2001:db8::1'])('%s', (address) => {
    expect(isGlobal(address)).toBe(true);
  });
});

describe('an address is not reached from everywhere', () => {
  it.each([
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.0.9',
    'fd00::1',
    'fe80::1',
  ])('%s', (address) => {
    expect(isGlobal(address)).toBe(false);
  });
});

describe('the address that is handed out', () => {
  it('is none when the server has none', () => {
    expect(choose({})).toEqual({ ip: null, ipPrivate: null, wantsFloatingIp: false });
  });

  it('is the public IPv4 address, and the IPv6 address only where that is preferred and there', () => {
    expect(choose({ fixed: both }).ip).toBe('203.0.113.9');
    expect(choose({ fixed: both }, { ipv6Preferred: true }).ip).toBe('2001:db8::9');
    expect(choose({ fixed: [both[0]!] }, { ipv6Preferred: true }).ip).toBe('203.0.113.9');
  });

  it('is never an IPv6 address where the cloud is forced to IPv4', () => {
    expect(choose({ fixed: both }, { ipv6Preferred: true, forceIpv4: true }).ip).toBe('203.0.113.9');
    expect(choose({ fixed: [both[1]!] }, { forceIpv4: true }).ip).toBeNull();
  });

  it('is a floating IP before a private address, which stays the private one', () => {
    const chosen = choose({ fixed: [inside], floating: ['198.51.100.7'] });
    expect(chosen).toEqual({ ip: '198.51.100.7', ipPrivate: '10.0.0.5', wantsFloatingIp: false });
  });

  it('is on the network that is called public, even when its range is private', () => {
    const fixed = [inside, on('campus', '172.16.4.4')];
    const chosen = choose({ fixed, floating: ['198.51.100.7'] }, { publicNetworks: new Set(['campus']) });
    expect(chosen).toEqual({ ip: '172.16.4.4', ipPrivate: '10.0.0.5', wantsFloatingIp: false });
  });

  it('is what the cloud says to reach the server by, before other public addresses', () => {
    expect(choose({ fixed: both, access: ['198.51.100.1'] }).ip).toBe('198.51.100.1');
  });

  it('is the private one where the pool is inside the cloud, and no floating IP is wanted', () => {
    const rules = { isPrivate: true, canFloat: () => true };
    expect(choose({ fixed: [both[0]!, inside] }, rules)).toMatchObject({ ip: '10.0.0.5', wantsFloatingIp: false });
    expect(choose({ fixed: both }, rules).ip).toBe('203.0.113.9');
  });
});

describe('a floating IP', () => {
  const canFloat = (network: string): boolean => network === 'private';

  it('is wanted when the server has no public address and its network can have one', () => {
    expect(choose({ fixed: [inside] }, { canFloat })).toEqual({
      ip: null,
      ipPrivate: '10.0.0.5',
      wantsFloatingIp: true,
    });
  });

  it('is not wanted before the server has an address, or on another network', () => {
    expect(choose({}, { canFloat }).wantsFloatingIp).toBe(false);
    const elsewhere = choose({ fixed: [on('storage', '10.9.0.5')] }, { canFloat });
    expect(elsewhere).toEqual({ ip: '10.9.0.5', ipPrivate: '10.9.0.5', wantsFloatingIp: false });
  });

  it('is wanted beside a public IPv6 address unless those are preferred', () => {
    const fixed = [inside, on('private', '2001:db8::5')];
    expect(choose({ fixed }, { canFloat })).toMatchObject({ ip: null, wantsFloatingIp: true });
    const preferred = choose({ fixed }, { canFloat, ipv6Preferred: true });
    expect(preferred).toMatchObject({ ip: '2001:db8::5', wantsFloatingIp: false });
    expect(choose({ fixed }).ip).toBe('2001:db8::5');
  });
});
