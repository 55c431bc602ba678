import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkConfig } from '../../../src/config/load.ts';
import { configSchema } from '../../../src/config/schema.ts';
import type { Config } from '../../../src/config/types.ts';
import { BARE_SYSTEM, PROJECT, good, sentences } from './files.ts';

function load(name: string, secure: string | null = null): Config {
  const check = checkConfig({
    ...BARE_SYSTEM,
    path: join(PROJECT, name),
    securePath: secure === null ? null : join(PROJECT, secure),
  });
  expect(sentences(check.warnings)).toEqual([]);
  return good(check);
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly deprecated?: boolean;
  readonly description?: string;
}

/** Every key of a configuration, as `providers.images.name`, with its part of the schema. */
function keysOf(schema: Schema, prefix = ''): (readonly [string, Schema])[] {
  if (schema.items) return keysOf(schema.items, prefix);
  return Object.entries(schema.properties ?? {}).flatMap(([key, part]) => [
    [prefix + key, part] as const,
    ...keysOf(part, `${prefix}${key}.`),
  ]);
}

function keysIn(value: unknown, prefix = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((entry) => keysIn(entry, prefix));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, entry]) => [prefix + key, ...keysIn(entry, `${prefix}${key}.`)]);
}

describe('config/openstack.example.yaml', () => {
  it('loads without problems and warnings', () => {
    const config = load('config/openstack.example.yaml');
    expect(config.providers.get('my-cloud')).toMatchObject({ driver: 'openstack', floatingIps: true });
  });
});

describe('config/nodepool.example.yaml', () => {
  it('loads with config/secure.example.conf, without problems and warnings', () => {
    const config = load('config/nodepool.example.yaml', 'config/secure.example.conf');

    expect(config.database).toMatchObject({ kind: 'mysql', user: 'nodepool', password: 'change-me' });
    expect(config.targets.get('jenkins01')?.jenkins).toMatchObject({ user: 'nodepool', testJob: 'node-acceptance' });
  });

  it('has every key that is not obsolete', () => {
    const known = keysOf(configSchema()).flatMap(([key, { deprecated }]) => (deprecated ? [] : [key]));
    const shown = new Set(keysIn(parse(readFileSync(join(PROJECT, 'config/nodepool.example.yaml'), 'utf8'))));

    expect(known.filter((key) => !shown.has(key))).toEqual([]);
    expect(known.length).toBeGreaterThan(80);
  });
});

describe('the JSON schema', () => {
  it('is one of draft 7 that knows all keys and no others', () => {
    expect(configSchema()).toMatchObject({
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      additionalProperties: false,
      properties: { labels: { items: { required: ['name', 'image'], additionalProperties: false } } },
    });
  });

  it('describes each key in a sentence', () => {
    const silent = keysOf(configSchema()).filter(([, { description }]) => !/^[A-Z].*\.$/.test(description ?? ''));

    expect(silent.map(([key]) => key)).toEqual([]);
  });

  it('has the defaults that a file without the key gets', () => {
    const keys = new Map(keysOf(configSchema()));

    expect(keys.get('labels.min-ready')).toMatchObject({ type: 'integer', minimum: -1, default: 2 });
    expect(keys.get('providers.launch-timeout')).toMatchObject({ type: 'number', default: 3600 });
    expect(keys.get('providers.fake.boot-time')).toMatchObject({ default: 0.1 });
    expect(keys.get('requests.ttl')).toMatchObject({ type: 'number', minimum: 1, default: 14_400 });
  });
});

describe('tools/fake.yaml', () => {
  it('has the classic content on the embedded database, and needs no other service', () => {
    const config = load('tools/fake.yaml');

    expect(config.database.kind).toBe('sqlite');
    expect([config.zmqPublishers, config.gearmanServers]).toEqual([[], []]);
    expect([...config.labels.values()]).toEqual([
      {
        name: 'nodepool-fake',
        image: 'nodepool-fake',
        minReady: 2,
        subnodes: 0,
        readyScript: null,
        providers: ['fake-provider'],
      },
      {
        name: 'multi-fake',
        image: 'nodepool-fake',
        minReady: 2,
        subnodes: 2,
        readyScript: 'multinode_setup.sh',
        providers: ['fake-provider'],
      },
    ]);
    expect(config.providers.get('fake-provider')).toMatchObject({ driver: 'fake', maxServers: 96 });
    expect([...(config.providers.get('fake-provider')?.images.keys() ?? [])]).toEqual(['nodepool-fake', 'multi-fake']);
    expect([...config.targets.values()]).toMatchObject([{ name: 'zuul', assignViaGearman: false, jenkins: null }]);
  });

  it('names scripts that are there and can be run', () => {
    const config = load('tools/fake.yaml');
    const images = [...config.providers.values()].flatMap((provider) => [...provider.images.values()]);
    const setups = images.flatMap(({ source }) => (source.kind === 'snapshot' ? [source.setup] : []));
    const readyScripts = [...config.labels.values()].flatMap(({ readyScript }) => readyScript ?? []);

    for (const script of [...setups, ...readyScripts]) {
      expect(() => accessSync(join(config.scriptDir ?? '', script), constants.X_OK)).not.toThrow();
    }
    expect([setups.length, readyScripts.length]).toEqual([2, 1]);
  });
});

describe('tools/fake-dib.yaml', () => {
  it('has the classic content: one label on one disk image of six elements', () => {
    const config = load('tools/fake-dib.yaml');

    expect([...config.labels.values()]).toMatchObject([{ image: 'fake-dib-image', minReady: 2 }]);
    expect([...config.diskimages.values()]).toMatchObject([{ name: 'fake-dib-image', release: 'trusty' }]);
    expect(config.diskimages.get('fake-dib-image')?.elements).toHaveLength(6);
    expect(config.providers.get('fake-provider')?.images.get('fake-dib-image')?.source).toEqual({
      kind: 'diskimage',
      diskimage: 'fake-dib-image',
    });
  });

  it('names a builder that is there and can be run', () => {
    const program = load('tools/fake-dib.yaml').diskimages.get('fake-dib-image')?.dibCmd;

    expect(program).toBe(join(PROJECT, 'tools/fake-builder/disk-image-create'));
    expect(() => accessSync(program!, constants.X_OK)).not.toThrow();
  });
});
