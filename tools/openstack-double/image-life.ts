/** What Glance says of an image at some time, and the troubles that can come over one. */
import { existsAt, type Content, type Image, type Moment } from './records.ts';

export type ImageStatus = 'queued' | 'saving' | 'active' | 'killed';

/** null: it is not there. */
export function imageStatusAt(image: Image, time: Moment): ImageStatus | null {
  if (!existsAt(image, time)) return null;
  if (image.killedAt <= time) return 'killed';
  if (image.activeAt <= time) return 'active';
  return image.savingAt <= time ? 'saving' : 'queued';
}

export type ImageTrouble =
  /** Is never saved: stays queued. */
  | { readonly kind: 'stuck' }
  /** Its data cannot be taken in. */
  | { readonly kind: 'killed' }
  /** Is gone without anybody having deleted it, when it would have been active, or at once where it is. */
  | { readonly kind: 'vanish' }
  /** Its file is not what was sent: size and hashes are others. */
  | { readonly kind: 'garbled' };

/** Of a file that nobody has seen. */
export function imagineContent(size: number): Content {
  return { size, md5: '43f8bc29743328e19ccebaa8a9e03a3e', sha512: '0'.repeat(128) };
}

export function afflictImage(image: Image, trouble: ImageTrouble, now: Moment): void {
  const settlesAt = Math.max(now, image.activeAt);
  switch (trouble.kind) {
    case 'stuck':
      image.savingAt = Infinity;
      image.activeAt = Infinity;
      break;
    case 'killed':
      image.killedAt = settlesAt;
      image.activeAt = Infinity;
      break;
    case 'vanish':
      image.goneAt = settlesAt;
      break;
    case 'garbled':
      image.content = imagineContent(Math.max(0, image.content.size - 1));
  }
}
