import type { PauseRecord } from '../lifecycle/records.ts';
import type { World } from './world.ts';

/** Why an operator has paused an image, at a provider or (null) as a disk image, in words; null: nobody has. */
export function findPause({ pauses }: Pick<World, 'pauses'>, image: string, provider: string | null): string | null {
  const pause = pauses.find(
    (other) => other.image === image && (other.provider === null || other.provider === provider),
  );
  return pause === undefined ? null : describePause(pause);
}

/** The same, of an image that may be paused in the configuration, too. */
export function findAnyPause(
  world: Pick<World, 'pauses'>,
  { name, pause }: { readonly name: string; readonly pause: boolean },
  provider: string | null,
): string | null {
  return findPause(world, name, provider) ?? (pause ? 'paused in the configuration' : null);
}

function describePause({ at, reason }: PauseRecord): string {
  const since = `paused since ${new Date(at).toISOString()}`;
  return reason === null ? since : `${since}: ${reason}`;
}
