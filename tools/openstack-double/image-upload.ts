/** Images that are made of a file: `POST /v2/images`, and `PUT` of the file. */
import { createHash } from 'node:crypto';
import type { GrantedCall, Intake, Params, Reply } from './http.ts';
import { find, HTML, page, refuse, renderImage } from './image-answers.ts';
import { imagineContent, imageStatusAt } from './image-life.ts';
import { existsAt, type Image } from './records.ts';
import { describeFlaw, type Schema } from './schema.ts';

const TEXT: Schema = { type: 'string' };
const TEXT_OR_NULL: Schema = { type: ['null', 'string'], maxLength: 255 };
const COUNT: Schema = { type: 'integer' };
const ID = '[0-9a-fA-F]';

/** `/v2/schemas/image`, as far as requests are checked with it. */
const IMAGE: Schema = {
  type: 'object',
  properties: {
    id: { type: 'string', pattern: new RegExp(`^(${ID}){8}-(${ID}){4}-(${ID}){4}-(${ID}){4}-(${ID}){12}$`) },
    name: TEXT_OR_NULL,
    status: TEXT,
    visibility: { type: 'string', enum: ['community', 'public', 'private', 'shared'] },
    protected: { type: 'boolean' },
    os_hidden: { type: 'boolean' },
    owner: TEXT_OR_NULL,
    size: { type: ['null', 'integer'] },
    virtual_size: { type: ['null', 'integer'] },
    container_format: {
      type: ['null', 'string'],
      enum: [null, 'ami', 'ari', 'aki', 'bare', 'ovf', 'ova', 'docker', 'compressed'],
    },
    disk_format: {
      type: ['null', 'string'],
      enum: [null, 'ami', 'ari', 'aki', 'vhd', 'vhdx', 'vmdk', 'raw', 'qcow2', 'vdi', 'iso', 'ploop'],
    },
    min_ram: COUNT,
    min_disk: COUNT,
    tags: { type: 'array', items: { type: 'string', maxLength: 255 } },
    locations: { type: 'array' },
  },
  otherKeys: { pattern: /^/, schema: TEXT },
};

const READ_ONLY = ['created_at', 'updated_at', 'status', 'checksum', 'size', 'virtual_size', 'direct_url', 'self'];
const READ_ONLY_TOO = ['file', 'schema'];
const RESERVED = ['location', 'deleted', 'deleted_at', 'locations'];
const ATTRIBUTES = [...Object.keys(IMAGE.properties ?? {}), ...READ_ONLY, ...READ_ONLY_TOO];
const MAX_PROPERTIES = 128;

export function createImage(call: GrantedCall): Reply {
  const body = readBody(call);
  const properties = readProperties(body);
  checkAllowed(call, body);
  const image = makeImage(call, body, properties);
  if (call.region.seqOf(image.id) !== null) refuse(409, 'Conflict', `Image ID ${image.id} already exists!`);
  call.region.images.set(image.id, image);
  const headers = {
    Location: `${call.root}/v2/images/${image.id}`,
    'Openstack-Image-Import-Methods': 'glance-direct,web-download,copy-image',
    'Openstack-Image-Store-Ids': 'file',
  };
  return { status: 201, headers, body: renderImage(image, call.now) };
}

type Body = Readonly<Record<string, unknown>>;

function readBody({ text }: GrantedCall): Body {
  if (text === '') refuse(400, 'Bad Request', 'Body expected in request.');
  const body = parse(text);
  if (body === undefined) refuse(400, 'Bad Request', 'Malformed JSON in request body.');
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    const text500 = 'The server has either erred or is incapable of performing the requested operation.';
    refuse(500, 'Internal Server Error', text500);
  }
  const flaw = describeFlaw(IMAGE, body);
  // The real one goes on with the part of the schema that does not fit.
  if (flaw !== null) refuse(400, 'Bad Request', `Provided object does not match schema 'image': ${flaw}`);
  return body as Body;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What is no JSON is answered for by the caller.
    return undefined;
  }
}

function readProperties(body: Body): Record<string, string> {
  const properties = Object.entries(body).filter(([key]) => !ATTRIBUTES.includes(key) && !RESERVED.includes(key));
  if (properties.some(([key]) => key.length > 255)) {
    refuse(400, 'Bad Request', 'Custom property should not be greater than 255 characters.');
  }
  if (properties.length > MAX_PROPERTIES) {
    const counts = `Attempted: ${properties.length}, Maximum: ${MAX_PROPERTIES}`;
    const text = `The limit has been exceeded on the number of allowed image properties. ${counts}`;
    refuse(413, 'Request Entity Too Large', text);
  }
  return Object.fromEntries(properties) as Record<string, string>;
}

function checkAllowed({ grant }: GrantedCall, body: Body): void {
  for (const key of Object.keys(body)) {
    if ([...READ_ONLY, ...READ_ONLY_TOO].includes(key)) refuse(403, 'Forbidden', `Attribute '${key}' is read-only.`);
    if (RESERVED.includes(key) || key.startsWith('os_glance')) {
      refuse(403, 'Forbidden', `Attribute '${key}' is reserved.`);
    }
  }
  const { owner, visibility, min_disk: minDisk = 0 } = body;
  if (Number(minDisk) < 0) {
    const text = `Invalid value '${Number(minDisk)}' for parameter 'min_disk': Cannot be a negative value`;
    refuse(400, 'Bad Request', text);
  }
  if (visibility === 'public') refuse(403, 'Forbidden', 'You are not authorized to complete publicize_image action.');
  if (typeof owner === 'string' && owner !== grant.project.id) {
    refuse(403, 'Forbidden', `You are not permitted to create images owned by '${owner}'.`);
  }
}

function makeImage({ region, grant, now }: GrantedCall, body: Body, properties: Record<string, string>): Image {
  const text = (key: string): string | null => (typeof body[key] === 'string' ? body[key] : null);
  return {
    id: text('id') ?? region.random.uuid(),
    seq: region.nextSeq(),
    createdAt: now,
    goneAt: Infinity,
    name: text('name') ?? '',
    ownerId: grant.project.id,
    visibility: text('visibility') ?? 'shared',
    properties,
    minDisk: Number(body.min_disk ?? 0),
    minRam: Number(body.min_ram ?? 0),
    diskFormat: text('disk_format'),
    containerFormat: text('container_format'),
    content: imagineContent(0),
    savingAt: Infinity,
    activeAt: Infinity,
    killedAt: Infinity,
    isProtected: body.protected === true,
  };
}

export function receiveFile(call: GrantedCall, { id }: Params): Intake {
  const type = call.headers['content-type']?.split(';', 1)[0] ?? 'text/plain';
  if (type !== 'application/octet-stream') {
    refuse(415, 'Unsupported Media Type', `The request media type ${type} is not supported by this server.\n`);
  }
  const image = find(call, id) ?? refuse(404, 'Not Found', `No image found with ID ${id}`);
  if (image.ownerId !== call.grant.project.id) {
    refuse(403, 'Forbidden', `Not allowed to upload image data for image ${id}`);
  }
  const status = imageStatusAt(image, call.now);
  if (status !== 'queued') {
    refuse(409, 'Conflict', `Image status transition from ${status} to saving is not allowed`);
  }
  if (image.diskFormat === null || image.containerFormat === null) {
    refuse(400, 'Bad Request', 'Properties disk_format, container_format must be set prior to saving data.');
  }
  image.savingAt = call.now;
  return takeInto(image, call);
}

function takeInto(image: Image, { region }: GrantedCall): Intake {
  const [md5, sha512] = [createHash('md5'), createHash('sha512')];
  let size = 0;
  return {
    take: (piece) => {
      size += piece.length;
      md5.update(piece);
      sha512.update(piece);
    },
    finish: (now) => {
      if (!existsAt(image, now)) {
        const text = `Image ${image.id} could not be found after upload. The image may have been deleted during the upload`;
        return page(410, 'Gone', `${text}, cleaning up the chunks uploaded.`);
      }
      image.content = { size, md5: md5.digest('hex'), sha512: sha512.digest('hex') };
      image.activeAt = now;
      region.settleUpload(image);
      return { status: 204, headers: { 'Content-Type': HTML } };
    },
    abandon: () => {
      image.savingAt = Infinity;
    },
  };
}
