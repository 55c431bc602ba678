/** What the rows of images have in common: of provider images, snapshots and uploads, and of disk images. */
import type { Config } from '../config/types.ts';
import { toSeconds, type Clock } from '../lib/clock.ts';
import { formatTemplate } from '../lib/template.ts';
import type { ImageRecord } from '../lifecycle/records.ts';
import { buildPlace, providerPlace } from '../planning/places.ts';
import type { ActionContext } from './context.ts';
import { providerOf } from './server-spec.ts';

/** Later than those of all others, also after the clock was set back: files are named by it, and the newest is taken. */
export function nextVersion(clock: Clock, others: readonly { readonly version: number }[]): number {
  return Math.max(toSeconds(clock.now()), ...others.map(({ version }) => version + 1));
}

/** Name of an image in the cloud, and of its template server if it has one. */
export function imageHostname(
  config: Config,
  { provider, image, version }: Pick<ImageRecord, 'provider' | 'image' | 'version'>,
): string {
  const { templateHostname } = providerOf(config, provider);
  return formatTemplate(templateHostname, { 'image.name': image, 'provider.name': provider, timestamp: version });
}

/** Says that an image has become READY, and forgets what failed before; `triedAt`: when the cloud was asked for it. */
export async function announceReady(context: ActionContext, image: ImageRecord, triedAt: number | null): Promise<void> {
  const { log, metrics, clock, failures, world } = context;
  const { id, provider, image: name, createdAt } = image;
  const ms = clock.now() - createdAt;
  log.info({ image: id, provider, name, ms }, 'image ready');
  metrics.imageUpdated({ image: name, provider, ms });
  await failures.clear(buildPlace(provider, name), world.failures);
  await failures.clear(providerPlace(provider), world.failures, triedAt ?? 0);
}
