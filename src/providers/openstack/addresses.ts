/** Which of a server's addresses the pool talks to and hands out. */
import { BlockList, isIPv4, isIPv6 } from 'node:net';

export interface FixedAddress {
  /** Name of the network that it is on. */
  readonly network: string;
  readonly address: string;
}

/** Every address that the cloud names for a server. */
export interface ServerAddresses {
  readonly fixed: readonly FixedAddress[];
  readonly floating: readonly string[];
  /** `accessIPv4` and `accessIPv6`, which some clouds set. */
  readonly access: readonly string[];
}

export interface AddressRules {
  readonly ipv6Preferred: boolean;
  readonly forceIpv4: boolean;
  /** The pool reaches its servers at their private addresses. */
  readonly isPrivate: boolean;
  /** Names of networks whose addresses are reached from everywhere, whatever they look like. */
  readonly publicNetworks: ReadonlySet<string>;
  /** Whether a server on the network of this name may get a floating IP. */
  readonly canFloat: (network: string) => boolean;
}

export interface ChosenAddresses {
  readonly ip: string | null;
  readonly ipPrivate: string | null;
  readonly wantsFloatingIp: boolean;
}

/** RFC 1918, 6598 (carrier-grade NAT), 3927 and 4291 (link-local), 4193 (unique local), loopback. */
const notRouted = new BlockList();
for (const [net, prefix] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['127.0.0.0', 8],
] as const) {
  notRouted.addSubnet(net, prefix, 'ipv4');
}
for (const [net, prefix] of [
  ['fc00::', 7],
  ['fe80::', 10],
  ['::1', 128],
] as const) {
  notRouted.addSubnet(net, prefix, 'ipv6');
}

/** Whether an address is reached from everywhere, by the range that it is in. */
export function isGlobal(address: string): boolean {
  return !notRouted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/**
 * In this order: the private address where the pool is inside the cloud; a public IPv6 address where those are
 * preferred; a public IPv4 address; a floating IP, to be made; a public IPv6 address; any.
 */
export function chooseAddresses(addresses: ServerAddresses, rules: AddressRules): ChosenAddresses {
  const fixed = addresses.fixed.filter(({ address }) => !(rules.forceIpv4 && isIPv6(address)));
  const inside = fixed.filter((candidate) => !isPublic(candidate, rules)).map(({ address }) => address);
  const all = [...inside, ...fixed.map(({ address }) => address)];
  const outside = publicAddresses(addresses, rules);
  const choice = { ipPrivate: inside.find(isIPv4) ?? null, wantsFloatingIp: false };

  if (rules.isPrivate) return { ...choice, ip: all.find(isIPv4) ?? all[0] ?? null };
  const reached = preferred(outside, rules);
  if (reached !== null) return { ...choice, ip: reached };
  const canFloat = fixed.some(({ address, network }) => isIPv4(address) && rules.canFloat(network));
  if (canFloat) return { ...choice, ip: null, wantsFloatingIp: true };
  return { ...choice, ip: outside[0] ?? choice.ipPrivate ?? all[0] ?? null };
}

/** A public IPv6 address alone is not enough where those are not preferred: not every job can reach it. */
function preferred(outside: readonly string[], { ipv6Preferred }: AddressRules): string | null {
  const ipv6 = ipv6Preferred ? outside.find(isIPv6) : undefined;
  return ipv6 ?? outside.find(isIPv4) ?? null;
}

/** Best first: what the configuration calls public comes before what only looks so. */
function publicAddresses({ fixed, floating, access }: ServerAddresses, rules: AddressRules): readonly string[] {
  const named = fixed.filter(({ network }) => rules.publicNetworks.has(network));
  const global = fixed.filter(({ address }) => isGlobal(address));
  const addressOf = ({ address }: FixedAddress): string => address;
  const found = [...named.map(addressOf), ...floating, ...access, ...global.map(addressOf)];
  return rules.forceIpv4 ? found.filter(isIPv4) : found;
}

function isPublic({ network, address }: FixedAddress, rules: AddressRules): boolean {
  return rules.publicNetworks.has(network) || isGlobal(address);
}
