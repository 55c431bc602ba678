import { nodeColumns, sortNodes } from '../columns.ts';
import { diskImageColumns, imageColumns, sortDiskImages, sortImages } from '../image-columns.ts';
import type { OutputOptions } from '../options.ts';
import { renderListing } from '../output/listing.ts';
import type { Session } from '../session.ts';

export async function listNodes(session: Session, { output }: OutputOptions): Promise<void> {
  await session.withStore(async (store) => {
    const { nodes } = await store.readPool();
    session.print(await renderListing(output, nodeColumns(session.context.clock.now()), sortNodes(nodes)));
  });
}

export async function listImages(session: Session, { output }: OutputOptions): Promise<void> {
  await session.withStore(async (store) => {
    const { images } = await store.readPool();
    session.print(await renderListing(output, imageColumns(session.context.clock.now()), sortImages(images)));
  });
}

export async function listDiskImages(session: Session, { output }: OutputOptions): Promise<void> {
  await session.withStore(async (store) => {
    const { diskImages } = await store.readPool();
    session.print(
      await renderListing(output, diskImageColumns(session.context.clock.now()), sortDiskImages(diskImages)),
    );
  });
}
