/** Glance v2. Its refusals are HTML. */
import { Refusal, type GrantedCall, type Params, type Reply, type Route, type Service } from './http.ts';
import { find, HTML, isVisible, page, refuse, renderImage } from './image-answers.ts';
import { createImage, receiveFile } from './image-upload.ts';
import type { Image } from './records.ts';

export function createImageService(): Service {
  const versions = (call: { readonly root: string }): Reply => ({
    status: 300,
    body: {
      versions: ['v2.15', 'v2.13', 'v2.9', 'v2.5', 'v2.0'].map((id, index) => ({
        id,
        status: index === 0 ? 'CURRENT' : 'SUPPORTED',
        links: [{ rel: 'self', href: `${call.root}/v2/` }],
      })),
    },
  });
  const routes: readonly Route[] = [
    { method: 'GET', pattern: '', isOpen: true, answer: versions },
    { method: 'GET', pattern: '/', isOpen: true, answer: versions },
    { method: 'GET', pattern: '/versions', isOpen: true, answer: versions },
    { method: 'GET', pattern: '/v2/images', answer: listImages },
    { method: 'POST', pattern: '/v2/images', answer: createImage },
    { method: 'GET', pattern: '/v2/images/:id', answer: showImage },
    { method: 'DELETE', pattern: '/v2/images/:id', answer: deleteImage },
    { method: 'PATCH', pattern: '/v2/images/:id', answer: patchImage },
    { method: 'PUT', pattern: '/v2/images/:id/file', receive: receiveFile },
  ];
  return {
    routes,
    unauthorized: () => ({
      ...page(401, 'Unauthorized', 'This server could not verify that you are authorized to access the document.'),
      headers: { 'Content-Type': HTML, 'Www-Authenticate': 'Keystone uri="/identity/"' },
    }),
    noRoute: (call, isKnownPath) => {
      // Glance shows its versions at any address outside of one.
      if (!call.path.startsWith('/v2/')) return versions(call);
      if (!isKnownPath) return page(404, 'Not Found', 'The resource could not be found.');
      const reply = page(405, 'Method Not Allowed', `The method ${call.method} is not allowed for this resource. `);
      return { ...reply, headers: { ...reply.headers, Allow: 'GET, PATCH, DELETE' } };
    },
    headersFor: (call, { isAdmitted }) =>
      isAdmitted && call.path.startsWith('/v2/') ? { 'X-Openstack-Request-Id': call.requestId } : {},
  };
}

/** What Glance compares with the image's own attributes; any other name is that of a property. */
const ATTRIBUTES = ['id', 'name', 'status', 'owner', 'disk_format', 'container_format', 'protected', 'os_hidden'];
const CONTROLS = ['limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'visibility', 'member_status'];
const VISIBILITIES = ['public', 'private', 'shared', 'community', 'all'];

function listImages(call: GrantedCall): Reply {
  const { region, query } = call;
  region.sweep();
  const visibility = query.get('visibility');
  if (visibility !== null && !VISIBILITIES.includes(visibility)) {
    refuse(400, 'Bad Request', `Invalid visibility value: ${visibility}`);
  }
  const flag = query.get('protected');
  if (flag !== null && flag !== 'true' && flag !== 'false') {
    const rule = "Valid values are 'true' or 'false'.";
    refuse(400, 'Bad Request', `Invalid value '${flag}' for 'protected' filter. ${rule}`);
  }
  const time = region.listedTime;
  const all = region
    .listAt(region.images, time)
    .filter((image) => isVisible(image, call) && isWanted(image, call, time))
    .sort(orderOf(call));
  const limit = readLimit(call);
  const start = startOf(call, all);
  const images = all.slice(start, start + limit);
  const last = images.at(-1);
  const next = new URLSearchParams(query);
  if (last) next.set('marker', last.id);
  const suffix = query.size > 0 ? `?${query.toString()}` : '';
  const body = {
    images: images.map((image) => renderImage(image, time)),
    first: `/v2/images${suffix}`,
    schema: '/v2/schemas/images',
    // As at the real one these are relative to the service, and promised whenever the page is full.
    ...(last && images.length === limit ? { next: `/v2/images?${next.toString()}` } : {}),
  };
  return { status: 200, body };
}

function readLimit({ query, region }: GrantedCall): number {
  const text = query.get('limit');
  if (text === null) return region.behaviour.imagePage;
  if (!/^-?\d+$/.test(text)) refuse(400, 'Bad Request', 'limit param must be an integer');
  if (Number(text) < 0) refuse(400, 'Bad Request', 'limit param must be positive');
  return Math.min(1000, Number(text));
}

function startOf({ query, region }: GrantedCall, all: readonly Image[]): number {
  const marker = query.get('marker');
  if (marker === null) return 0;
  const index = all.findIndex(({ id }) => id === marker);
  if (index !== -1) return index + 1;
  const seq = region.seqOf(marker);
  if (seq === null) refuse(400, 'Bad Request', `No image found with ID ${marker}`);
  // It has gone since it was listed; its place is known all the same.
  const after = all.findIndex((image) => image.seq < seq);
  return after === -1 ? all.length : after;
}

const SORT_KEYS = ['name', 'status', 'container_format', 'disk_format', 'size', 'id', 'created_at', 'updated_at'];

function orderOf({ query }: GrantedCall): (a: Image, b: Image) => number {
  const [key = 'created_at', direction] = (query.get('sort') ?? '').split(':');
  const sortKey = query.get('sort_key') ?? (key === '' ? 'created_at' : key);
  const isAscending = (query.get('sort_dir') ?? direction ?? 'desc') === 'asc';
  if (!SORT_KEYS.includes(sortKey)) {
    refuse(
      400,
      'Bad Request',
      `Invalid sort key: ${sortKey}. It must be one of the following: ${SORT_KEYS.join(', ')}.`,
    );
  }
  const sign = isAscending ? 1 : -1;
  if (sortKey === 'name' || sortKey === 'id') {
    return (a, b) => sign * (a[sortKey] < b[sortKey] ? -1 : Number(a[sortKey] > b[sortKey]));
  }
  return (a, b) => sign * (a.seq - b.seq);
}

function isWanted(image: Image, { query }: GrantedCall, time: number): boolean {
  const entry = renderImage(image, time);
  const visibility = query.get('visibility');
  // Without a word, images of the community are not listed.
  if (visibility === null && image.visibility === 'community') return false;
  if (visibility !== null && visibility !== 'all' && visibility !== image.visibility) return false;
  return [...new Set(query.keys())].every((key) => {
    if (CONTROLS.includes(key)) return true;
    const wanted = query.get(key) ?? '';
    const value = ATTRIBUTES.includes(key) ? entry[key] : image.properties[key];
    if (value === undefined || value === null) return false;
    const choices = wanted.startsWith('in:') ? wanted.slice(3).split(',') : [wanted];
    return choices.some((choice) => choice === value || (typeof value === 'boolean' && choice === String(value)));
  });
}

function showImage(call: GrantedCall, { id }: Params): Reply {
  const image = find(call, id) ?? refuse(404, 'Not Found', `No image found with ID ${id}`);
  return { status: 200, body: renderImage(image, call.now) };
}

function deleteImage(call: GrantedCall, { id }: Params): Reply {
  const image = find(call, id) ?? refuse(404, 'Not Found', `Failed to find image ${id} to delete`);
  if (image.ownerId !== call.grant.project.id) refuse(403, 'Forbidden', 'You do not own this image');
  if (image.isProtected) refuse(403, 'Forbidden', `Image ${id} is protected and cannot be deleted.`);
  image.goneAt = call.now;
  return { status: 204, headers: { 'Content-Type': HTML } };
}

interface Change {
  readonly op?: string;
  readonly path?: string;
  readonly value?: unknown;
}

/** Changes of visibility, protection and properties. */
function patchImage(call: GrantedCall, { id }: Params): Reply {
  const type = call.headers['content-type'] ?? '';
  if (!/^application\/openstack-images-v2\.[01]-json-patch$/.test(type)) {
    const reply = page(
      415,
      'Unsupported Media Type',
      `The request media type ${type} is not supported by this server. `,
    );
    const types = ['0', '1'].map((minor) => `application/openstack-images-v2.${minor}-json-patch`).join(', ');
    throw new Refusal({ ...reply, headers: { ...reply.headers, 'Accept-Patch': types } });
  }
  const image = find(call, id) ?? refuse(404, 'Not Found', `No image found with ID ${id}`);
  if (image.ownerId !== call.grant.project.id) refuse(403, 'Forbidden', 'You do not own this image');
  for (const change of readChanges(call)) applyChange(image, change);
  return { status: 200, body: renderImage(image, call.now) };
}

function readChanges({ text }: GrantedCall): readonly Change[] {
  try {
    const changes: unknown = JSON.parse(text);
    if (Array.isArray(changes)) return changes as readonly Change[];
  } catch {
    // Not JSON is as wrong as not a list.
  }
  return refuse(400, 'Bad Request', 'Request body must be a JSON array of operation objects.');
}

function applyChange(image: Image, { op = '', path = '', value }: Change): void {
  const key = path.slice(1);
  if (!['add', 'replace', 'remove'].includes(op) || !/^\/[^/]+$/.test(path)) {
    refuse(400, 'Bad Request', `Operations must be JSON objects with an op and a path, not ${op} ${path}.`);
  }
  if (key === 'visibility') {
    if (value === 'public') refuse(403, 'Forbidden', 'You are not authorized to complete publicize_image action.');
    if (!VISIBILITIES.includes(String(value))) refuse(400, 'Bad Request', `Invalid visibility value: ${String(value)}`);
    image.visibility = String(value);
    return;
  }
  if (key === 'protected') {
    image.isProtected = value === true;
    return;
  }
  if (['id', 'owner', 'status', 'size', 'checksum', 'created_at', 'self', 'schema', 'file'].includes(key)) {
    refuse(403, 'Forbidden', `Attribute '${key}' is read-only.`);
  }
  if (op !== 'add' && image.properties[key] === undefined) {
    refuse(409, 'Conflict', `Property ${key} does not exist.`);
  }
  if (op === 'remove') Reflect.deleteProperty(image.properties, key);
  else image.properties[key] = String(value);
}
