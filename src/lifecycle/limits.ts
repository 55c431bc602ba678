/**
 * Limits of the life cycles: times, counts, and rests between tries. From the original are the values of how long a node
 * may stay in its states, the delay after a job, how long a template may take to boot and to answer, and a cloud to save
 * an image, and that the image before the current one is kept; the rest is our own.
 */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** A node may stay this long in BUILDING or USED. */
export const NODE_STATE_LIMIT_MS = 8 * HOUR;
/** A node may stay this long in TEST. */
export const TEST_LIMIT_MS = 5 * MINUTE;
/** From the end of a job to the deletion of its node: so long Jenkins can still fetch what the job has printed. */
export const JOB_END_DELAY_MS = MINUTE;
/** Clocks of daemons on one database may differ by this much. */
export const CLOCK_DIFFERENCE_MS = MINUTE;
/** A template server has this long to become ACTIVE, and then to answer SSH. */
export const TEMPLATE_LAUNCH_MS = HOUR;
export const TEMPLATE_BOOT_MS = 10 * MINUTE;
/** The cloud has this long to save an image. */
export const IMAGE_SAVE_LIMIT_MS = 6 * HOUR;
/** A ready script, and a set-up script, may run this long. */
export const READY_SCRIPT_LIMIT_MS = HOUR;
export const SETUP_SCRIPT_LIMIT_MS = 6 * HOUR;
/** Writing the `/etc/nodepool` files of a set, and one try to log in: a server that stalls must not hold its node. */
export const NODE_FILES_LIMIT_MS = 10 * MINUTE;
export const PROBE_LIMIT_MS = MINUTE;
/** A server that is being built is knocked at this long: who drops what comes is not up yet. */
export const KNOCK_LIMIT_MS = 5 * SECOND;
/** A console is read this long: it only explains what went wrong, or proves what is taken on trust otherwise. */
export const CONSOLE_LIMIT_MS = 20 * SECOND;
/** Create calls that were not answered and of which no server came, before the launch has failed. */
export const CREATE_ATTEMPTS_MAX = 3;
/** The same for save calls and the build. */
export const SAVE_ATTEMPTS_MAX = 3;
/** The same for uploads and the row. */
export const UPLOAD_ATTEMPTS_MAX = 3;
/** What a cloud does with an image after it has taken the file is looked at this often. */
export const UPLOAD_SETTLE_MS = 5 * SECOND;
/** Launches from an image that tell whether it is any good; later ones are not counted. */
export const TRIAL_LAUNCHES = 20;
/** Failed ones among them without which nothing is held against it. */
export const TRIAL_FAILURES_LEAST = 3;
/** Builds of a disk image, and images of a provider, that are kept: the current one and the one before. */
export const GENERATIONS_KEPT = 2;
/** A template that is busy with something else for longer than this after its set-up cannot be saved. */
export const SAVE_BUSY_LIMIT_MS = 10 * MINUTE;
/** What is busy with something else is asked again after this long. */
export const BUSY_REPEAT_MS = 10 * SECOND;
/** The server of a node in use has to be missing in listings for this long: a job runs on it. */
export const USED_SERVER_MISSING_MS = 5 * MINUTE;
/** What has been waited for in vain for `ageMs` is looked at again only after this long: its news are late by a sixtieth. */
export function patienceMs(ageMs: number): number {
  return Math.min(MINUTE, Math.max(0, ageMs) / 60);
}

/** How long what is tried in vain rests before the next try: longer with its age, and never so long that others notice. */
export function tryRestMs({ leastMs, ageMs }: { leastMs: number; ageMs: number }): number {
  return Math.max(leastMs, Math.min(10 * SECOND, patienceMs(ageMs)));
}

/** A deletion that shows no effect is asked for again after this long. */
export const DELETE_REPEAT_MS = MINUTE;
/** A ready node whose periodic check fails is checked again after this long, */
export const CHECK_REPEAT_MS = 10 * SECOND;
/** and retired after this many failures in a row. */
export const CHECK_FAILURES_MAX = 3;

/** Failed launches at one place before the next try has to wait for long. */
const LAUNCH_FAILURES_FREE = 2;
/** What is refused at once must not be asked for again at once, a hundred times in a second. */
const LAUNCH_PAUSE_MS = SECOND;

/** When a launch may be tried again after `count` failures in a row at the same provider, image and zone. */
export function launchRetryDelayMs(count: number): number {
  if (count <= LAUNCH_FAILURES_FREE) return LAUNCH_PAUSE_MS;
  return Math.min(10 * MINUTE, 5 * SECOND * 2 ** (count - LAUNCH_FAILURES_FREE - 1));
}

/** When an image build may be tried again after `count` failures in a row. */
export function buildRetryDelayMs(count: number): number {
  return Math.min(HOUR, 30 * SECOND * 2 ** (count - 1));
}

/** When a provider that refused us as a whole (quota, credentials) is tried again. */
export function providerRetryDelayMs(count: number): number {
  return Math.min(5 * MINUTE, 10 * SECOND * 2 ** (count - 1));
}

/** When nodes are offered again to a target whose launchers refused them, after `count` times in a row. */
export function offerRetryDelayMs(count: number): number {
  return Math.min(5 * MINUTE, SECOND * 2 ** (count - 1));
}

/** When a listing is tried again after `count` failures in a row. */
export function listingRetryDelayMs(count: number): number {
  return Math.min(MINUTE, SECOND * 2 ** (count - 1));
}
