import { expect, it } from 'vitest';
import { keypairName } from '../../../../src/lib/keypair-name.ts';
import {
  floatingIpDescription,
  imageMetadata,
  readFloatingIpDescription,
  readImageTags,
  readKeypairName,
  readTags,
  tagMetadata,
} from '../../../../src/providers/openstack/tags.ts';
import { METADATA, TAGS } from './stub-cloud.ts';

const owner = { installation: TAGS.installation, record: TAGS.record };

it('tags come back from metadata as they were put there', () => {
  expect(tagMetadata(TAGS)).toEqual(METADATA);
  expect(readTags(METADATA)).toEqual(TAGS);
});

it.each([
  ['nothing', undefined],
  ['other metadata', { nodepool: '{}' }],
  ['half of the tags', { ...METADATA, nodepool_record: undefined }],
  ['an attempt that is no number', { ...METADATA, nodepool_attempt: '1e3' }],
])('%s is nobody of ours', (_, metadata) => {
  expect(readTags(metadata)).toBeNull();
});

it('tags of an image count only under the name that it was saved by', () => {
  const properties = imageMetadata({ name: 'template-1', meta: { key: 'value' }, tags: TAGS });
  expect(readImageTags({ ...properties, name: 'template-1' })).toEqual(TAGS);
  // What somebody else saves of a server inherits the properties of the image that the server booted from.
  expect(readImageTags({ ...properties, name: 'made-by-hand' })).toBeNull();
});

it('metadata of a build cannot take the place of tags', () => {
  expect(imageMetadata({ name: 'a', meta: { nodepool_record: 'x' }, tags: TAGS })).toMatchObject(METADATA);
});

it('names of key pairs and descriptions of floating IPs say whose they are, and only those', () => {
  expect(readKeypairName(keypairName(TAGS))).toEqual(owner);
  expect(readFloatingIpDescription(floatingIpDescription(TAGS))).toEqual(owner);
  expect(readKeypairName('nodepool-template')).toBeNull();
  expect(readKeypairName(`my-${keypairName(TAGS)}`)).toBeNull();
  expect(readFloatingIpDescription('nodepool of the other team')).toBeNull();
});
