import { createPrivateKey, createPublicKey } from 'node:crypto';
import ssh2 from 'ssh2';
import { describe, expect, it } from 'vitest';
import { createEcdsaKeyMaker, createKeyMaker, openSshPublicKey } from '../../../src/remote/key-pair.ts';

// Made by ssh-keygen, which also wrote the line below.
const PUBLIC_PEM = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA36XiCuL9+MWkQU1IN/Ao
qb5Nf4rdYIohT+vNCo4TC3qk8BN4tXmlo9qR97jJyvR9ZCspsvNLMzC5AecRhXXg
xZKibkENrYtkrWaVBtbv8TDIyXCElNolo2jhrQca+8kqzPplsJlHnp6XbQj6eUey
223qRl4FpfmHLHJFZa90XUzk7Rim8zfbxQ3xHJ/SPXAsdQ2Nb7fOaRhKYtcfD0Ct
P5TTEOmeM5ZOqn90e608AOsUBBsKSEzt1SEU3MvfbSHj5GN8A2k+Vcky9BrnB2GF
2CcTyrc+jTorOA5hu5HYQah3paPi3NpwVye7J+tfOT1hu0a77M2D5dEBXIU1ioLM
WQIDAQAB
-----END PUBLIC KEY-----
`;
const PUBLIC_LINE =
  'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDfpeIK4v34xaRBTUg38Cipvk1/it1giiFP680KjhMLeqTwE3i1eaWj2pH3uMnK9H1kKymy80sz' +
  'MLkB5xGFdeDFkqJuQQ2ti2StZpUG1u/xMMjJcISU2iWjaOGtBxr7ySrM+mWwmUeenpdtCPp5R7LbbepGXgWl+YcsckVlr3RdTOTtGKbzN9vFDfEc' +
  'n9I9cCx1DY1vt85pGEpi1x8PQK0/lNMQ6Z4zlk6qf3R7rTwA6xQEGwpITO3VIRTcy99tIePkY3wDaT5VyTL0GucHYYXYJxPKtz6NOis4DmG7kdhB' +
  'qHelo+Lc2nBXJ7sn6185PWG7RrvszYPl0QFchTWKgsxZ';

const P256_PEM = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEc4+r45N28sDF1eQmBLtyqONExIw9
iQSBqLZRcb8tTsQE1NMSR4vPmo7LyoamAi81KeSFYYYWCi87aQdULLte/Q==
-----END PUBLIC KEY-----
`;
const P256_LINE =
  'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHOPq+OTdvLAxdXkJgS7cqjjRMSM' +
  'PYkEgai2UXG/LU7EBNTTEkeLz5qOy8qGpgIvNSnkhWGGFgovO2kHVCy7Xv0=';

describe('openSshPublicKey', () => {
  it('writes a key as ssh-keygen does', () => {
    expect(openSshPublicKey(createPublicKey(PUBLIC_PEM))).toBe(PUBLIC_LINE);
    expect(openSshPublicKey(createPublicKey(P256_PEM))).toBe(P256_LINE);
  });
});

describe('createKeyMaker', () => {
  it('makes an RSA key of 2048 bits as PKCS#1 with the matching public line', async () => {
    const { privateKey, publicKey } = await createKeyMaker().make();
    expect(privateKey).toMatch(/^-----BEGIN RSA PRIVATE KEY-----\n[^]*\n-----END RSA PRIVATE KEY-----\n$/);
    const key = createPrivateKey(privateKey);
    expect(key.asymmetricKeyDetails?.modulusLength).toBe(2048);
    expect(publicKey).toBe(`${openSshPublicKey(createPublicKey(key))}\n`);
  });

  it('makes another pair each time', async () => {
    const maker = createKeyMaker();
    const [first, second] = await Promise.all([maker.make(), maker.make()]);
    expect(first.privateKey).not.toBe(second.privateKey);
  });
});

describe('createEcdsaKeyMaker', () => {
  it('makes a key on P-256 as SEC 1, which ssh2 reads, with the matching public line', async () => {
    const { privateKey, publicKey } = await createEcdsaKeyMaker().make();
    expect(privateKey).toMatch(/^-----BEGIN EC PRIVATE KEY-----\n[^]*\n-----END EC PRIVATE KEY-----\n$/);
    const parsed = ssh2.utils.parseKey(privateKey);
    if (parsed instanceof Error) throw parsed;
    expect(publicKey).toBe(`ecdsa-sha2-nistp256 ${parsed.getPublicSSH().toString('base64')}\n`);
  });
});
