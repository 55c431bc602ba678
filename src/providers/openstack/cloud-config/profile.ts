/** Settings that a cloud takes from a profile in clouds-public.yaml. */
import { oneLine } from '../../../config/problems.ts';
import type { KnownCloud } from './known-clouds.ts';
import { wrong } from './origin.ts';
import { mapAt, textAt, type Settings } from './settings.ts';

export interface ProfileQuery {
  readonly cloud: KnownCloud;
  /** A cloud of the environment is no profile. */
  readonly environmentName: string;
  /** The profiles of clouds-public.yaml, which is read only when one is named. */
  readonly readPublic: () => Settings;
}

/** Empty when no profile is named. Error: `config`, when it is not there: what it would say is not known then. */
export function profileOf({ cloud, environmentName, readPublic }: ProfileQuery): Settings {
  const { settings, origin } = cloud;
  // The key `cloud` is the old word for it.
  const name = textAt(settings, 'profile') ?? textAt(settings, 'cloud');
  if (name === null || name === environmentName) return {};
  const profile = mapAt(readPublic(), name);
  if (Object.keys(profile).length > 0) return profile;
  throw wrong(
    origin,
    'profile',
    `"${oneLine(name)}" is not in a clouds-public.yaml, and those that come with openstacksdk are not known here; copy its settings into the cloud`,
  );
}
