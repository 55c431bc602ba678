/** Records that the original made: server ids without our tags, missing values, launches that were half done. */
import { describe, expect, it } from 'vitest';
import { serverId } from '../../../src/lib/ids.ts';
import { openLedgers } from '../../../src/planning/ledger.ts';
import {
  aCloudView,
  aListing,
  aNode,
  anImage,
  aServer,
  aWorld,
  cloudImagesOf,
  limitsAt,
  NOW,
  serversOf,
  templatesOf,
} from '../../support/builders.ts';
import { IMAGE, later, orders, ordersIn, situation } from '../../support/planned.ts';

const untagged = { tags: null };

describe('an adopted node', () => {
  it('takes one place of what the cloud allows, although its server has no tag', () => {
    const node = aNode({ id: 1 });
    const servers = aListing(serversOf(node).map((server) => ({ ...server, ...untagged })));
    const cloud = aCloudView({ servers, limits: limitsAt(NOW, { servers: 10 }) });
    const world = aWorld({ nodes: [node], clouds: new Map([['cloud', cloud]]) });
    expect(openLedgers(world).get('cloud')).toMatchObject({ left: { servers: 9 } });
  });

  it('is launched anew when it was half done: its ready script may have been under way', () => {
    const half = aNode({ id: 1, state: 'building', serverId: serverId('old'), attempt: 0 });
    expect(ordersIn({ nodes: [half] }).map((order) => order.split(' (')[0])).toEqual([
      'retire-node node:1: script-interrupted',
    ]);
  });
});

describe('an adopted image', () => {
  it('is built anew when it was half done: its template may have been set up in part', () => {
    const half = anImage({ id: 2, state: 'building', serverId: serverId('old'), attempt: 0 });
    const cloud = { servers: aListing(templatesOf(half)) };
    expect(ordersIn({ images: [IMAGE, half], cloud }).map((order) => order.split(' (')[0])).toEqual([
      'retire-image image:2: script-interrupted',
    ]);
  });

  it('that is READY without an image in the cloud goes, and another one is built', () => {
    const empty = anImage({ id: 2, cloudImageId: null, saveAt: null });
    const world = aWorld({ images: [empty] });
    expect(orders(world)).toEqual(
      expect.arrayContaining(['build-image build:cloud/ubuntu: image-missing', 'retire-image image:2: image-gone']),
    );
  });
});

describe('what the cloud has lost', () => {
  it.each(['error', 'deleting'] as const)('an image in status %s goes at the second sighting', (status) => {
    const images = cloudImagesOf(IMAGE).map((image) => ({ ...image, status }));
    const world = situation({ cloud: { images: aListing(images) } });
    const retire = (orders: string[]): string[] => orders.filter((order) => order.startsWith('retire-image'));
    expect([retire(orders(world)), retire(orders(later(world, { cloudImages: images })))]).toEqual([
      [],
      ['retire-image image:1: image-gone'],
    ]);
  });

  it('a READY node whose server is in ERROR is not kept to be handed out', () => {
    const node = aNode({ id: 1 });
    const servers = (status: 'error' | 'active'): string[] =>
      ordersIn({ nodes: [node], cloud: { servers: aListing([aServer({ ...serversOf(node)[0]!, status })]) } });
    expect([servers('error'), servers('active')]).toEqual([['retire-node node:1: server-error (counts)'], []]);
  });
});
