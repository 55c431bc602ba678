import { requireImage } from '../image-targets.ts';
import { askDaemon } from '../intents.ts';
import { ANSWER_TIMEOUT_S } from '../options.ts';
import type { Session } from '../session.ts';

/** What the daemon answers: row ids. */
interface RollbackAnswer {
  readonly images: readonly { readonly provider: string; readonly withdrawn: number; readonly current: number }[];
}

/** Has nodes boot from the image before the current one, until the next good one is there. */
export async function rollBackImage(session: Session, image: string, provider: string | undefined): Promise<void> {
  const providers = requireImage(await session.loadConfig(), { provider: provider ?? 'all', image });
  await session.withStore(async (store) => {
    const { images } = (await askDaemon(session, store, {
      kind: 'image-rollback',
      args: { image, provider: provider ?? null },
      what: 'go back to earlier images',
      timeoutS: ANSWER_TIMEOUT_S,
    })) as RollbackAnswer;
    for (const { provider: name, withdrawn, current } of images)
      session.print(`Image ${withdrawn}, ${image} at ${name}, is withdrawn: nodes boot from image ${current}.\n`);
    const left = providers.filter(({ name }) => !images.some((changed) => changed.provider === name));
    for (const { name } of left) session.tell(`${image} at ${name} stays as it is: it has no earlier image`);
  });
}
