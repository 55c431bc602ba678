import { describe, expect, it } from 'vitest';
import { cloudImageId, serverId } from '../../../src/lib/ids.ts';
import type { FailureRecord, ImageRecord, NodeRecord } from '../../../src/lifecycle/records.ts';
import { EMPTY_MEMORY } from '../../../src/planning/memory.ts';
import { plan } from '../../../src/planning/plan.ts';
import type { World } from '../../../src/planning/world.ts';
import {
  aConfig,
  aFlavor,
  aLabel,
  aListing,
  anImage,
  aNode,
  anUnknownListing,
  aProvider,
  aProviderImage,
  aServer,
  imagesNamed,
  limitsAt,
  NOW,
  readyImagesOf,
  tagsOf,
} from '../../support/builders.ts';
import { ago, IMAGE, later, minutes, notesOf, orders, ordersIn, restOf, situation } from '../../support/planned.ts';

const BUILD = ['build-image build:cloud/ubuntu: image-missing'];
const withoutImages = { images: [] };

describe('an image that is missing', () => {
  it('is built', () => {
    expect(ordersIn(withoutImages)).toEqual(BUILD);
  });

  it('is missing, too, when all that are READY were withdrawn: nodes boot from none of them', () => {
    const withdrawn = anImage({ id: 9, withdrawnAt: NOW });
    expect(ordersIn({ images: [withdrawn] })).toEqual(BUILD);
    expect(ordersIn({ images: [withdrawn, IMAGE] })).toEqual([]);
  });

  it('is not missing while one is ready or being built', () => {
    expect(ordersIn({ images: [IMAGE] })).toEqual([]);
    expect(ordersIn({ images: [anImage({ state: 'building' })] })).not.toContain(BUILD[0]);
  });

  it('is missing although an old one is still being deleted', () => {
    const image = anImage({ id: 9, state: 'delete', reason: 'image-gone' });
    expect(ordersIn({ images: [image] })).toEqual([...BUILD, 'delete-cloud-image image:9: deleted (cloud-image-9)']);
  });

  it('is built at each provider that a label names', () => {
    const config = aConfig({
      labels: [aLabel({ minReady: 0, providers: ['a', 'b'] }), aLabel({ name: 'x', minReady: 0, providers: ['b'] })],
    });
    expect(ordersIn({ config, images: [] })).toEqual([
      'build-image build:a/ubuntu: image-missing',
      'build-image build:b/ubuntu: image-missing',
    ]);
  });

  it('is not built for a disabled label, nor without a label', () => {
    const config = aConfig({
      labels: [aLabel({ minReady: -1 })],
      providers: [aProvider({ images: imagesNamed('ubuntu', 'spare') })],
    });
    expect(ordersIn({ config, images: [] })).toEqual([]);
  });

  it('is not built while the state of the cloud is unknown, and says so', () => {
    const world = situation({ ...withoutImages, cloud: { servers: anUnknownListing('HTTP 503', NOW + 5000) } });
    expect([orders(world), restOf(world)]).toEqual([[], 5000]);
    expect(notesOf(plan(world))).toEqual([
      'image ubuntu at cloud: not built while the state of the cloud is unknown',
      'provider cloud: its servers cannot be listed, so that nothing is created or given up there: HTTP 503',
    ]);
  });

  it('is left to the daemon that holds the provider', () => {
    expect(ordersIn({ ...withoutImages, leases: new Set(['supply']) })).toEqual([]);
  });

  it('is not built with --no-images', () => {
    expect(ordersIn({ ...withoutImages, switches: { launches: true, deletes: true, images: false } })).toEqual([]);
  });

  it('waits for an upload where it comes from a disk image', () => {
    const source = { kind: 'diskimage', diskimage: 'trusty' } as const;
    const images = new Map([['ubuntu', aProviderImage({ source })]]);
    const world = situation({
      ...withoutImages,
      config: aConfig({ labels: [aLabel({ minReady: 0 })], providers: [aProvider({ images })] }),
    });
    expect(orders(world)).toEqual([]);
    expect(notesOf(plan(world))).toEqual(['image ubuntu at cloud: waits for disk image trusty to be built']);
  });
});

describe('a build at a provider that has refused everything', () => {
  const refused: FailureRecord = {
    kind: 'provider',
    provider: 'cloud',
    image: null,
    az: null,
    count: 2,
    lastAt: ago(20_000),
    lastError: 'over quota',
    retryAt: ago(1),
  };
  const two = aConfig({ labels: [aLabel({ minReady: 0 }), aLabel({ name: 'other', image: 'debian', minReady: 0 })] });

  it('is the only one that tries it after its rest', () => {
    const world = situation({ ...withoutImages, config: two, failures: [refused] });
    expect(orders(world)).toEqual(BUILD);
    expect(notesOf(plan(world))).toEqual([
      'image debian at cloud: waits for a launch that tries cloud after 2 failures: over quota',
    ]);
    expect(orders({ ...world, failures: [] })).toHaveLength(2);
  });

  it('waits while a node tries it, until its server is accepted', () => {
    const images = [anImage({ image: 'debian' })];
    const world = (node: Partial<NodeRecord>) =>
      orders(
        situation({ config: two, images, failures: [refused], nodes: [aNode({ state: 'building', ...node })] }),
      ).filter((order) => order.startsWith('build-image'));
    expect(world({ attempt: 1, attemptAt: ago(100) })).toEqual([]);
    expect(world({ attempt: 1, attemptAt: ago(100), serverId: serverId('s') })).toEqual(BUILD);
  });
});

describe('a build and the places of its provider', () => {
  const config = (maxServers: number) =>
    aConfig({ labels: [aLabel({ minReady: 0 })], providers: [aProvider({ maxServers })] });

  it('waits for a free place for its template server', () => {
    const nodes = [aNode(), aNode({ state: 'used' })];
    expect(ordersIn({ ...withoutImages, nodes, config: config(2) })).toEqual([]);
    expect(ordersIn({ ...withoutImages, nodes, config: config(3) })).toEqual(BUILD);
  });

  it('waits where the cloud has no place left for the project', () => {
    const limits = limitsAt(NOW, { servers: 2 });
    const servers = (count: number) => aListing(Array.from({ length: count }, () => aServer()));
    expect(ordersIn({ ...withoutImages, cloud: { limits, servers: servers(2) } })).toEqual([]);
    expect(ordersIn({ ...withoutImages, cloud: { limits, servers: servers(1) } })).toEqual(BUILD);
  });

  it('waits where the cores of the project do not suffice, and names them', () => {
    const limits = (cores: number) => limitsAt(NOW, { cores, flavors: [aFlavor()] });
    const servers = aListing([aServer({ size: { cores: 37, ramMb: 8192 } })]);
    const world = (cores: number) => situation({ ...withoutImages, cloud: { limits: limits(cores), servers } });
    expect([orders(world(40)), orders(world(41))]).toEqual([[], BUILD]);
    expect(notesOf(plan(world(40)))).toEqual([
      'image ubuntu at cloud: waits for a free place at cloud for its template server (3 cores free of 40, 4 needed)',
    ]);
  });

  it('does not begin where no flavor fits its template', () => {
    const limits = limitsAt(NOW, { flavors: [aFlavor({ ramMb: 4096 })] });
    const world = situation({ ...withoutImages, cloud: { limits } });
    expect(orders(world)).toEqual([]);
    expect(notesOf(plan(world))).toEqual([
      'image ubuntu at cloud: no flavor has at least 8192 MB of RAM (image ubuntu)',
    ]);
  });

  it('does not begin before the limits of the cloud are read', () => {
    const cloud = { limits: null };
    expect(ordersIn({ ...withoutImages, cloud })).toEqual(['read-limits limits:cloud: cleanup-due']);
  });

  it('leaves the cores that its template takes to no node', () => {
    const labels = [aLabel(), aLabel({ name: 'other', image: 'debian' })];
    const config = aConfig({ labels });
    const limits = limitsAt(NOW, { cores: 11, flavors: [aFlavor()] });
    const images = [anImage({ image: 'debian' })];
    expect(ordersIn({ config, images, cloud: { limits } })).toEqual([
      'build-image build:cloud/ubuntu: image-missing',
      'launch-nodes supply: min-ready (other@cloud/any>zuul for min-ready)',
    ]);
  });

  it('does not begin at a provider that is drained', () => {
    expect(ordersIn({ ...withoutImages, config: config(-1) })).toEqual([]);
  });

  it('comes before the nodes that want the same place', () => {
    const labels = [aLabel(), aLabel({ name: 'other', image: 'debian' })];
    const crowded = aConfig({
      labels,
      providers: [aProvider({ maxServers: 1, images: imagesNamed('ubuntu', 'debian') })],
    });
    expect(ordersIn({ images: [IMAGE], config: crowded })).toEqual(['build-image build:cloud/debian: image-missing']);
  });
});

describe('a build after failures', () => {
  const failure: FailureRecord = {
    kind: 'build',
    provider: 'cloud',
    image: 'ubuntu',
    az: null,
    count: 3,
    lastAt: ago(1000),
    lastError: 'no disk',
    retryAt: NOW + 5000,
  };

  it('waits until it may be tried again, says so and wakes then', () => {
    const world = situation({ ...withoutImages, failures: [failure] });
    expect([orders(world), restOf(world)]).toEqual([[], 5000]);
    expect(notesOf(plan(world))).toEqual([
      'image ubuntu at cloud: not built again before 2026-01-15T12:00:05.000Z after 3 failures: no disk',
    ]);
    expect(orders({ ...world, now: NOW + 5000 })).toEqual(BUILD);
  });

  it('does not wait for another image, or for the same one elsewhere', () => {
    const failures = [
      { ...failure, image: 'debian' },
      { ...failure, provider: 'else' },
    ];
    expect(ordersIn({ ...withoutImages, failures })).toEqual(BUILD);
  });

  it('waits while its provider refuses everything', () => {
    const refused: FailureRecord = { ...failure, kind: 'provider', image: null, lastError: 'quota exceeded' };
    const world = situation({ ...withoutImages, failures: [refused] });
    expect([orders(world), restOf(world)]).toEqual([[], 5000]);
  });
});

describe('the cron entry image-update', () => {
  const fired = (imageUpdate: number | null): Partial<World> => ({
    memory: { ...EMPTY_MEMORY, cron: { lookedAt: NOW, firedAt: { imageUpdate, cleanup: null, check: null } } },
  });
  const image = (version: number) => anImage({ id: 1, version: version / 1000 });

  it('rebuilds an image that is older than its firing', () => {
    expect(ordersIn({ ...fired(ago(5000)), images: [image(ago(6000))] })).toEqual([
      'build-image build:cloud/ubuntu: image-update',
    ]);
  });

  it('leaves an image alone that was begun when it fired or later', () => {
    expect(ordersIn({ ...fired(ago(5000)), images: [image(ago(5000))] })).toEqual([]);
  });

  it('begins one build only', () => {
    const building = anImage({ id: 2, state: 'building' });
    expect(ordersIn({ ...fired(ago(5000)), images: [image(ago(6000)), building] })).toEqual([
      'create-server image:2: next-step (attempt 1)',
    ]);
  });

  it('leaves images alone that no label uses', () => {
    const config = aConfig({ labels: [aLabel({ minReady: -1 })] });
    expect(ordersIn({ ...fired(ago(5000)), images: [image(ago(6000))], config })).toEqual([]);
  });

  it('does nothing before it has fired', () => {
    expect(ordersIn({ ...fired(null), images: [image(ago(minutes(9999)))] })).toEqual([]);
  });
});

describe('ready images', () => {
  const generation = (id: number, overrides: Partial<ImageRecord> = {}) => anImage({ id, version: id, ...overrides });

  it('are kept, the current and the previous one; older ones are retired', () => {
    expect(ordersIn({ images: [1, 2, 3, 4].map((id) => generation(id)) })).toEqual([
      'retire-image image:2: image-outdated',
      'retire-image image:1: image-outdated',
    ]);
  });

  it('are kept by name and provider', () => {
    const config = aConfig({
      labels: [aLabel({ minReady: 0, providers: ['a', 'b'] })],
      providers: ['a', 'b'].map((name) => aProvider({ name, images: imagesNamed('ubuntu', 'debian') })),
    });
    const images = [...readyImagesOf(config), ...readyImagesOf(config)];
    expect(ordersIn({ config, images })).toEqual([]);
  });

  it('count only themselves: neither builds nor deletions take the place of a previous one', () => {
    const images = [
      generation(1),
      generation(2),
      generation(4, { state: 'building', version: 4 }),
      generation(5, { state: 'delete' }),
    ];
    expect(ordersIn({ images }).filter((order) => order.startsWith('retire'))).toEqual([]);
  });

  it('stay as long as a node boots from them', () => {
    const images = [1, 2, 3].map((id) => generation(id));
    const node = aNode({ id: 7, state: 'building', imageId: 1 });
    expect(ordersIn({ images, nodes: [node] })).toEqual(['create-server node:7: next-step (attempt 1)']);
    expect(ordersIn({ images, nodes: [aNode({ imageId: 1 })] })).toEqual(['retire-image image:1: image-outdated']);
  });

  it('are retired when two listings miss their cloud image, not before', () => {
    const world = situation({ cloud: { images: aListing([]) } });
    expect([orders(world), restOf(world)]).toEqual([[], 1000]);
    expect(orders(later(world))).toEqual(['retire-image image:1: image-gone']);
  });

  it('are not missed while the images of the cloud are unknown', () => {
    const world = situation({ cloud: { images: anUnknownListing(null, NOW + minutes(5)) } });
    expect([orders(world), orders(later(world))]).toEqual([[], []]);
  });

  it('are retired when they or their provider leave the configuration, whatever their state', () => {
    const images = [generation(1), generation(2, { state: 'building' })];
    const noImage = aConfig({ labels: [], providers: [aProvider({ images: new Map() })] });
    expect(ordersIn({ images, config: noImage })).toEqual([
      'retire-image image:2: image-removed',
      'retire-image image:1: image-removed',
    ]);
    const leases = new Set(['provider:cloud']);
    const { clouds } = situation({ images });
    const noProvider = aConfig({ labels: [], providers: [aProvider({ name: 'else' })] });
    expect(ordersIn({ images, config: noProvider, clouds, leases })).toEqual([
      'retire-image image:2: provider-removed',
      'retire-image image:1: provider-removed',
    ]);
  });

  it('are not retired with --no-deletes', () => {
    const switches = { launches: true, deletes: false, images: true };
    expect(ordersIn({ images: [1, 2, 3].map((id) => generation(id)), switches })).toEqual([]);
  });

  it('lose their template server, then the record of it', () => {
    const image = anImage({ id: 1, serverId: serverId('template'), attemptAt: ago(minutes(10)) });
    const listed = situation({ images: [image] });
    expect(orders(listed)).toEqual(['delete-server image:1: deleted (template)']);
    const accepted = { ...listed, images: [{ ...image, deleteAt: NOW }] };
    expect([orders(accepted), orders(later(accepted, { servers: [] }))]).toEqual([[], ['forget-server image:1: gone']]);
    expect(orders({ ...listed, switches: { launches: true, deletes: false, images: true } })).toEqual([]);
  });
});

describe('the deletion of an image', () => {
  const doomed = (overrides: Partial<ImageRecord> = {}) =>
    anImage({ id: 2, state: 'delete', reason: 'image-outdated', saveAt: ago(minutes(10)), ...overrides });
  const inCloud = {
    id: cloudImageId('cloud-image-2'),
    name: 'x',
    status: 'active',
    tags: null,
    isSnapshot: true,
    bytes: null,
    digest: null,
  } as const;
  const shown = aListing([inCloud, ...[IMAGE].map(({ cloudImageId: id }) => ({ ...inCloud, id: id! }))]);
  const hidden = aListing(shown.known ? shown.items.slice(1) : []);
  const DELETE_IMAGE = ['delete-cloud-image image:2: deleted (cloud-image-2)'];
  const REMOVE = ['remove-image image:2: gone'];

  it('begins with its template server, goes on with the cloud image, and ends with the row', () => {
    const image = doomed({ serverId: serverId('template'), attemptAt: ago(minutes(10)) });
    const images = [IMAGE, image];
    const template = aServer({ id: image.serverId!, tags: tagsOf('image', image) });
    expect(ordersIn({ images, cloud: { images: shown, servers: aListing([template]) } })).toEqual([
      'delete-server image:2: deleted (template)',
    ]);
    expect(ordersIn({ images, cloud: { images: shown, servers: aListing([]) } })).toEqual(DELETE_IMAGE);
    expect(
      ordersIn({ images: [IMAGE, doomed({ cloudImageId: null, saveAt: null })], cloud: { images: hidden } }),
    ).toEqual(REMOVE);
  });

  it('keeps the row while its template server is still there', () => {
    const image = doomed({
      serverId: serverId('template'),
      attemptAt: ago(minutes(10)),
      deleteAt: ago(1000),
      cloudImageId: null,
      saveAt: null,
    });
    const servers = aListing([aServer({ id: image.serverId! })]);
    expect(ordersIn({ images: [IMAGE, image], cloud: { images: hidden, servers } })).toEqual([]);
    expect(ordersIn({ images: [IMAGE, image], cloud: { images: hidden, servers: aListing([]) } })).toEqual(REMOVE);
  });

  it('takes a young listing that does not show the image for proof', () => {
    expect(ordersIn({ images: [IMAGE, doomed()], cloud: { images: hidden } })).toEqual(REMOVE);
  });

  it('deletes a known image by its id while no listing can tell', () => {
    expect(ordersIn({ images: [IMAGE, doomed({ saveAt: ago(5000) })], cloud: { images: hidden } })).toEqual(
      DELETE_IMAGE,
    );
    expect(ordersIn({ images: [IMAGE, doomed()], cloud: { images: anUnknownListing(null, NOW + 1000) } })).toEqual(
      DELETE_IMAGE,
    );
  });

  it('keeps the row while a save call may still have an effect', () => {
    const saving = (age: number) => doomed({ cloudImageId: null, saveAt: ago(age) });
    const world = situation({ images: [IMAGE, saving(60_000)], cloud: { images: hidden } });
    expect([orders(world), restOf(world)]).toEqual([[], 1000]);
    expect(ordersIn({ images: [IMAGE, saving(60_001)], cloud: { images: hidden } })).toEqual(REMOVE);
  });

  it('drops the row at once when an operator forces it', () => {
    expect(ordersIn({ images: [IMAGE, doomed({ reason: 'forced' })] })).toEqual([
      'remove-image image:2: forced (cloud-image-2)',
    ]);
  });

  it('drops the row when no daemon can reach its provider, where this one holds the supply', () => {
    const gone = { images: [doomed({ provider: 'gone' }), IMAGE] };
    expect(ordersIn({ ...gone, leases: new Set(['supply']) })).toEqual([
      'remove-image image:2: provider-removed (cloud-image-2)',
    ]);
    expect(ordersIn({ ...gone, leases: new Set(['provider:cloud']) })).toEqual([]);
    expect(ordersIn({ ...gone, leases: new Set(['supply']), elsewhere: new Set(['gone']) })).toEqual([]);
  });

  it('is left alone with --no-deletes', () => {
    const switches = { launches: true, deletes: false, images: true };
    expect(ordersIn({ images: [IMAGE, doomed(), doomed({ reason: 'forced' })], switches })).toEqual([]);
  });
});
