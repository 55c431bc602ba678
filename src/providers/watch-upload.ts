import type { Clock } from '../lib/clock.ts';
import { createDeadlines } from '../lib/deadlines.ts';
import { NodepoolError } from '../lib/errors.ts';
import type { Watch } from '../lib/interruptible.ts';
import type { UploadSpec } from './provider.ts';

/** A cloud may take no byte for this long at least, and for `api-timeout` where that is longer. */
const LEAST_SILENCE_MS = 60_000;

/** Clouds hash, convert and copy what they have been sent before they answer. */
const ANSWER_MS = 30 * 60_000;

export interface UploadWatchDeps {
  /** Name of the provider, for messages. */
  readonly provider: string;
  readonly apiTimeoutMs: number;
  readonly clock: Clock;
}

/** An upload and the rules for it. */
export interface WatchedUpload {
  /** To be handed to the driver: the watch learns from it how the upload gets on. */
  readonly spec: UploadSpec;
  readonly limit: () => Watch;
  /** Passed on as it is: what the stream of the file ended with. */
  readonly passesOn: (thrown: unknown) => boolean;
}

/**
 * An upload takes as long as its file is long. So it is given up, as `unavailable`, not after a time but when nothing
 * moves: no byte is taken, or no answer comes when all are.
 */
export function createUploadWatch(deps: UploadWatchDeps): (spec: UploadSpec) => WatchedUpload {
  const startWait = createWaits(deps);
  return (spec) => {
    const fileErrors = new Set<unknown>();
    let onProgress: UploadSpec['onProgress'] = () => undefined;
    const limit: Watch = (interrupt) => {
      const { bytes } = spec;
      let end = startWait({ bytes, sentBytes: 0 }, interrupt);
      onProgress = (sentBytes) => {
        // In this order, so that the sleep that serves all waits never lacks one and is not begun anew at each piece.
        const endLast = end;
        end = startWait({ bytes, sentBytes }, interrupt);
        endLast();
        spec.onProgress(sentBytes);
      };
      return () => {
        // What a driver tells that has not noticed is nobody's concern any more.
        onProgress = () => undefined;
        end();
      };
    };
    const watched: UploadSpec = {
      ...spec,
      open: () => spec.open().once('error', (error) => fileErrors.add(error)),
      onProgress: (sentBytes) => onProgress(sentBytes),
    };
    return { spec: watched, limit: () => limit, passesOn: (thrown) => fileErrors.has(thrown) };
  };
}

interface Progress {
  readonly bytes: number;
  readonly sentBytes: number;
}

/** Begins the wait for the next sign of life; returns what ends it. */
type StartWait = (progress: Progress, interrupt: (error: NodepoolError) => void) => () => void;

function createWaits({ provider, apiTimeoutMs, clock }: UploadWatchDeps): StartWait {
  const silenceMs = Math.max(apiTimeoutMs, LEAST_SILENCE_MS);
  const silence = createDeadlines(clock, silenceMs);
  const answer = createDeadlines(clock, ANSWER_MS);
  return ({ bytes, sentBytes }, interrupt) => {
    const giveUp = (text: string) => (): void => interrupt(new NodepoolError('unavailable', `${provider} ${text}`));
    const soFar = `took ${sentBytes} of ${bytes} bytes of the upload and`;
    return sentBytes < bytes
      ? silence.start(giveUp(`${soFar} no more for ${silenceMs / 1000} s`))
      : answer.start(giveUp(`${soFar} did not answer within ${ANSWER_MS / 60_000} min`));
  };
}
