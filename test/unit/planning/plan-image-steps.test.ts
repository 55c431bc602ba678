import { describe, expect, it } from 'vitest';
import type { FailureRecord, ImageRecord } from '../../../src/lifecycle/records.ts';
import { cloudImageId, serverId } from '../../../src/lib/ids.ts';
import { IMAGE_SAVE_LIMIT_MS, TEMPLATE_BOOT_MS, TEMPLATE_LAUNCH_MS } from '../../../src/lifecycle/limits.ts';
import type { CloudImage, Server } from '../../../src/providers/provider.ts';
import {
  aConfig,
  aLabel,
  aListing,
  anImage,
  aNode,
  anUnknownListing,
  aProvider,
  aProviderImage,
  aServer,
  NOW,
  tagsOf,
} from '../../support/builders.ts';
import { ago, IMAGE, later, minutes, notesOf, orders, ordersIn, restOf, situation } from '../../support/planned.ts';
import { plan } from '../../../src/planning/plan.ts';

const TEMPLATE = serverId('template');

const building = (overrides: Partial<ImageRecord> = {}): ImageRecord =>
  anImage({ id: 2, state: 'building', ...overrides });
/** A build whose template runs. */
const launched = (overrides: Partial<ImageRecord> = {}): ImageRecord =>
  building({ serverId: TEMPLATE, attempt: 1, attemptAt: ago(minutes(5)), ...overrides });
const reachable = { reachableAt: ago(60_000), ip: '203.0.113.5' };
const setUp = { ...reachable, setupAt: ago(50_000), setupDoneAt: ago(40_000) };

const cloudImage = (image: ImageRecord, overrides: Partial<CloudImage> = {}): CloudImage => ({
  id: cloudImageId('saved'),
  name: 'x',
  status: 'saving',
  tags: tagsOf('image', image),
  isSnapshot: true,
  bytes: null,
  digest: null,
  ...overrides,
});
const template = (overrides: Partial<Server> = {}): Server =>
  aServer({ id: TEMPLATE, ip: '203.0.113.5', ...overrides });
/** The build beside a ready image, in a cloud that shows these. */
function build(image: ImageRecord, { servers = [template()], images = [] as readonly CloudImage[] } = {}) {
  const ready = cloudImage(IMAGE, { id: IMAGE.cloudImageId!, status: 'active' });
  return situation({
    images: [IMAGE, image],
    cloud: { servers: aListing(servers), images: aListing([ready, ...images]) },
  });
}

describe('a snapshot that is built', () => {
  it('gets a template server', () => {
    expect(orders(build(building(), { servers: [] }))).toEqual(['create-server image:2: next-step (attempt 1)']);
  });

  it('asks its template over SSH', () => {
    expect(orders(build(launched()))).toEqual(['probe-server image:2: next-step (203.0.113.5)']);
  });

  it('is set up when SSH has answered', () => {
    expect(orders(build(launched(reachable)))).toEqual(['setup-image image:2: next-step']);
  });

  it('is left alone while the set-up script runs, and fails when that was cut off', () => {
    const world = build(launched({ ...reachable, setupAt: ago(5000) }));
    expect(orders({ ...world, busy: new Map([['image:2', { until: 'done' }]]) })).toEqual([]);
    expect(orders(world)).toEqual(['retire-image image:2: script-interrupted']);
  });

  it('is saved when the set-up script has ended well', () => {
    expect(orders(build(launched(setUp)))).toEqual(['save-image image:2: next-step (template)']);
  });

  it('is not saved while the cloud is unknown', () => {
    const images = [IMAGE, launched(setUp)];
    const unknown = anUnknownListing(null, NOW + 5000);
    expect(ordersIn({ images, cloud: { servers: unknown } })).toEqual([]);
    expect(ordersIn({ images, cloud: { images: unknown } })).toEqual([]);
  });

  it('adopts the image of a save call that was not answered', () => {
    const image = launched({ ...setUp, saveAt: ago(5000) });
    expect(orders(build(image, { images: [cloudImage(image)] }))).toEqual(['adopt-image image:2: adopt (saved)']);
  });

  it('waits for the cloud to save it, looks again when it may, and is finished then', () => {
    const image = launched({ ...setUp, saveAt: ago(5000), cloudImageId: cloudImageId('saved') });
    const saving = build(image, { images: [cloudImage(image)] });
    expect([orders(saving), restOf(saving)]).toEqual([[], 1000]);
    expect(orders({ ...saving, now: NOW + 1000 })).toEqual(['list-images images:cloud: listing-needed']);
    expect(orders(build(image, { images: [cloudImage(image, { status: 'active' })] }))).toEqual([
      'finish-image image:2: next-step',
    ]);
  });

  it('is judged by its own cloud image, not by a double that carries its tag', () => {
    const image = launched({ ...setUp, saveAt: ago(5000), cloudImageId: cloudImageId('saved') });
    const double = cloudImage(image, { id: cloudImageId('double'), status: 'active' });
    expect(orders(build(image, { images: [double, cloudImage(image)] }))).toEqual([]);
  });

  it('is left alone with --no-images', () => {
    expect(
      orders({ ...build(launched(reachable)), switches: { launches: true, deletes: true, images: false } }),
    ).toEqual([]);
  });

  it('is not bound by the switch for nodes', () => {
    expect(
      orders({ ...build(launched(reachable)), switches: { launches: false, deletes: true, images: true } }),
    ).toEqual(['setup-image image:2: next-step']);
  });

  it('is dropped where its provider now has a disk image of that name', () => {
    const source = { kind: 'diskimage', diskimage: 'trusty' } as const;
    const images = new Map([['ubuntu', aProviderImage({ source })]]);
    const config = aConfig({ labels: [aLabel({ minReady: 0 })], providers: [aProvider({ images })] });
    expect(orders({ ...build(building()), config })).toEqual(['retire-image image:2: image-failed']);
  });
});

describe('a build in a pool that is full', () => {
  const config = (maxServers: number) =>
    aConfig({ labels: [aLabel({ minReady: 0 })], providers: [aProvider({ maxServers })] });
  const world = { images: [IMAGE, building()], nodes: [aNode(), aNode({ state: 'used' })] };

  it('waits for a place, however long, and says so', () => {
    const full = situation({ ...world, config: config(2) });
    expect(orders(full)).toEqual([]);
    expect(notesOf(plan(full))).toEqual([
      'image ubuntu at cloud: waits for a free place for its template server (1 server short)',
    ]);
    expect(
      ordersIn({
        images: [IMAGE, building({ createdAt: ago(5 * TEMPLATE_LAUNCH_MS) })],
        nodes: world.nodes,
        config: config(3),
      }),
    ).toEqual(['create-server image:2: next-step (attempt 1)']);
  });

  it('has its place kept free of nodes', () => {
    const labels = [aLabel({ minReady: 9 })];
    expect(ordersIn({ ...world, config: aConfig({ labels, providers: [aProvider({ maxServers: 4 })] }) })).toEqual([
      'create-server image:2: next-step (attempt 1)',
      'launch-nodes supply: min-ready (small@cloud/any>zuul for min-ready)',
    ]);
  });
});

describe('a build that fails', () => {
  const failure: FailureRecord = {
    kind: 'build',
    provider: 'cloud',
    image: 'ubuntu',
    az: null,
    count: 1,
    lastAt: NOW,
    lastError: 'x',
    retryAt: NOW,
  };

  it('says what the cloud said of its template, and counts against the image', () => {
    const error = template({ status: 'error', fault: 'No valid host.' });
    expect(orders(build(launched(), { servers: [error] }))).toEqual([
      'retire-image image:2: server-error (No valid host., counts)',
    ]);
  });

  it('does not count while the image rests after earlier failures', () => {
    const world = build(launched(), { servers: [template({ status: 'error' })] });
    expect(orders({ ...world, failures: [{ ...failure, retryAt: NOW + 1 }] })).toEqual([
      'retire-image image:2: server-error',
    ]);
    expect(orders({ ...world, failures: [failure] })).toEqual(['retire-image image:2: server-error (counts)']);
  });

  it('gives its template an hour to become ACTIVE, and ten minutes to answer', () => {
    const late = launched({ attemptAt: ago(TEMPLATE_LAUNCH_MS + 1) });
    const mute = launched({ activeAt: ago(TEMPLATE_BOOT_MS + 1) });
    const booting = { servers: [template({ status: 'building', ip: null })] };
    expect(orders(build(late, booting))).toEqual([
      'retire-image image:2: launch-timeout (last seen in BUILD, without an address, counts)',
    ]);
    expect(orders(build({ ...late, attemptAt: ago(TEMPLATE_LAUNCH_MS) }, booting))).toEqual([]);
    expect(orders(build(mute))).toEqual(['retire-image image:2: boot-timeout (counts)']);
    expect(orders(build({ ...mute, activeAt: ago(TEMPLATE_BOOT_MS) }))).toEqual([
      'probe-server image:2: next-step (203.0.113.5)',
    ]);
  });

  it('does not count when its template vanished, before it was set up or before it could be saved', () => {
    const vanished = (image: ImageRecord) => orders(later(build(image, { servers: [] })));
    expect(vanished(launched())).toEqual(['retire-image image:2: server-gone']);
    expect(vanished(launched(setUp))).toEqual(['retire-image image:2: server-gone']);
  });

  it('counts when the cloud could not save it, or not in time', () => {
    const image = launched({ ...setUp, saveAt: ago(5000), cloudImageId: cloudImageId('saved') });
    expect(orders(build(image, { images: [cloudImage(image, { status: 'error' })] }))).toEqual([
      'retire-image image:2: save-failed (the cloud shows it as error, counts)',
    ]);
    const slow = (age: number) => orders(build({ ...image, saveAt: ago(age) }, { images: [cloudImage(image)] }));
    expect([slow(IMAGE_SAVE_LIMIT_MS), slow(IMAGE_SAVE_LIMIT_MS + 1)]).toEqual([
      [],
      ['retire-image image:2: save-timeout (counts)'],
    ]);
  });

  it('names its template as the server whose console may tell why', () => {
    const { actions } = plan(build(launched(), { servers: [template({ status: 'error' })] }));
    expect(actions).toMatchObject([{ kind: 'retire-image', consoleOf: TEMPLATE }]);
  });

  it('is not saved for ever: it counts when no image came of three save calls', () => {
    const tried = (saveAttempt: number): string[] =>
      orders(build(launched({ ...setUp, saveAt: ago(minutes(2)), saveAttempt })));
    expect([tried(2), tried(3)]).toEqual([
      ['save-image image:2: next-step (template)'],
      ['retire-image image:2: save-failed (no image came of 3 save calls, counts)'],
    ]);
  });

  it('is retired when two listings miss the image that was being saved, not before', () => {
    const image = launched({ ...setUp, saveAt: ago(5000), cloudImageId: cloudImageId('saved') });
    const world = build(image);
    expect([orders(world), orders(later(world))]).toEqual([
      [],
      ['retire-image image:2: save-failed (the cloud does not list it, counts)'],
    ]);
  });
});
