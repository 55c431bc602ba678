import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { BARE_SYSTEM, checkFixture, checkText, FIXTURES, sentences } from './files.ts';

/** One fixture per kind of fault, with all that is said about it. */
const FAULTS = [
  {
    fixture: 'aliases.yaml',
    reports: 'aliases without anchor and into themselves',
    problems: [
      'FILE:1:9: labels: the alias *labels has no anchor &labels before it; add one or put the text in quotes',
      'FILE:2:18: providers[0]: the alias *own refers to the map or list it stands in; remove it',
    ],
  },
  {
    fixture: 'cron-syntax.yaml',
    reports: 'cron specifications that are wrong or never come due',
    problems: [
      'FILE:2:17: cron.image-update: the minute field "61" of the cron specification "61 * * * *" is not valid: use 0 to 59, *, lists, ranges or steps',
      'FILE:3:12: cron.cleanup: the cron specification "* * * *" has 4 fields: write minute, hour, day of month, month and weekday, and if need be second',
      'FILE:4:10: cron.check: the cron specification "0 0 30 2 *" never comes due: give a day that the month has',
    ],
  },
  {
    fixture: 'dangling-references.yaml',
    reports: 'references to what does not exist',
    problems: [
      'FILE:5:15: labels[0].providers[0].name: there is no provider "cluod"; did you mean "cloud"?',
      'FILE:9:15: labels[1].providers[0].name: the provider "cloud" has no image "fedora"; add it to its images or remove the provider here',
      'FILE:18:20: providers[0].images[0].diskimage: there is no disk image "ubunt"; did you mean "ubuntu"?',
      'FILE:21:20: providers[0].images[1].diskimage: there is no disk image "windows"; add it to diskimages',
    ],
  },
  {
    fixture: 'disk-images.yaml',
    reports: 'settings of disk images that make no sense',
    problems: [
      'FILE:1:22: image-failure-share: is 1.5 but must be at most 1; lower it',
      'FILE:2:15: image-canary: is a text but must be true or false; change it',
      'FILE:7:17: providers[0].image-type: is "qcow" but must be one of qcow2, raw, vhd, vmdk; did you mean qcow2?',
      'FILE:12:16: providers[0].images[0].pause: is 1 but must be true or false; change it',
      'FILE:14:21: providers[0].fake.fail-uploads: is -1 but must be at least 0; raise it',
      'FILE:17:17: providers[1].image-type: is "tar" but must be one of qcow2, raw, vhd, vmdk; choose one',
      'FILE:20:20: diskimages[0].formats[1]: is "vdh" but must be one of qcow2, raw, vhd, vmdk, tar, tgz, squashfs, docker, aci; did you mean vhd?',
      'FILE:20:25: diskimages[0].formats[2]: is "iso" but must be one of qcow2, raw, vhd, vmdk, tar, tgz, squashfs, docker, aci; choose one',
      'FILE:21:18: diskimages[0].rebuild-age: is 0 but must be at least 0.001; raise it',
      'FILE:22:20: diskimages[0].build-timeout: is 0 but must be at least 0.001; raise it',
      'FILE:23:14: diskimages[0].dib-cmd: is an empty text; write something or remove the key',
      'FILE:24:23: diskimages[0].qemu-img-options: is a map but must be a text; change it',
      'FILE:25:12: diskimages[0].pause: is a text but must be true or false; change it',
      'FILE:27:14: diskimages[1].formats: is a text but must be a list; change it',
      'FILE:28:18: diskimages[1].rebuild-age: is 4000000000 but must be at most 3153600000; lower it',
      'FILE:29:20: diskimages[1].build-timeout: is 3000000 but must be at most 2000000; lower it',
    ],
  },
  {
    fixture: 'doubled-keys.yaml',
    reports: 'keys given twice',
    problems: ['FILE:4:5: labels[0].name: is given twice; remove one', 'FILE:5:1: labels: is given twice; remove one'],
  },
  {
    fixture: 'duplicates.yaml',
    reports: 'names given twice',
    problems: [
      'FILE:6:15: labels[0].providers[1].name: "cloud" is already given in line 5; rename or remove one',
      'FILE:7:11: labels[1].name: "small" is already given in line 2; rename or remove one',
      'FILE:14:15: providers[0].images[1].name: "ubuntu" is already given in line 14; rename or remove one',
      'FILE:19:11: providers[1].name: "cloud" is already given in line 10; rename or remove one',
      'FILE:23:11: targets[1].name: "zuul" is already given in line 22; rename or remove one',
      'FILE:26:11: diskimages[1].name: "debian" is already given in line 25; rename or remove one',
    ],
  },
  {
    fixture: 'host-names.yaml',
    reports: 'host name templates with unknown fields',
    problems: [
      'FILE:4:24: providers[0].template-hostname: has the unknown field {label.name}; use {provider.name}, {image.name}, {timestamp}',
      'FILE:7:15: targets[0].hostname: has the unknown field {label.nam}; did you mean {label.name}?',
      'FILE:8:23: targets[0].subnode-hostname: the template "{label.name}-{subnode_id" has a single "{"; write "{{" for a brace',
      'FILE:10:15: targets[1].hostname: has the unknown field {subnode_id}; did you mean {node_id}?',
    ],
  },
  {
    fixture: 'image-sources.yaml',
    reports: 'images that say not, or not completely, where they come from',
    problems: [
      'FILE:5:9: providers[0].images[0]: has neither diskimage nor base-image and setup; say where the image comes from',
      'FILE:7:9: providers[0].images[1].setup: is missing; a snapshot image needs base-image and setup',
      'FILE:10:9: providers[0].images[2].base-image: is missing; a snapshot image needs base-image and setup',
    ],
  },
  {
    fixture: 'volumes.yaml',
    reports: 'volumes without a size, or of none',
    problems: [
      'FILE:5:9: providers[0].images[0]: boots from a volume of unknown size; give volume-size, in GB',
      'FILE:15:22: providers[0].images[1].volume-size: is 0 but must be more than 0; raise it',
    ],
  },
  {
    fixture: 'impossible-numbers.yaml',
    reports: 'numbers that make no sense',
    problems: [
      'FILE:1:18: event-retention: is 0 but must be at least 0.001; raise it',
      'FILE:4:11: gearman-servers[0].port: is 65536 but must be at most 65535; lower it',
      'FILE:8:16: labels[0].min-ready: is -2 but must be at least -1; raise it',
      'FILE:9:15: labels[0].subnodes: is -1 but must be at least 0; raise it',
      'FILE:12:18: providers[0].max-servers: is -2 but must be at least -1; raise it',
      'FILE:13:11: providers[0].rate: is -0.1 but must be at least 0; raise it',
      'FILE:14:18: providers[0].api-timeout: is 0 but must be at least 0.001; raise it',
      'FILE:15:19: providers[0].boot-timeout: is -5 but must be at least 0.001; raise it',
      'FILE:16:21: providers[0].launch-timeout: is no finite number but must be a number; change it',
      'FILE:19:18: providers[0].images[0].min-ram: is 0 but must be more than 0; raise it',
      'FILE:23:14: providers[0].fake.quota: is 1.5 but must be a whole number; change it',
      'FILE:24:18: providers[0].fake.boot-time: is no finite number but must be a number; change it',
      'FILE:25:19: providers[0].fake.fail-boots: is 1.1 but must be at most 1; lower it',
      'FILE:28:11: targets[0].rate: is -1 but must be at least 0; raise it',
      'FILE:30:8: requests.ttl: is 0.5 but must be at least 1; raise it',
      'FILE:31:12: requests.max-ttl: is 0 but must be at least 1; raise it',
    ],
  },
  {
    fixture: 'indentation.yaml',
    reports: 'wrong indentation',
    problems: ['FILE:3:1: the indentation does not fit the lines around; line it up with the entries it belongs to'],
  },
  {
    fixture: 'list-as-key.yaml',
    reports: 'a list as key',
    problems: ['FILE:1:3: a key is a map or list; only texts can be keys'],
  },
  {
    fixture: 'list-at-top.yaml',
    reports: 'a list where the map of keys should be',
    problems: ['FILE:1:1: the file is not a map of keys to values; write one key per line'],
  },
  {
    fixture: 'long-leases.yaml',
    reports: 'leases that last longer than any may',
    problems: ['FILE:2:8: requests.ttl: is 100 but must be at most 50, which is max-ttl; lower it or raise max-ttl'],
  },
  {
    fixture: 'merge-of-text.yaml',
    reports: 'merge keys on what is not a map',
    problems: [
      'FILE:2:7: cron.<<: merges something that is not a map; give it the alias of a map',
      'FILE:3:10: cron.<<: merges something that is not a map; give it the alias of a map',
    ],
  },
  {
    fixture: 'meta-limits.yaml',
    reports: 'image properties that the cloud would not take',
    problems: [
      'FILE:9:15: providers[0].images[0].meta: has 6 entries; at most 5 are possible',
      'FILE:15:11: providers[0].images[1].meta.a: is empty; give it a text',
    ],
  },
  {
    fixture: 'missing-keys.yaml',
    reports: 'keys that are missing',
    problems: [
      'FILE:2:5: labels[0].name: is missing; give it a text',
      'FILE:2:5: labels[0].image: is missing; give it a text',
      'FILE:4:9: labels[0].providers[0].name: is missing; give it a text',
      'FILE:6:5: providers[0].name: is missing; give it a text',
      'FILE:6:5: providers[0].max-servers: is missing; give it a number',
      'FILE:7:9: providers[0].images[0].min-ram: is missing; give it a number',
      'FILE:11:5: targets[0].name: is missing; give it a text',
      'FILE:13:5: gearman-servers[0].host: is missing; give it a text',
    ],
  },
  {
    fixture: 'networks.yaml',
    reports: 'networks without and with two names',
    problems: [
      'FILE:5:9: providers[0].networks[0]: names no network; give net-id, net-label or name',
      'FILE:6:9: providers[0].networks[1]: names a network twice; give net-id, net-label or name',
    ],
  },
  {
    fixture: 'open-quote.yaml',
    reports: 'a quote that is never closed',
    problems: ['FILE:1:8: a quote is opened here but not closed; add the closing one'],
  },
  {
    fixture: 'problem-in-merged-map.yaml',
    reports: 'what comes in by a merge key at the place where it is written',
    problems: [
      'FILE:4:18: providers[0].max-servers: is a text but must be a number; change it',
      'FILE:4:18: providers[1].max-servers: is a text but must be a number; change it',
    ],
  },
  {
    fixture: 'several-at-once.yaml',
    reports: 'problems of all kinds together',
    problems: [
      'FILE:2:8: dburi: names a kind of database that is not known; use mysql://, mariadb:// or sqlite:///',
      'FILE:4:10: cron.check: the cron specification "never" has 1 field: write minute, hour, day of month, month and weekday, and if need be second',
      'FILE:8:16: labels[0].min-ready: is a text but must be a number; change it',
      'FILE:10:15: labels[0].providers[0].name: there is no provider "clowd"; did you mean "cloud"?',
      'FILE:14:5: providers[0].max-server: is not a known key; did you mean max-servers?',
    ],
  },
  {
    fixture: 'tab.yaml',
    reports: 'tabs',
    problems: ['FILE:2:1: a line is indented with a tab; use spaces'],
  },
  {
    fixture: 'tag.yaml',
    reports: 'tags',
    problems: ['FILE:1:9: the value has a tag (!name) that is not known; remove the tag'],
  },
  {
    fixture: 'two-documents.yaml',
    reports: 'a second document',
    problems: ['FILE:2:1: the file holds more than one YAML document; keep one and remove the --- lines'],
  },
  {
    fixture: 'unknown-keys.yaml',
    reports: 'unknown keys, with the nearest known one',
    problems: [
      'FILE:1:1: lables: is not a known key; did you mean labels?',
      'FILE:2:1: colour: is not a known key at the top level; remove it (nodepool config-schema lists them all)',
      'FILE:4:3: cron.clean-up: is not a known key; did you mean cleanup?',
      'FILE:5:3: cron.nightly: is not a known key in cron; remove it (known keys: image-update, cleanup, check)',
      'FILE:8:5: providers[0].max_servers: is not a known key; did you mean max-servers?',
      'FILE:9:5: providers[0].bot-timeout: is not a known key; did you mean boot-timeout?',
      'FILE:16:9: providers[0].images[0].flavour: is not a known key in providers[0].images[0]; remove it (nodepool config-schema lists them all)',
      'FILE:20:7: targets[0].jenkins.test-jobs: is not a known key; did you mean test-job?',
      'FILE:21:1: __proto__: is not a known key at the top level; remove it (nodepool config-schema lists them all)',
    ],
  },
  {
    fixture: 'wrong-types.yaml',
    reports: 'values of the wrong type',
    problems: [
      'FILE:1:13: script-dir: is a number but must be a text; put it in quotes',
      'FILE:2:9: labels: is a text but must be a list; change it',
      'FILE:4:11: providers[0].name: is a number but must be a text; put it in quotes',
      'FILE:5:18: providers[0].max-servers: is a text but must be a number; remove the quotes',
      'FILE:6:11: providers[0].rate: is a text but must be a number; change it',
      'FILE:7:21: providers[0].ipv6-preferred: is 1 but must be true or false; change it',
      'FILE:8:15: providers[0].networks: is a text but must be a list; change it',
      'FILE:9:26: providers[0].availability-zones[0]: is a number but must be a text; put it in quotes',
      'FILE:10:13: providers[0].driver: is "openstak" but must be one of openstack, fake; did you mean openstack?',
      'FILE:12:9: providers[0].images[0]: is a text but must be a map of keys to values; change it',
      'FILE:13:5: providers[1]: is a list but must be a map of keys to values; change it',
      'FILE:16:15: targets[0].hostname: is a list but must be a text; change it',
      'FILE:17:25: targets[0].assign-via-gearman: is a text but must be true or false; change it',
      'FILE:19:11: diskimages[0].name: is an empty text; write something or remove the key',
      'FILE:20:14: diskimages[0].release: is a truth value (true, false, yes, no, on or off) but must be a text; put it in quotes',
      'FILE:21:15: diskimages[0].env-vars: is a text but must be a map of keys to values; change it',
    ],
  },
];

const GOOD = [
  'disk-image-settings.yaml',
  'empty-keys.yaml',
  'loose-texts.yaml',
  'merge-keys.yaml',
  'minimal.yaml',
  'obsolete-keys.yaml',
];

describe('a file with problems', () => {
  it.each(FAULTS)('reports $reports ($fixture)', ({ fixture, problems }) => {
    const check = checkFixture(fixture);

    expect(sentences(check.problems)).toEqual(problems);
    expect(check.config).toBeNull();
  });

  it('is refused with all problems in one error, a line each', () => {
    const path = `${FIXTURES}cron-syntax.yaml`;

    expect(() => loadConfig({ ...BARE_SYSTEM, path })).toThrow(
      expect.objectContaining({
        code: 'config',
        message: checkFixture('cron-syntax.yaml')
          .problems.map(({ line, column, path: key, message }) => `${path}:${line}:${column}: ${key}: ${message}`)
          .join('\n'),
      }),
    );
  });

  it('is never quoted where a secret may stand', () => {
    const texts = ['several-at-once.yaml', 'open-quote.yaml', 'obsolete-keys.yaml'].flatMap((fixture) => {
      const { problems, warnings } = checkFixture(fixture, { securePath: `${FIXTURES}secure-faults.conf` });
      return sentences([...problems, ...warnings]);
    });

    expect(texts.join('\n')).not.toMatch(/hunter/);
    expect(texts.length).toBeGreaterThan(20);
  });

  it('has at most 200 problems listed, and says that there are more', () => {
    const { problems } = checkText(`labels: [${'{ name: a, image: b }, '.repeat(300)}]`);

    expect(problems).toHaveLength(201);
    expect(problems.at(-1)?.message).toBe('there are more problems from here on; correct the ones before first');
  });

  it.each([
    ['visibility', false],
    ['protected', false],
    ['min_disk', false],
    ['os_hidden', false],
    ['os_glance_stage_host', false],
    ['nodepool_record', false],
    ['image_type', false],
    ['os_type', true],
    ['hw_disk_bus', true],
    ['names', true],
  ])('has a meta with the key %s taken: %s', (key, isTaken) => {
    const { problems } = checkText(`
providers:
  - name: cloud
    max-servers: 1
    images: [{ name: a, min-ram: 1, base-image: b, setup: c, meta: { ${key}: 'x' } }]`);
    const problem = `FILE:5:68: providers[0].images[0].meta: has the key ${key}, which clouds set themselves; remove it`;
    expect(sentences(problems)).toEqual(isTaken ? [] : [problem]);
  });

  it('holds a lease to the usual max-ttl where none is given', () => {
    expect(sentences(checkText('requests: { ttl: 604801 }').problems)).toEqual([
      'FILE:1:18: requests.ttl: is 604801 but must be at most 604800, which is max-ttl; lower it or raise max-ttl',
    ]);
  });

  it('takes names on one line, and no others', () => {
    const named = (name: string): string[] =>
      sentences(checkText(`providers: [{ name: "${name}", max-servers: 1 }]`).problems);

    expect(named('a b')).toEqual([]);
    expect(named('a\\nb')).toEqual(['FILE:1:21: providers[0].name: must be one line without control characters']);
  });

  it('takes meta entries of 255 characters, but not of 256', () => {
    const withMeta = (length: number): string[] =>
      sentences(
        checkText(`
providers:
  - name: cloud
    max-servers: 1
    images: [{ name: a, min-ram: 1, base-image: b, setup: c, meta: { key: ${'x'.repeat(length)} } }]`).problems,
      );

    expect(withMeta(255)).toEqual([]);
    expect(withMeta(256)).toEqual([
      'FILE:5:68: providers[0].images[0].meta: has a key or value of more than 255 characters; shorten it',
    ]);
  });
});

describe('the fixtures', () => {
  it('are all used: each YAML file is either faulty or good', () => {
    const files = readdirSync(FIXTURES).filter((name) => name.endsWith('.yaml'));

    expect(files.toSorted()).toEqual([...FAULTS.map(({ fixture }) => fixture), ...GOOD].toSorted());
  });

  it.each(GOOD)('%s has no problems', (fixture) => {
    expect(sentences(checkFixture(fixture).problems)).toEqual([]);
  });
});
