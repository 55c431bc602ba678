import { describe, expect, it } from 'vitest';
import { describeHostKey, hostKeyAlgorithms, hostKeyText } from '../../../../src/remote/ssh/host-key.ts';

// Made by ssh-keygen, as the fingerprint.
const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFjssFWrQY6Kpp+/+HjaSVo1hRmkTEnj9iZ9yrGnMYe6';

describe('hostKeyText', () => {
  it('names the type that the key itself names', () => {
    expect(hostKeyText(Buffer.from(ED25519.split(' ')[1] ?? '', 'base64'))).toBe(ED25519);
  });
});

describe('describeHostKey', () => {
  it('is the one that ssh-keygen shows', () => {
    expect(describeHostKey(ED25519)).toBe('ssh-ed25519 SHA256:HlNwVxguv8qUIm/PvDFb2ayHxyLJKKD7WjskEyRUcK4');
  });
});

describe('hostKeyAlgorithms', () => {
  it('asks first for the type of the expected key', () => {
    expect(hostKeyAlgorithms('ecdsa-sha2-nistp384 AAAA')[0]).toBe('ecdsa-sha2-nistp384');
    expect(hostKeyAlgorithms(null)[0]).toBe('ssh-ed25519');
  });

  it('asks for SHA-2 signatures of an RSA key before those of old', () => {
    expect(hostKeyAlgorithms('ssh-rsa AAAA').slice(0, 3)).toEqual(['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa']);
  });

  it('asks for all types behind it, so that another server can show what it is', () => {
    for (const type of ['ssh-rsa', 'ssh-ed25519', 'ssh-dss']) {
      expect(hostKeyAlgorithms(`${type} AAAA`).toSorted()).toEqual(hostKeyAlgorithms(null).toSorted());
    }
  });
});
