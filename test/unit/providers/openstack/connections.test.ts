import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TlsAccess } from '../../../../src/providers/openstack/access.ts';
import { startCloudDouble } from './cloud-double.ts';
import { startProxyDouble } from './proxy-double.ts';
import { makeSelfSigned } from './self-signed.ts';
import { failureOf, get, openSession } from './session-under-test.ts';

const signal = new AbortController().signal;
const own = makeSelfSigned();
let directory = '';
let certFile = '';
let keyFile = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'nodepool-tls-'));
  certFile = writeFile('cert.pem', own.cert);
  keyFile = writeFile('key.pem', own.key);
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

function writeFile(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

function tlsWith(change: Partial<TlsAccess>): { readonly access: { readonly tls: TlsAccess } } {
  return { access: { tls: { verify: true, caFile: null, certFile: null, keyFile: null, ...change } } };
}

describe('TLS', () => {
  it('trusts the authority that is named', async () => {
    const { url } = await startCloudDouble({ tls: own });
    expect(await openSession(url, tlsWith({ caFile: certFile })).session.project(signal)).toMatchObject({ id: 'p1' });
  });

  it('does not trust others, does not try again, and says what can be done', async () => {
    const { url, http } = await startCloudDouble({ tls: own });
    expect(await failureOf(openSession(url).session.project(signal))).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(
        'its TLS certificate is not accepted (DEPTH_ZERO_SELF_SIGNED_CERT), which `cacert` or `verify` can change',
      ) as string,
    });
    expect(http.received).toEqual([]);
  });

  it('trusts everybody when told so', async () => {
    const { url } = await startCloudDouble({ tls: own });
    expect(await openSession(url, tlsWith({ verify: false })).session.project(signal)).toMatchObject({ id: 'p1' });
  });

  it('reads certificate and key from two files or from one', async () => {
    const { url } = await startCloudDouble({ tls: own });
    const both = writeFile('both.pem', `${own.cert}${own.key}`);
    for (const files of [{ certFile, keyFile }, { certFile: both }]) {
      const { session } = openSession(url, tlsWith({ caFile: certFile, ...files }));
      expect(await session.project(signal)).toMatchObject({ id: 'p1' });
    }
  });

  it('says at once which file is missing, and where it is named', () => {
    expect(() => openSession('http://127.0.0.1', tlsWith({ caFile: join(directory, 'missing.pem') }))).toThrow(
      `cloud test in clouds.yaml: the file ${join(directory, 'missing.pem')}, named by cacert, cannot be read (ENOENT)`,
    );
  });

  it('says at once when files hold something else, and not what', () => {
    const wrong = writeFile('wrong.pem', '-----BEGIN PRIVATE KEY-----\nhidden-in-file\n-----END PRIVATE KEY-----\n');
    const opening = () => openSession('http://127.0.0.1', tlsWith({ caFile: certFile, certFile, keyFile: wrong }));
    expect(opening).toThrow(
      `cloud test in clouds.yaml: no TLS certificates or key can be read from ${certFile}, ${certFile}, ${wrong}`,
    );
    expect(opening).not.toThrow(/hidden-in-file/);
  });
});

describe('a proxy', () => {
  it('is handed plain requests, with its user and password', async () => {
    const cloud = await startCloudDouble();
    const proxy = await startProxyDouble();
    cloud.serve('GET', '/compute/v2.1/p1/servers', () => ({ json: {} }));
    const env = { http_proxy: proxy.url.replace('//', '//zoe:for-the-proxy@') };
    const { session, lines } = openSession(cloud.url, { env });
    expect((await session.send(get())).status).toBe(200);
    expect(proxy.seen).toEqual([
      `POST ${cloud.url}/identity/v3/auth/tokens`,
      `GET ${cloud.url}/compute/v2.1/p1/servers`,
    ]);
    expect(proxy.credentials[0]).toBe(`Basic ${Buffer.from('zoe:for-the-proxy').toString('base64')}`);
    expect(JSON.stringify(lines)).not.toContain('for-the-proxy');
    expect(cloud.http.received[0]?.headers).not.toHaveProperty('proxy-authorization');
  });

  it('opens a tunnel for encrypted ones, whose certificate is checked', async () => {
    const cloud = await startCloudDouble({ tls: own });
    const proxy = await startProxyDouble();
    const env = { https_proxy: proxy.url };
    const trusting = openSession(cloud.url, { env, ...tlsWith({ caFile: certFile }) });
    expect(await trusting.session.project(signal)).toMatchObject({ id: 'p1' });
    expect(proxy.seen).toEqual([`CONNECT ${cloud.url.replace('https://', '')}`]);

    expect(await failureOf(openSession(cloud.url, { env }).session.project(signal))).toMatchObject({
      message: expect.stringContaining('its TLS certificate is not accepted') as string,
    });
  });

  it('does not lift the limit of 64 MB', async () => {
    const cloud = await startCloudDouble();
    const proxy = await startProxyDouble();
    cloud.serve('GET', '/compute/v2.1/p1/servers', () => ({ text: 'x'.repeat(64 * 1024 * 1024 + 1) }));
    const { session } = openSession(cloud.url, { env: { http_proxy: proxy.url } });
    expect(await failureOf(session.send(get()))).toMatchObject({
      message: expect.stringContaining('the answer has more than 64 MB') as string,
    });
  });

  it('is passed by for what no_proxy names', async () => {
    const cloud = await startCloudDouble();
    const { session } = openSession(cloud.url, { env: { http_proxy: 'http://127.0.0.1:1', no_proxy: '127.0.0.0/8' } });
    expect(await session.project(signal)).toMatchObject({ id: 'p1' });
  });

  it.each([403, 407])('that refuses with %i is told from the cloud', async (status) => {
    const cloud = await startCloudDouble({ tls: own });
    const proxy = await startProxyDouble();
    proxy.refusal = status;
    const env = { https_proxy: proxy.url };
    expect(await failureOf(openSession(cloud.url, { env }).session.project(signal))).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('the proxy refused to connect to it') as string,
    });
  });

  it('that wants a password for a plain request is told from the cloud', async () => {
    const cloud = await startCloudDouble();
    const proxy = await startProxyDouble();
    proxy.refusal = 407;
    const { session } = openSession(cloud.url, { env: { http_proxy: proxy.url } });
    expect(await failureOf(session.project(signal))).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('the proxy wants a user name and password') as string,
    });
  });
});
