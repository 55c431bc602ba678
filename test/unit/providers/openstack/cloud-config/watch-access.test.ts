import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { ProviderConfig } from '../../../../../src/config/types.ts';
import { silentLog } from '../../../../../src/lib/log.ts';
import { systemClock } from '../../../../../src/lib/clock.ts';
import { watchAccess, type WatchedAccess } from '../../../../../src/providers/openstack/cloud-config/watch-access.ts';
import { createOpenStackDriver } from '../../../../../src/providers/openstack/index.ts';
import { createProviders } from '../../../../../src/providers/registry.ts';
import { aConfig, aProvider } from '../../../../support/builders.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { startCloudDouble, tokenReply, unauthorized } from '../cloud-double.ts';

const credentials: ProviderConfig['credentials'] = { ...aProvider().credentials, cloud: 'rax' };

/** A home directory with a clouds.yaml, as `name` of the cloud has `settings`. */
function aHome() {
  const home = mkdtempSync(join(tmpdir(), 'nodepool-clouds-'));
  onTestFinished(() => rmSync(home, { recursive: true }));
  const directory = join(home, '.config/openstack');
  mkdirSync(directory, { recursive: true });
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);
  const watch = (): WatchedAccess => watchAccess({ credentials, regionName: null, env: {}, home, cwd: home });
  return { home, directory, write, watch };
}

const cloud = (password: string, rest = ''): string =>
  `clouds:
  rax:
    auth: {auth_url: 'http://127.0.0.1:1/v3', username: zoe, password: ${password}, project_name: pool}
${rest}`;

it('is up to date while the files are as they were, or say the same of this cloud', () => {
  const { directory, write, watch } = aHome();
  write('clouds.yaml', cloud('one'));
  const { isOutdated } = watch();
  expect(isOutdated()).toBe(false);
  utimesSync(join(directory, 'clouds.yaml'), 1, 1);
  expect(isOutdated()).toBe(false);
  write('clouds.yaml', cloud('one', '  other: {auth: {username: amy}}\n'));
  expect(isOutdated()).toBe(false);
  write('secure.yaml', 'clouds: {other: {auth: {password: two}}}');
  expect(isOutdated()).toBe(false);
});

it.each<[string, (home: ReturnType<typeof aHome>) => void]>([
  ['the password is another one', ({ write }) => write('clouds.yaml', cloud('two'))],
  [
    'a secure.yaml with the password has come',
    ({ write }) => write('secure.yaml', 'clouds: {rax: {auth: {password: two}}}'),
  ],
  ['the cloud is gone', ({ write }) => write('clouds.yaml', 'clouds: {}')],
  ['the file is gone', ({ directory }) => rmSync(join(directory, 'clouds.yaml'))],
  ['the file is half written', ({ write }) => write('clouds.yaml', 'clouds: {rax: {auth: {')],
  ['a file that comes first has appeared', ({ home }) => writeFileSync(join(home, 'clouds.yaml'), cloud('two'))],
  ['the certificate is another one', ({ write }) => write('ca.pem', 'two')],
])('is outdated when %s', (_, change) => {
  const scene = aHome();
  const text = cloud('one', `    cacert: ${join(scene.directory, 'ca.pem')}\n`);
  scene.write('ca.pem', 'one');
  scene.write('clouds.yaml', text);
  const { isOutdated } = scene.watch();
  expect(isOutdated()).toBe(false);
  change(scene);
  expect(isOutdated()).toBe(true);
  expect(isOutdated()).toBe(true);
});

it('a provider logs in with the new password at the next look at the configuration', async () => {
  const { home, write } = aHome();
  const double = await startCloudDouble();
  const passwords: unknown[] = [];
  const passwordOf = (body: unknown): string =>
    /"password":\{.*"password":"(\w+)"/.exec(JSON.stringify(body))?.[1] ?? '';
  double.serve('GET', '/compute/v2.1/p1/os-keypairs', () => ({ json: { keypairs: [] } }));
  double.onLogin = ({ body }) => {
    passwords.push(passwordOf(body));
    if (passwordOf(body) !== 'two') return unauthorized;
    double.valid.add('t');
    return tokenReply('t', double.url, 3600);
  };
  const text = (password: string): string => cloud(password).replace('http://127.0.0.1:1', `${double.url}/identity`);
  write('clouds.yaml', text('one'));
  const tools = { clock: systemClock, random: createSeededRandom(1), log: silentLog, env: {}, home, cwd: home };
  const factories = { openstack: createOpenStackDriver(tools) };
  const providers = createProviders({ factories, clock: systemClock, onCall: () => undefined, log: silentLog });
  const config = aConfig({ providers: [aProvider({ name: 'rax', driver: 'openstack', credentials, rateMs: 0 })] });
  const find = (): Promise<unknown> | undefined => providers.get('rax')?.inspect(new AbortController().signal);

  providers.configure(config);
  expect(await find()).toMatchObject([{ level: 'error', about: 'credentials' }]);
  write('clouds.yaml', text('two'));
  expect(await find()).toMatchObject([{ level: 'error', about: 'credentials' }]);
  providers.configure(config);
  expect(await find()).toContainEqual(expect.objectContaining({ level: 'ok', about: 'credentials' }));
  expect(passwords).toEqual(['one', 'two']);
  providers.forget('rax');
  await expect.poll(() => double.http.open, { interval: 1 }).toBe(0);
});
