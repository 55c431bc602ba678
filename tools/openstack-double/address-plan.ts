/** Which addresses servers and floating IPs get. */
import type { Network, Subnet } from './records.ts';
import type { OpenStackDoubleOptions } from './settings.ts';

export interface AddressPlan {
  /** Addresses of the next port of a network, one for each of its subnets unless the options say otherwise. */
  fixed(network: Network): readonly string[];
  floating(network: Network): string;
  /** First address of a subnet. */
  gateway(subnet: Subnet): string;
}

export function createAddressPlan(options: OpenStackDoubleOptions): AddressPlan {
  const given = new Map<string, number>();
  /** Addresses of a network are given out once and not used again, as long as it lasts. */
  const next = (key: string): number => {
    const n = (given.get(key) ?? 0) + 1;
    given.set(key, n);
    return n;
  };
  return {
    fixed: (network) => {
      const n = next(`fixed ${network.id}`);
      return options.addresses?.(n, network.name) ?? network.subnets.map((subnet) => addressIn(subnet, n + 1));
    },
    floating: (network) => {
      const n = next(`floating ${network.id}`);
      const subnet = network.subnets.find(({ version }) => version === 4);
      return options.floatingAddress?.(n) ?? (subnet ? addressIn(subnet, n + 1) : '0.0.0.0');
    },
    gateway: (subnet) => addressIn(subnet, 1),
  };
}

/** The n-th address of a subnet, which begins anew when it has been through. */
function addressIn({ cidr, version }: Subnet, n: number): string {
  const [base = '', bits = '0'] = cidr.split('/');
  if (version === 6) return `${base.replace(/::$/, '')}::${n.toString(16)}`;
  const size = 2 ** (32 - Number(bits));
  const start = base.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const address = start + (n % (size - 1));
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
