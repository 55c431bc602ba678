/** What all of Glance's answers are made of. Its refusals are HTML. */
import { isoSeconds, Refusal, type GrantedCall, type Reply } from './http.ts';
import { imageStatusAt } from './image-life.ts';
import type { Image } from './records.ts';

export const HTML = 'text/html; charset=UTF-8';

export function page(status: number, title: string, text: string): Reply {
  const head = `<html>\n <head>\n  <title>${status} ${title}</title>\n </head>\n <body>\n  <h1>${status} ${title}</h1>\n`;
  const escaped = text.replaceAll('&', '&amp;').replaceAll("'", '&#x27;').replaceAll('<', '&lt;');
  return {
    status,
    headers: { 'Content-Type': HTML },
    body: `${head}  ${escaped}<br /><br />\n\n\n\n </body>\n</html>`,
  };
}

export function refuse(status: number, title: string, text: string): never {
  throw new Refusal(page(status, title, text));
}

export function isVisible(image: Image, { grant }: GrantedCall): boolean {
  return image.ownerId === grant.project.id || image.visibility === 'public' || image.visibility === 'community';
}

export function renderImage(image: Image, time: number): Readonly<Record<string, unknown>> {
  const status = imageStatusAt(image, time) ?? 'queued';
  const isActive = status === 'active';
  const isSnapshot = image.properties.image_type === 'snapshot';
  // Nova says what its snapshots are when it begins to send them.
  const hasFormats = status !== 'queued' || !isSnapshot;
  const { content } = image;
  const path = `/v2/images/${image.id}`;
  return {
    ...image.properties,
    ...(isActive && isSnapshot ? { image_state: 'available' } : {}),
    name: image.name,
    disk_format: hasFormats ? image.diskFormat : null,
    container_format: hasFormats ? image.containerFormat : null,
    visibility: image.visibility,
    size: isActive ? content.size : null,
    virtual_size: isActive ? content.size : null,
    status,
    checksum: isActive ? content.md5 : null,
    protected: image.isProtected,
    min_ram: image.minRam,
    min_disk: image.minDisk,
    owner: image.ownerId,
    os_hidden: false,
    os_hash_algo: isActive ? 'sha512' : null,
    os_hash_value: isActive ? content.sha512 : null,
    id: image.id,
    created_at: isoSeconds(image.createdAt),
    updated_at: isoSeconds(isActive ? image.activeAt : image.createdAt),
    tags: [],
    self: path,
    file: `${path}/file`,
    schema: '/v2/schemas/image',
    ...(isActive ? { stores: 'file' } : {}),
  };
}

export function find(call: GrantedCall, id = ''): Image | null {
  const image = call.region.images.get(id);
  return image && imageStatusAt(image, call.now) !== null && isVisible(image, call) ? image : null;
}
