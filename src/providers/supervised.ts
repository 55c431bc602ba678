/**
 * The decorator around any driver's cloud: each call waits for its turn, has a time limit, ends with an error of the
 * catalogue if it fails, and is reported. It decides nothing: listings are taken, and clouds in trouble left alone,
 * by the planner.
 */
import type { Clock } from '../lib/clock.ts';
import { describeError, isNodepoolError, NodepoolError, type ErrorCode } from '../lib/errors.ts';
import type { LaneName, Limiter } from '../lib/limiter.ts';
import { onAbort } from '../lib/on-abort.ts';
import { createDeadlines } from '../lib/deadlines.ts';
import type { ServerId } from '../lib/ids.ts';
import { interruptible, type Watch } from '../lib/interruptible.ts';
import type { Cloud, CloudCall, Provider, ServerSpec } from './provider.ts';
import type { Usage } from './usage.ts';
import { createUploadWatch } from './watch-upload.ts';

/** The last part of the classic timing key `nodepool.task.<provider>.<task>` for each call. */
export const TASK_NAMES = {
  listServers: 'ServerList',
  createServer: 'ServerCreate',
  deleteServer: 'ServerDelete',
  listImages: 'ImageList',
  saveImage: 'ServerImageCreate',
  uploadImage: 'ImageUpload',
  findImage: 'ImageGet',
  deleteImage: 'ImageDelete',
  limits: 'LimitsGet',
  listAccessories: 'AccessoryList',
  deleteAccessory: 'AccessoryDelete',
  createKeypair: 'KeypairCreate',
  attachFloatingIp: 'FloatingIPCreate',
  readConsole: 'ServerConsoleGet',
} as const satisfies Record<CloudCall, string>;

const LANES: Readonly<Record<CloudCall, LaneName>> = {
  listServers: 'read',
  listImages: 'read',
  findImage: 'read',
  listAccessories: 'read',
  limits: 'read',
  readConsole: 'read',
  createServer: 'create',
  // What servers that are there need does not wait behind servers that nobody has asked the cloud for yet.
  createKeypair: 'equip',
  attachFloatingIp: 'equip',
  saveImage: 'equip',
  // It takes minutes or hours: nothing else may wait behind it.
  uploadImage: 'upload',
  deleteServer: 'delete',
  deleteImage: 'delete',
  deleteAccessory: 'delete',
};

/**
 * A cloud under supervision. `createServer` may wait long for its turn: when that has come, and before anything is sent,
 * it awaits `admitted`, so that who fences its creates by a record writes that record then. If `admitted` throws,
 * nothing is sent and the call rejects with what it threw.
 */
export interface SupervisedCloud extends Omit<Cloud, 'createServer'> {
  createServer(spec: ServerSpec, signal: AbortSignal, admitted: () => Promise<void>): Promise<ServerId>;
}

/** A provider as the registry hands it out. */
export interface SupervisedProvider extends Omit<Provider, 'cloud' | 'location' | 'isOutdated' | 'close'> {
  readonly cloud: SupervisedCloud;
}

/** One call that was sent and has ended: how long it took without its wait in the queue. */
export interface CallReport {
  readonly provider: string;
  readonly call: CloudCall;
  readonly ms: number;
}

export interface Supervision {
  /** Name of the provider, for reports and messages. */
  readonly provider: string;
  readonly limiter: Limiter;
  /** Counts calls, those that wait for their turn too. */
  readonly usage: Pick<Usage, 'during'>;
  /** From the start of a call, not counting its wait for a turn, until it counts as unanswered. */
  readonly apiTimeoutMs: number;
  readonly clock: Clock;
  readonly onCall: (report: CallReport) => void;
}

type Send<T> = (signal: AbortSignal) => Promise<T>;

/**
 * Puts limits, time limits, error classes and reports around `cloud`. A call rejects with `unavailable` when its time is
 * up (an upload: when nothing moves any more, `watch-upload.ts`) and with `aborted` when its signal aborts, whether or not
 * the driver heeds the signal that it is given. When a server is refused for the quota, those that wait for their turn are
 * not sent: they are refused with the same error.
 */
export function supervise(cloud: Cloud, supervision: Supervision): SupervisedCloud {
  const { limiter, usage } = supervision;
  const deadlines = createDeadlines(supervision.clock, supervision.apiTimeoutMs);
  const watched = watchCalls(supervision, {
    limit: (call) => (interrupt) => deadlines.start(() => interrupt(unanswered(call, supervision))),
    passesOn: () => false,
  });
  const perform = <T>(call: CloudCall, signal: AbortSignal, send: Send<T>): Promise<T> =>
    usage.during(() => limiter.run(LANES[call], signal, () => watched(call, signal, send)));

  return {
    createServer: superviseCreates(cloud, supervision, watched),
    uploadImage: superviseUploads(cloud, supervision),
    listServers: (signal) => perform('listServers', signal, (own) => cloud.listServers(own)),
    deleteServer: (id, signal) => perform('deleteServer', signal, (own) => cloud.deleteServer(id, own)),
    listImages: (signal) => perform('listImages', signal, (own) => cloud.listImages(own)),
    saveImage: (id, spec, signal) => perform('saveImage', signal, (own) => cloud.saveImage(id, spec, own)),
    findImage: (id, signal) => perform('findImage', signal, (own) => cloud.findImage(id, own)),
    deleteImage: (id, signal) => perform('deleteImage', signal, (own) => cloud.deleteImage(id, own)),
    limits: (signal) => perform('limits', signal, (own) => cloud.limits(own)),
    listAccessories: (signal) => perform('listAccessories', signal, (own) => cloud.listAccessories(own)),
    deleteAccessory: (which, signal) => perform('deleteAccessory', signal, (own) => cloud.deleteAccessory(which, own)),
    createKeypair: (spec, signal) => perform('createKeypair', signal, (own) => cloud.createKeypair(spec, own)),
    attachFloatingIp: (id, tags, signal) =>
      perform('attachFloatingIp', signal, (own) => cloud.attachFloatingIp(id, tags, own)),
    readConsole: (id, signal) => perform('readConsole', signal, (own) => cloud.readConsole(id, own)),
  };
}

function superviseCreates(
  cloud: Cloud,
  { limiter, usage }: Supervision,
  watched: WatchedSend,
): SupervisedCloud['createServer'] {
  const create: SupervisedCloud['createServer'] = async (spec, signal, admitted) => {
    await admitted();
    if (signal.aborted) throw abandoned('createServer');
    try {
      return await watched('createServer', signal, (own) => cloud.createServer(spec, own));
    } catch (error) {
      if (isNodepoolError(error, 'quota')) limiter.reject(LANES.createServer, error);
      throw error;
    }
  };
  return (spec, signal, admitted) =>
    usage.during(() => limiter.run(LANES.createServer, signal, () => create(spec, signal, admitted)));
}

function superviseUploads(cloud: Cloud, supervision: Supervision): Cloud['uploadImage'] {
  const { limiter, usage } = supervision;
  const watchUpload = createUploadWatch(supervision);
  return (given, signal) => {
    const { spec, ...rules } = watchUpload(given);
    const watched = watchCalls(supervision, rules);
    const upload = (): Promise<void> => watched('uploadImage', signal, (own) => cloud.uploadImage(spec, own));
    return usage.during(() => limiter.run(LANES.uploadImage, signal, upload));
  };
}

type WatchedSend = <T>(call: CloudCall, signal: AbortSignal, send: Send<T>) => Promise<T>;

interface CallRules {
  /** What gives a call up that takes too long. */
  readonly limit: (call: CloudCall) => Watch;
  /** Whether an error is passed on as it is, though the catalogue may not have it. */
  readonly passesOn: (thrown: unknown) => boolean;
}

/** Sends calls under the rules, and reports them when they have ended. */
function watchCalls({ provider, clock, onCall }: Supervision, { limit, passesOn }: CallRules): WatchedSend {
  return async (call, signal, send) => {
    const startedAt = clock.now();
    try {
      return await interruptible(send, [limit(call), (interrupt) => onAbort(signal, () => interrupt(abandoned(call)))]);
    } catch (thrown) {
      throw passesOn(thrown) ? thrown : toDriverError(thrown, provider, call);
    } finally {
      onCall({ provider, call, ms: clock.now() - startedAt });
    }
  };
}

function unanswered(call: CloudCall, { provider, apiTimeoutMs }: Supervision): NodepoolError {
  return new NodepoolError('unavailable', `${provider} did not answer ${call} within ${apiTimeoutMs / 1000} s`);
}

function abandoned(call: CloudCall): NodepoolError {
  return new NodepoolError('aborted', `${call} was abandoned`);
}

const DRIVER_ERRORS = [
  'not-found',
  'quota',
  'throttled',
  'conflict',
  'rejected',
  'unavailable',
  'auth',
  'aborted',
] as const satisfies readonly ErrorCode[];

/** What no driver should throw says nothing about the effect of the call, which is what `unavailable` means. */
function toDriverError(thrown: unknown, provider: string, call: CloudCall): NodepoolError {
  if (isNodepoolError(thrown, ...DRIVER_ERRORS)) return thrown;
  return new NodepoolError('unavailable', `${provider} failed at ${call}: ${describeError(thrown)}`, { cause: thrown });
}
