import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Random } from '../../lib/random.ts';
import { createSshShell } from '../../remote/ssh/index.ts';
import type { DriverFactory } from '../provider.ts';
import { watchAccess } from './cloud-config/watch-access.ts';
import { createOpenStackCloud } from './cloud.ts';
import { createSession } from './create-session.ts';
import { describeLocation } from './location.ts';

export interface OpenStackDriverDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Names clouds and their files (`OS_*`), proxies, and the passphrase of SSH keys. */
  readonly env: NodeJS.ProcessEnv;
  /** Where clouds.yaml is looked for: the user's home directory and the working directory. */
  readonly home: string;
  readonly cwd: string;
}

/** A listing costs Nova as much as the project has servers; this keeps it to half of what the rate allows. */
const LIST_INTERVAL_MS = 1000;
const POLL_INTERVAL_MS = 3000;

/** Nova lists a server at once, from the API's own database; the copies of databases that listings are read from may lag. */
const LISTING_LAG_MS = 5000;

const CONCURRENCY = 10;

/** The driver for OpenStack. The factory throws `config` when the credentials of a provider cannot be made out. */
export function createOpenStackDriver({ clock, random, log, env, home, cwd }: OpenStackDriverDeps): DriverFactory {
  const shell = createSshShell({ clock, env, log });
  return (config) => {
    const { credentials, regionName, apiTimeoutMs, rateMs } = config;
    const { access, isOutdated } = watchAccess({ credentials, regionName, env, home, cwd });
    const session = createSession({ access, clock, random, log, env, apiTimeoutMs });
    return {
      ...createOpenStackCloud({ session, access, config, clock }),
      shell,
      traits: {
        listIntervalMs: Math.max(LIST_INTERVAL_MS, 2 * rateMs),
        pollIntervalMs: Math.max(POLL_INTERVAL_MS, 5 * rateMs),
        listingLagMs: LISTING_LAG_MS,
        concurrency: CONCURRENCY,
      },
      location: describeLocation(access),
      isOutdated,
      close: () => session.close(),
    };
  };
}
