/** Addresses in ranges for private and for documentation use; nothing is ever sent to them. */
export interface Addresses {
  readonly ipv4: string;
  readonly ipv6: string;
  /** Different for each million of numbers. */
  readonly private: string;
}

/** How many different public addresses there are: 10.0.0.0/8. */
export const ADDRESS_COUNT = 1 << 24;

/** Each cloud of the process begins this far behind the one before it, so that their servers look different. */
export const ADDRESSES_PER_CLOUD = 1 << 16;

/** The addresses with `number`, from 0 to {@link ADDRESS_COUNT} - 1. */
export function addressesOf(number: number): Addresses {
  const low = `${(number >> 8) & 0xff}.${number & 0xff}`;
  return {
    ipv4: `10.${number >> 16}.${low}`,
    ipv6: `2001:db8::${(number >> 16).toString(16)}:${(number & 0xffff).toString(16)}`,
    private: `172.${16 + ((number >> 16) & 0x0f)}.${low}`,
  };
}
