import { isNodepoolError, NodepoolError } from '../../lib/errors.ts';
import { objectOf, objectsOf, requireObjects, textOf, type Json } from './parse.ts';
import type { ApiRequest, ApiResponse, Session } from './session.ts';

export interface ListRequest extends Pick<ApiRequest, 'service' | 'path' | 'query' | 'microversion' | 'signal'> {
  /** Where the answer has the list: `servers`. */
  readonly key: string;
}

/** Beyond any real list: 1000 pages of Nova are a million servers. */
const PAGES_MAX = 1000;

/**
 * Everything that a list holds, page after page, each item once. Half a list is no list: what is missing in it would be
 * taken for gone. So one that does not come to its end, or cannot be followed, is `unavailable`.
 */
export async function listAll(session: Session, request: ListRequest): Promise<readonly Json[]> {
  const items = new Map<unknown, Json>();
  const markers = new Set<string>();
  let marker: string | null = null;
  do {
    const { body } = await readPage(session, request, marker);
    const page = requireObjects(body, request.key);
    for (const item of page) items.set(item.id ?? item, item);
    marker = page.length === 0 ? null : nextMarker(body, request);
    if (marker !== null && (markers.has(marker) || markers.size === PAGES_MAX)) {
      throw new NodepoolError('unavailable', `the pages of ${request.path} go on without end`);
    }
    if (marker !== null) markers.add(marker);
  } while (marker !== null);
  return [...items.values()];
}

async function readPage(session: Session, request: ListRequest, marker: string | null): Promise<ApiResponse> {
  const { key: _key, query, ...rest } = request;
  try {
    return await session.send({
      ...rest,
      method: 'GET',
      query: marker === null ? { ...query } : { ...query, marker },
    });
  } catch (error) {
    // The last item of the page before was deleted in between, and with it the place to go on from.
    if (marker === null || !isNodepoolError(error, 'rejected', 'not-found')) throw error;
    throw new NodepoolError('unavailable', `${request.path} changed while it was read: ${error.message}`, {
      cause: error,
    });
  }
}

/**
 * From the link to the next page: `<key>_links` in Nova and Neutron, `next` in Glance. Only its marker is used, since its
 * address may be one that is valid behind the cloud's proxies alone.
 */
function nextMarker(body: unknown, { key, path }: ListRequest): string | null {
  const answer = objectOf(body);
  const link = objectsOf(answer[`${key}_links`]).find(({ rel }) => rel === 'next');
  const address = textOf(link?.href) ?? textOf(answer.next);
  if (address === null) return null;
  const [, query = ''] = address.split('?', 2);
  const marker = new URLSearchParams(query).get('marker');
  if (marker === null) throw new NodepoolError('unavailable', `${path} has a further page without a marker`);
  return marker;
}
