import { NodepoolError } from '../../lib/errors.ts';
import type { Store } from '../../store/store.ts';
import { nodeFacts, subnodeColumns } from '../columns.ts';
import { drawHistory, EVENT_COLUMNS } from '../history.ts';
import { diskImageFacts, FILE_COLUMNS, imageFacts } from '../image-columns.ts';
import type { OutputOptions } from '../options.ts';
import { renderResult } from '../output/format.ts';
import { drawFacts, drawListing, toObjects } from '../output/listing.ts';
import { findDiskImage, findImage, findNode } from '../records.ts';
import type { Session } from '../session.ts';

export interface InfoOptions extends OutputOptions {
  readonly image?: true;
  readonly diskImage?: true;
}

/** Under which name machines find the facts, and what people call it. */
const KINDS = {
  node: { key: 'node', noun: 'node' },
  image: { key: 'image', noun: 'image' },
  'disk-image': { key: 'disk_image', noun: 'disk image' },
} as const;

function chooseKind({ image, diskImage }: InfoOptions): keyof typeof KINDS {
  if (diskImage === true) return 'disk-image';
  return image === true ? 'image' : 'node';
}

export async function showInfo(session: Session, id: number, options: InfoOptions): Promise<void> {
  const kind = chooseKind(options);
  const { key, noun } = KINDS[kind];
  const now = session.context.clock.now();
  await session.withStore(async (store) => {
    const [record, events] = await Promise.all([RECORDS[kind]({ store, id, now }), store.events.of(kind, id)]);
    if (record === null && events.length === 0) {
      throw new NodepoolError(
        'not-found',
        `there is no ${noun} ${id}, and its history is not kept any more if it ever existed`,
      );
    }
    const value = { [key]: record?.value ?? null, events: toObjects(EVENT_COLUMNS, events) };
    const draw = (): string => {
      const blocks = record?.blocks ?? [`The row of ${noun} ${id} is gone.\n`];
      return [...blocks, drawHistory(events)].join('\n');
    };
    session.print(await renderResult(options.output, value, draw));
  });
}

interface Sought {
  readonly store: Store;
  readonly id: number;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** The facts of a record for machines and for people. */
interface Facts {
  readonly value: unknown;
  readonly blocks: readonly string[];
}

const RECORDS = {
  async node({ store, id, now }: Sought): Promise<Facts | null> {
    const node = await findNode(store, id);
    if (node === null) return null;
    const columns = nodeFacts(now);
    const blocks = [`Node\n${drawFacts(columns, node)}`];
    if (node.subnodes.length > 0) blocks.push(`Subnodes\n${drawListing(subnodeColumns(now), node.subnodes)}`);
    return { value: toObjects(columns, [node])[0], blocks };
  },
  async image({ store, id, now }: Sought): Promise<Facts | null> {
    const image = await findImage(store, id);
    if (image === null) return null;
    const columns = imageFacts(now);
    return { value: toObjects(columns, [image])[0], blocks: [`Image\n${drawFacts(columns, image)}`] };
  },
  async 'disk-image'({ store, id, now }: Sought): Promise<Facts | null> {
    const image = await findDiskImage(store, id);
    if (image === null) return null;
    const columns = diskImageFacts(now);
    const blocks = [`Disk image\n${drawFacts(columns, image)}`];
    if (image.files !== null) blocks.push(`Files\n${drawListing(FILE_COLUMNS, image.files)}`);
    return { value: toObjects(columns, [image])[0], blocks };
  },
};
