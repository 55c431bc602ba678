import type { NodeRecord } from '../lifecycle/records.ts';
import type { Reason } from '../planning/actions.ts';
import { isCounted } from '../planning/choose-image.ts';
import type { ActionContext } from './context.ts';

/** Failures that may be the image's fault: the cloud gave a server, and what booted on it is of no use. */
const TOLD_BY_IMAGE: ReadonlySet<Reason> = new Set<Reason>(['server-error', 'boot-timeout', 'script-failed']);

/** Nova's words for a cloud without room: no image is to blame for that. */
const NO_ROOM = /no valid host/i;

export interface LaunchFailure {
  readonly reason: Reason;
  readonly detail: string | null;
}

/** Writes down how one of the first launches from an image ended; `failure` null: with a READY node. */
export async function tallyLaunch(
  { store, world }: ActionContext,
  { imageId }: NodeRecord,
  failure: LaunchFailure | null,
): Promise<void> {
  const image = world.images.find(({ id }) => id === imageId);
  const hasWorked = failure === null;
  if (image === undefined || !isCounted(image, hasWorked)) return;
  if (hasWorked || isToldByImage(failure)) await store.countLaunch(image.id, hasWorked);
}

function isToldByImage({ reason, detail }: LaunchFailure): boolean {
  return TOLD_BY_IMAGE.has(reason) && !NO_ROOM.test(detail ?? '');
}
