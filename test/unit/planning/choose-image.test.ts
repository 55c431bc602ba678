import { describe, expect, it } from 'vitest';
import type { Config } from '../../../src/config/types.ts';
import type { ImageRecord, NodeRecord } from '../../../src/lifecycle/records.ts';
import { chooseImages, isCounted } from '../../../src/planning/choose-image.ts';
import { plan } from '../../../src/planning/plan.ts';
import type { World } from '../../../src/planning/world.ts';
import { aConfig, aLabel, anImage, aNode, NOW } from '../../support/builders.ts';
import { orders, situation } from '../../support/planned.ts';

/** An image that is newer the higher its number; three launches from it went well. */
const image = (id: number, overrides: Partial<ImageRecord> = {}): ImageRecord =>
  anImage({ id, launchesOk: 3, ...overrides });

interface Pool {
  readonly images: readonly ImageRecord[];
  readonly nodes?: readonly NodeRecord[];
  readonly config?: Config;
}

/** Ids of the images that the next `count` nodes boot from. */
function choose({ images, nodes = [], config = aConfig() }: Pool, count = 1): (number | null)[] {
  const choice = chooseImages({ config, images, nodes });
  return Array.from({ length: count }, () => choice.take('cloud', 'ubuntu')?.id ?? null);
}

describe('a node', () => {
  it('boots from the newest READY image, in whatever order the rows come', () => {
    expect(choose({ images: [image(1), image(3), image(2)] })).toEqual([3]);
  });

  it('boots from the later row of two images of one second', () => {
    expect(choose({ images: [image(1, { version: 5 }), image(2, { version: 5 })] })).toEqual([2]);
  });

  it('boots from none that is not READY, withdrawn, of another provider or name, or unknown to the cloud', () => {
    const images = [
      image(1, { state: 'building' }),
      image(2, { state: 'delete' }),
      image(3, { withdrawnAt: NOW }),
      image(4, { provider: 'else' }),
      image(5, { image: 'debian' }),
      image(6, { cloudImageId: null }),
    ];
    expect([choose({ images }), chooseImages({ config: aConfig(), images, nodes: [] }).has('cloud', 'ubuntu')]).toEqual(
      [[null], false],
    );
    expect(choose({ images: [image(0), ...images] })).toEqual([0]);
  });
});

describe('an image whose first launches fail', () => {
  const failing = (ok: number, failed: number) => image(2, { launchesOk: ok, launchesFailed: failed });
  const withdrawn = (images: readonly ImageRecord[], config?: Config): string[] =>
    orders(situation({ images, ...(config && { config }) })).filter((line) => line.startsWith('withdraw'));

  it.each([
    [0, 2, 'two failures may be chance'],
    [3, 3, 'half of them is not more than half'],
    [17, 3, 'most went well'],
  ])('stays with %i that went well and %i that did not: %s', (ok, failed) => {
    const images = [image(1), failing(ok, failed)];
    expect([withdrawn(images), choose({ images })]).toEqual([[], [2]]);
  });

  it.each([
    [0, 3],
    [2, 3],
    [9, 11],
  ])('gives way to the one before it with %i that went well and %i that did not', (ok, failed) => {
    const images = [image(1), failing(ok, failed)];
    const detail = `${failed} of its first ${ok + failed} launches failed; back to image 1`;
    expect(withdrawn(images)).toEqual([`withdraw-image image:2: withdrawn (${detail})`]);
    // Nodes do not wait for that.
    expect(choose({ images })).toEqual([1]);
  });

  it('stays when there is none before it, or none of which a node ever came up', () => {
    expect([withdrawn([failing(0, 9)]), choose({ images: [failing(0, 9)] })]).toEqual([[], [2]]);
    for (const before of [
      image(1, { launchesOk: 0 }),
      image(1, { withdrawnAt: NOW }),
      image(1, { state: 'delete' }),
      image(1, { provider: 'else' }),
    ]) {
      const images = [before, failing(0, 9)];
      expect([withdrawn(images), choose({ images })]).toEqual([[], [2]]);
    }
  });

  it('is measured by the configured share; at 1 it is never withdrawn', () => {
    const images = [image(1), failing(3, 3)];
    expect(withdrawn(images, aConfig({ imageFailureShare: 0.4 }))).toHaveLength(1);
    expect(withdrawn([image(1), failing(0, 9)], aConfig({ imageFailureShare: 1 }))).toEqual([]);
  });

  it('is withdrawn by who acts on its provider, once', () => {
    const images = [image(1), failing(0, 3)];
    expect(
      orders(situation({ images, leases: new Set(['supply']) })).filter((line) => line.startsWith('withdraw')),
    ).toEqual([]);
    expect(withdrawn([image(1), { ...failing(0, 3), withdrawnAt: NOW }])).toEqual([]);
  });
});

describe('a withdrawn image', () => {
  const bad = image(2, { withdrawnAt: NOW });
  const retired = (images: readonly ImageRecord[], overrides: Partial<World> = {}): string[] =>
    orders(situation({ images, ...overrides })).filter((line) => line.startsWith('retire'));

  it('stays while the one before it is the newest good one', () => {
    expect(retired([image(1), bad])).toEqual([]);
  });

  it('goes when a newer one is READY, and the one before it stays', () => {
    expect(retired([image(1), bad, image(3)])).toEqual(['retire-image image:2: image-outdated']);
    expect(retired([image(1), bad, image(3, { state: 'building' })])).toEqual([]);
  });

  it('stays as long as a node boots from it', () => {
    const nodes = [aNode({ id: 7, state: 'building', imageId: 2 })];
    expect(retired([image(1), bad, image(3)], { nodes })).toEqual([]);
  });

  it('does not count as the previous one: two good ones are kept beside it', () => {
    expect(retired([image(0), image(1), bad])).toEqual([]);
  });
});

describe('with image-canary', () => {
  const config = aConfig({ imageCanary: true });
  const fresh = image(2, { launchesOk: 0 });

  it('one node tries a new image, and the others boot from the one before it', () => {
    expect(choose({ images: [image(1), fresh], config }, 3)).toEqual([2, 1, 1]);
  });

  it('none tries it while one is under way', () => {
    const nodes = [aNode({ state: 'building', imageId: 2 })];
    expect(choose({ images: [image(1), fresh], nodes, config }, 2)).toEqual([1, 1]);
    const ended = [aNode({ state: 'delete', imageId: 2 }), aNode({ state: 'building', imageId: 1 })];
    expect(choose({ images: [image(1), fresh], nodes: ended, config }, 2)).toEqual([2, 1]);
  });

  it('all boot from it when one has come up, and from the beginning when there is no other', () => {
    expect(choose({ images: [image(1), image(2, { launchesOk: 1 })], config }, 2)).toEqual([2, 2]);
    expect(choose({ images: [fresh], config }, 2)).toEqual([2, 2]);
  });

  it('it is tried for each provider, and name, by itself', () => {
    const images = [image(1), fresh, image(3, { provider: 'else' }), image(4, { provider: 'else', launchesOk: 0 })];
    const choice = chooseImages({ config, images, nodes: [] });
    const taken = ['cloud', 'else', 'cloud', 'else'].map((provider) => choice.take(provider, 'ubuntu')?.id);
    expect(taken).toEqual([2, 4, 1, 3]);
  });

  it('it is given up after three failures when the one before it works', () => {
    expect(choose({ images: [image(1), image(2, { launchesOk: 0, launchesFailed: 2 })], config }, 2)).toEqual([2, 1]);
    expect(choose({ images: [image(1), image(2, { launchesOk: 0, launchesFailed: 3 })], config }, 2)).toEqual([1, 1]);
  });

  it('the one before it has its turn after three failures, if it has not shown yet that it works', () => {
    const unproven = image(1, { launchesOk: 0 });
    const tried = (failed: number) => image(2, { launchesOk: 0, launchesFailed: failed });
    // Where one node is launched at a time, all of them would try the new one for ever.
    expect([
      choose({ images: [unproven, tried(2)], config }),
      choose({ images: [unproven, tried(3)], config }),
    ]).toEqual([[2], [1]]);
  });
});

describe('launches from an image', () => {
  it.each([
    [0, 0, true],
    [19, 0, true],
    [0, 19, true],
    [10, 10, false],
    [20, 0, false],
    [25, 9, false],
  ])('are counted after %i that went well and %i that did not: %s', (launchesOk, launchesFailed, expected) => {
    expect(isCounted(image(1, { launchesOk, launchesFailed }), false)).toBe(expected);
  });

  it('are counted later, too, when one goes well for the first time: a canary must come to an end', () => {
    const never = image(1, { launchesOk: 0, launchesFailed: 20 });
    expect([isCounted(never, true), isCounted(never, false)]).toEqual([true, false]);
  });
});

describe('the supply', () => {
  const config = aConfig({ imageCanary: true, labels: [aLabel({ minReady: 3 })] });
  const launchesOf = (overrides: Partial<World>): (number | undefined)[] =>
    plan(situation({ config, ...overrides })).actions.flatMap((action) =>
      action.kind === 'launch-nodes' ? action.launches.map(({ imageId }) => imageId) : [],
    );

  it('launches from what is chosen, the canary included', () => {
    const images = [image(1), image(2, { launchesOk: 0 })];
    expect(launchesOf({ images })).toEqual([2, 1, 1]);
    const nodes = [aNode({ id: 7, state: 'building', imageId: 2 })];
    expect(launchesOf({ images, nodes })).toEqual([1, 1]);
  });

  it('launches from the one before the one that was withdrawn, also before that is on record', () => {
    const failed = { launchesOk: 0, launchesFailed: 3 };
    expect(launchesOf({ images: [image(1), image(2, failed)] })).toEqual([1, 1, 1]);
    expect(launchesOf({ images: [image(1), image(2, { ...failed, withdrawnAt: NOW })] })).toEqual([1, 1, 1]);
  });

  it('launches nothing where all images were withdrawn, and has one built', () => {
    const world = situation({ config, images: [image(2, { withdrawnAt: NOW })] });
    expect(orders(world)).toEqual(['build-image build:cloud/ubuntu: image-missing']);
  });
});
