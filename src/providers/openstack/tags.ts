/**
 * How what belongs to the pool is marked at a cloud:
 * - servers: metadata `nodepool_installation`, `nodepool_record`, `nodepool_attempt`;
 * - images: the same as properties, and `nodepool_name`;
 * - key pairs: the name `nodepool-<installation>-<record>`;
 * - floating IPs: the description `nodepool <installation> <record>`.
 */
import { NodepoolError } from '../../lib/errors.ts';
import type { ImageSpec, Tags } from '../provider.ts';
import { objectOf, textOf, type Json } from './parse.ts';

/** What names and descriptions have room for. */
export type RecordTags = Pick<Tags, 'installation' | 'record'>;

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const KEYPAIR_NAME = new RegExp(`^nodepool-(${UUID})-(.+)$`);
const FLOATING_IP_DESCRIPTION = new RegExp(`^nodepool (${UUID}) (.+)$`);
const UUID_ALONE = new RegExp(`^${UUID}$`, 'i');

/** Whether a text that may be a name or an id looks like an id. */
export function isUuid(text: string): boolean {
  return UUID_ALONE.test(text);
}

/** Nova's limit for keys and values of metadata. */
const METADATA_MAX = 255;

/** Refuses what Nova would, since Nova's own words repeat the value and not what is wrong with it. */
export function checkMetadata(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [key, value] of Object.entries(metadata)) {
    if (key.length <= METADATA_MAX && value.length <= METADATA_MAX) continue;
    throw new NodepoolError(
      'rejected',
      `metadata "${key.slice(0, METADATA_MAX)}" is too long: keys and values have at most ${METADATA_MAX} characters`,
    );
  }
  return metadata;
}

export function tagMetadata({ installation, record, attempt }: Tags): Record<string, string> {
  return { nodepool_installation: installation, nodepool_record: record, nodepool_attempt: String(attempt) };
}

/** null: it was not made by any installation. */
export function readTags(metadata: unknown): Tags | null {
  const { nodepool_installation, nodepool_record, nodepool_attempt } = objectOf(metadata);
  const [installation, record] = [textOf(nodepool_installation), textOf(nodepool_record)];
  const attempt = textOf(nodepool_attempt);
  if (installation === null || record === null || attempt === null || !/^\d+$/.test(attempt)) return null;
  return { installation, record, attempt: Number(attempt) };
}

export function imageMetadata({ name, meta, tags }: ImageSpec): Readonly<Record<string, string>> {
  return checkMetadata({ ...meta, ...tagMetadata(tags), nodepool_name: name });
}

/**
 * The tags of an image that the pool saved. Nova hands the properties of the image that a server booted from down to
 * every image saved of that server: one that an operator makes of a held node carries our tags, too. The name tells
 * them apart.
 */
export function readImageTags(image: Json): Tags | null {
  return image.nodepool_name === image.name ? readTags(image) : null;
}

export function readKeypairName(name: string): RecordTags | null {
  return read(name, KEYPAIR_NAME);
}

export function floatingIpDescription({ installation, record }: RecordTags): string {
  return `nodepool ${installation} ${record}`;
}

export function readFloatingIpDescription(description: string): RecordTags | null {
  return read(description, FLOATING_IP_DESCRIPTION);
}

function read(text: string, pattern: RegExp): RecordTags | null {
  const [, installation, record] = pattern.exec(text) ?? [];
  return installation === undefined || record === undefined ? null : { installation, record };
}
