import { describe, expect, it } from 'vitest';
import { chooseProxies } from '../../../../src/providers/openstack/http/proxies.ts';

const PROXY = 'http://proxy.example.org:3128/';

function choose(env: NodeJS.ProcessEnv, url: string): string | null {
  return chooseProxies(env)(new URL(url))?.href ?? null;
}

describe('the proxy for a request', () => {
  it('is that for its scheme, and there is none where only the other one is set', () => {
    const env = { http_proxy: PROXY, https_proxy: 'http://secure.example.org/' };
    expect(choose(env, 'http://cloud/')).toBe(PROXY);
    expect(choose(env, 'https://cloud/')).toBe('http://secure.example.org/');
    expect(choose({ http_proxy: PROXY }, 'https://cloud/')).toBeNull();
    expect(choose({}, 'http://cloud/')).toBeNull();
  });

  it('may be set in either case, the lower one winning, and without a scheme', () => {
    expect(choose({ HTTP_PROXY: PROXY }, 'http://cloud/')).toBe(PROXY);
    expect(choose({ HTTP_PROXY: PROXY, http_proxy: 'other.example.org:80' }, 'http://cloud/')).toBe(
      'http://other.example.org/',
    );
    expect(choose({ HTTP_PROXY: PROXY, http_proxy: '' }, 'http://cloud/')).toBeNull();
  });

  it.each([
    ['*', 'http://cloud.example.org/', false],
    ['example.org', 'http://example.org/', false],
    ['example.org', 'http://cloud.EXAMPLE.org/', false],
    ['example.org', 'http://badexample.org/', true],
    ['.example.org, other', 'http://cloud.example.org/', false],
    ['*.example.org other', 'http://other:9696/', false],
    ['example.org:9696', 'http://example.org:9696/', false],
    ['example.org:9696', 'http://example.org:8774/', true],
    ['example.org:80', 'http://example.org/', false],
    ['10.1.2.3', 'http://10.1.2.3:5000/v3', false],
    ['10.0.0.0/8', 'http://10.1.2.3:5000/v3', false],
    ['10.0.0.0/8', 'http://11.1.2.3:5000/v3', true],
    ['10.0.0.0/99', 'http://10.0.0.1/', true],
    ['fd00::/8', 'http://[fd00::1]:5000/v3', false],
    ['::1', 'http://[::1]:5000/v3', false],
    ['[::1]:5000', 'http://[::1]:5000/v3', false],
    ['[::1]:5000', 'http://[::1]:5001/v3', true],
    ['', 'http://localhost/', true],
  ])('with no_proxy "%s" for %s is used: %s', (noProxy, url, isUsed) => {
    expect(choose({ http_proxy: PROXY, NO_PROXY: noProxy }, url)).toBe(isUsed ? PROXY : null);
  });

  it.each(['socks5://user:hidden@proxy', 'http://user:hidden@:x'])('is refused without being shown: %s', (value) => {
    expect(() => chooseProxies({ HTTPS_PROXY: value })).toThrow(
      /^the environment variable https_proxy does not hold the address of an HTTP proxy$/,
    );
  });
});
