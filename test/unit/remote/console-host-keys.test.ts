import { describe, expect, it } from 'vitest';
import { hostKeysOf } from '../../../src/remote/console-host-keys.ts';

const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFjssFWrQY6Kpp+/+HjaSVo1hRmkTEnj9iZ9yrGnMYe6';
const RSA =
  'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC9dExewZAdSuV160USGs7usUcJucnibvj4G14yRG4NGyjcdXP4mwdf0i8flsr4ACgk+aja3L' +
  'zPFHQ/Si1GC1MOK3xVaq9zsugiA5IRswemeG/HvANozvur0gCY0Az5eDMmG3AiVhX5oj0Xk4mQQZth91g+cy6BkxjWCwzA4b4y8w==';
const ECDSA =
  'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBJV9A1rmh0xj4fiGar2m4th0PBwOGBgvSju6Qm' +
  'Ox1fA5ZWYGLrWKgCjP1tnYaEePqeii2gw/sfeuu1ojc4272HE=';
const BEGIN = '-----BEGIN SSH HOST KEY KEYS-----';
const END = '-----END SSH HOST KEY KEYS-----';

/** As cloud-init of Debian 12 ends its first boot. */
const CONSOLE = [
  '[   14.201932] cloud-init[512]: Cloud-init v. 22.4.2 running modules:final',
  '<14>Nov 22 10:00:00 cloud-init: #############################################################',
  '<14>Nov 22 10:00:00 cloud-init: -----BEGIN SSH HOST KEY FINGERPRINTS-----',
  '<14>Nov 22 10:00:00 cloud-init: 256 SHA256:HlNwVxguv8qUIm/PvDFb2ayHxyLJKKD7WjskEyRUcK4 root@node (ED25519)',
  '<14>Nov 22 10:00:00 cloud-init: -----END SSH HOST KEY FINGERPRINTS-----',
  BEGIN,
  `${ECDSA} root@node`,
  `${ED25519} root@node`,
  `${RSA} root@node`,
  END,
  'node login: ',
].join('\r\n');

describe('hostKeysOf', () => {
  it('finds the keys of the block, without their comments', () => {
    expect(hostKeysOf(CONSOLE)).toEqual([ECDSA, ED25519, RSA]);
  });

  it('finds none where there is no block', () => {
    expect(hostKeysOf('')).toEqual([]);
    expect(hostKeysOf(CONSOLE.slice(0, CONSOLE.indexOf(BEGIN)))).toEqual([]);
  });

  it('does not take other public keys for host keys', () => {
    expect(hostKeysOf(`authorized: ${ED25519} me\n${CONSOLE.replace(`${ED25519} root@node\r\n`, '')}`)).toEqual([
      ECDSA,
      RSA,
    ]);
    expect(hostKeysOf(`${ED25519} me\nnode login: `)).toEqual([]);
  });

  it('sees through what loggers put before the lines', () => {
    const prefixes = ['[   14.532190] cloud-init[512]: ', '<14>Nov 22 10:00:00 ec2: ', 'ci-info: '];
    for (const prefix of prefixes) {
      const lines = [BEGIN, ED25519, RSA, END].map((line) => `${prefix}${line}`);
      expect(hostKeysOf(lines.join('\n'))).toEqual([ED25519, RSA]);
    }
  });

  it('passes over what the kernel says in between', () => {
    expect(hostKeysOf([BEGIN, ED25519, '[   14.6] random: crng init done', RSA, END].join('\n'))).toEqual([
      ED25519,
      RSA,
    ]);
  });

  it('takes whole keys alone from a console that ends within the block', () => {
    const cut = CONSOLE.slice(0, CONSOLE.indexOf(RSA) + 60);
    expect(hostKeysOf(cut)).toEqual([ECDSA, ED25519]);
    // Every place to cut at: a key counts from its last character on, for which its padding is none, and is never wrong.
    const endOf = (key: string): number => CONSOLE.indexOf(key) + key.replace(/=+$/, '').length;
    for (let length = 0; length < CONSOLE.length; length += 1) {
      const expected = [ECDSA, ED25519, RSA].filter((key) => endOf(key) <= length);
      expect(hostKeysOf(CONSOLE.slice(0, length))).toEqual(expected);
    }
  });

  it('takes whole keys alone from a console that begins within the block', () => {
    for (let start = CONSOLE.indexOf(BEGIN) + 1; start < CONSOLE.length; start += 1) {
      const expected = [ECDSA, ED25519, RSA].filter((key) => CONSOLE.indexOf(key) >= start);
      const isPastEnd = CONSOLE.indexOf(END) < start;
      expect(hostKeysOf(CONSOLE.slice(start))).toEqual(isPastEnd ? [] : expected);
    }
  });

  it('finds the keys of every block once', () => {
    expect(hostKeysOf(`${CONSOLE}\n${BEGIN}\n${ED25519}\n${END}`)).toEqual([ECDSA, ED25519, RSA]);
  });
});
