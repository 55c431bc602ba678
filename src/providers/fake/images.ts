import { NodepoolError } from '../../lib/errors.ts';
import type { CloudImageId } from '../../lib/ids.ts';
import type { CloudImage, ImageSpec, UploadSpec } from '../provider.ts';
import { baseImage, newImage, renderImage, type Content, type FakeImage } from './image.ts';
import { LaggedView } from './lagged-view.ts';
import { lastChangeAt, phaseAt, startDeletion, type Phase } from './timeline.ts';

/** All images of a fake cloud. */
export class FakeImages {
  readonly #byId = new Map<CloudImageId, FakeImage>();
  readonly #view = new LaggedView<FakeImage, CloudImage>({ statusAt: phaseAt, lastChangeAt, render: renderImage });

  constructor() {
    this.#add(baseImage());
  }

  /** null: there is none at `now`. */
  phase(id: CloudImageId, now: number): Phase | null {
    const image = this.#byId.get(id);
    return image ? phaseAt(image, now) : null;
  }

  /** null: there is none at `now`. */
  find(id: CloudImageId, now: number): CloudImage | null {
    const image = this.#byId.get(id);
    return image && phaseAt(image, now) ? renderImage(image, now) : null;
  }

  existingAt(now: number): readonly CloudImage[] {
    return [...this.#byId.values()].filter((image) => phaseAt(image, now)).map((image) => renderImage(image, now));
  }

  /** A listing at `now` that shows what was `lagMs` before. */
  list(now: number, lagMs: number): readonly CloudImage[] {
    for (const image of this.#byId.values()) if (image.goneAt <= now) this.#byId.delete(image.id);
    return this.#view.at(now - lagMs);
  }

  addSnapshot(id: CloudImageId, spec: ImageSpec, { now, takesMs }: { now: number; takesMs: number }): CloudImageId {
    return this.#add(newImage(spec, { id, isSnapshot: true, createdAt: now, settledAt: now + takesMs })).id;
  }

  /** Makes an image that waits for its file. Throws `conflict` when its id is in use. */
  addAwaiting(spec: UploadSpec, now: number): void {
    if (this.#byId.has(spec.id)) throw new NodepoolError('conflict', `there is an image ${spec.id} already`);
    this.#add(newImage(spec, { id: spec.id, isSnapshot: false, createdAt: now, settledAt: Infinity }));
  }

  /** Its file has come. Throws `not-found` when it was deleted meanwhile. */
  complete(id: CloudImageId, content: Content, now: number): void {
    const image = this.#byId.get(id);
    if (!image || phaseAt(image, now) !== 'pending') throw new NodepoolError('not-found', `image ${id} was deleted`);
    image.content = content;
    image.settledAt = now;
    this.#view.touch(image);
  }

  startDeletion(id: CloudImageId, now: number, takesMs: number): void {
    const image = this.#byId.get(id);
    if (image && startDeletion(image, now, takesMs)) this.#view.touch(image);
  }

  #add(image: FakeImage): FakeImage {
    this.#byId.set(image.id, image);
    this.#view.touch(image);
    return image;
  }
}
