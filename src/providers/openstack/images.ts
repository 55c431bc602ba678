/** Images at Glance, and the making of snapshots by Nova. */
import type { Clock } from '../../lib/clock.ts';
import { isNodepoolError, NodepoolError } from '../../lib/errors.ts';
import { cloudImageId, type CloudImageId, type ServerId } from '../../lib/ids.ts';
import type { CloudImage, CloudImageStatus, Digest, ImageSpec } from '../provider.ts';
import { listAll } from './pages.ts';
import { numberOf, objectOf, requireText, textOf, type Json } from './parse.ts';
import { remember, type Remembered } from './remember.ts';
import { remove } from './remove.ts';
import type { Session } from './session.ts';
import { imageMetadata, isUuid, readImageTags } from './tags.ts';

export interface Images {
  /** Those that the project owns. */
  list(signal: AbortSignal): Promise<readonly CloudImage[]>;
  /** null: there is none. */
  find(id: CloudImageId, signal: AbortSignal): Promise<CloudImage | null>;
  save(id: ServerId, spec: ImageSpec, signal: AbortSignal): Promise<CloudImageId>;
  delete(id: CloudImageId, signal: AbortSignal): Promise<void>;
  /**
   * The id of an image to boot from, by name or id, known for no longer than `maxAgeMs`; the newest of several. `rejected`
   * when there is none.
   */
  findBase(nameOrId: string, signal: AbortSignal, maxAgeMs?: number): Promise<string>;
}

const BASE_MAX_AGE_MS = 60_000;

/** Glance answers with 25 at a time unless asked for more, and with no more than this unless it is told to. */
const PAGE_SIZE = 1000;

const STATUSES: Readonly<Record<string, CloudImageStatus>> = {
  queued: 'queued',
  saving: 'saving',
  uploading: 'saving',
  importing: 'saving',
  active: 'active',
  killed: 'error',
  deleted: 'deleting',
  pending_delete: 'deleting',
};

export function createImages({ session, clock }: { session: Session; clock: Clock }): Images {
  const bases = new Map<string, Remembered<string>>();

  const findBase: Images['findBase'] = (nameOrId, signal, maxAgeMs) => {
    const read = (own: AbortSignal): Promise<string> => readBase(session, nameOrId, own);
    const base = bases.get(nameOrId) ?? remember({ clock, maxAgeMs: BASE_MAX_AGE_MS, read });
    bases.set(nameOrId, base);
    return base.get(signal, maxAgeMs);
  };

  const list = async (signal: AbortSignal): Promise<readonly CloudImage[]> => {
    const { id: owner } = await session.project(signal);
    const query = { owner, limit: PAGE_SIZE };
    return (await listAll(session, { service: 'image', path: '/images', key: 'images', query, signal })).map(
      parseImage,
    );
  };

  const save = async (id: ServerId, spec: ImageSpec, signal: AbortSignal): Promise<CloudImageId> => {
    const microversion = await session.bestMicroversion(['2.45'], signal);
    const { body, headers } = await session.send({
      service: 'compute',
      method: 'POST',
      path: `/servers/${encodeURIComponent(id)}/action`,
      body: { createImage: { name: spec.name, metadata: imageMetadata(spec) } },
      ...(microversion === null ? {} : { microversion }),
      signal,
    });
    // Before 2.45 the image is the last part of the address that Nova points to.
    const image = textOf(objectOf(body).image_id) ?? textOf(headers.location?.split('/').at(-1));
    if (image !== null) return cloudImageId(image);
    throw new NodepoolError('unavailable', `the cloud saves server ${id} and does not say as what image`);
  };

  return {
    list,
    find: async (id, signal) => {
      const image = await readImage(session, id, signal);
      return image && parseImage(image);
    },
    save,
    delete: (id, signal) => remove(session, { service: 'image', path: `/images/${encodeURIComponent(id)}`, signal }),
    findBase,
  };
}

async function readBase(session: Session, nameOrId: string, signal: AbortSignal): Promise<string> {
  if (isUuid(nameOrId) && (await readImage(session, nameOrId, signal))) return nameOrId;
  const query = { name: nameOrId, status: 'active', sort: 'created_at:desc', limit: PAGE_SIZE };
  const [newest] = await listAll(session, { service: 'image', path: '/images', key: 'images', query, signal });
  if (newest) return requireText(newest, 'id');
  throw new NodepoolError('rejected', `there is no active image "${nameOrId}" that the project can boot from`);
}

async function readImage(session: Session, id: string, signal: AbortSignal): Promise<Json | null> {
  try {
    const path = `/images/${encodeURIComponent(id)}`;
    return objectOf((await session.send({ service: 'image', method: 'GET', path, signal })).body);
  } catch (error) {
    if (isNodepoolError(error, 'not-found')) return null;
    throw error;
  }
}

function parseImage(image: Json): CloudImage {
  const id = requireText(image, 'id');
  return {
    id: cloudImageId(id),
    name: textOf(image.name) ?? '',
    status: STATUSES[textOf(image.status) ?? ''] ?? 'unknown',
    tags: readImageTags(image),
    isSnapshot: image.image_type === 'snapshot' || textOf(image.base_image_ref) !== null,
    bytes: numberOf(image.size),
    digest: readDigest(image),
  };
}

/** Glance hashes with what its operator has chosen, and Glance before Rocky with MD5 alone. */
function readDigest({ os_hash_algo: algorithm, os_hash_value, checksum }: Json): Digest | null {
  const value = textOf(os_hash_value);
  if (value !== null && (algorithm === 'sha512' || algorithm === 'sha256')) return { algorithm, value };
  const md5 = textOf(checksum);
  return md5 === null ? null : { algorithm: 'md5', value: md5 };
}
