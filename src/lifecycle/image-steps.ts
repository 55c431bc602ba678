/**
 * Which step is due for a snapshot image in BUILDING, as a table: read from the top, the first match wins.
 * The template server has its own table (`slot-steps.ts`), which this one consults when nothing later is due.
 */
import type { CloudImage } from '../providers/provider.ts';
import { IMAGE_SAVE_LIMIT_MS, SAVE_ATTEMPTS_MAX } from './limits.ts';
import type { ImageRecord } from './records.ts';
import type { Wait } from './slot-steps.ts';

export interface ImageFacts {
  readonly now: number;
  readonly record: ImageRecord;
  /** The image in the newest listing of images: by id, or without an id by tag. */
  readonly cloudImage: CloudImage | null;
  /** When that listing was taken; null: unknown. */
  readonly listedAt: number | null;
  /** It was missing in two listings that are young enough to show it. */
  readonly isGone: boolean;
  /** An image may still appear this long after the attempt that saved it. */
  readonly graceMs: number;
}

export type ImageStep =
  | { readonly do: 'finish' | 'save' | 'set-up' | 'template' }
  | { readonly do: 'adopt'; readonly cloudImage: CloudImage }
  | ({ readonly do: 'wait' } & Wait)
  | {
      readonly do: 'fail';
      readonly reason: 'save-failed' | 'save-timeout' | 'script-interrupted';
      readonly detail: string | null;
    };

interface ImageRule {
  readonly when: string;
  readonly then: string;
  readonly matches: (facts: ImageFacts) => boolean;
  readonly step: (facts: ImageFacts) => ImageStep;
}

const fail = (reason: Extract<ImageStep, { do: 'fail' }>['reason'], detail: string | null = null): ImageStep => ({
  do: 'fail',
  reason,
  detail,
});

const isSaving = ({ record }: ImageFacts): boolean => record.cloudImageId !== null || record.saveAt !== null;
const saveDeadline = ({ record }: ImageFacts): number => (record.saveAt ?? record.stateAt) + IMAGE_SAVE_LIMIT_MS;
const decidableAfter = ({ record, graceMs }: ImageFacts): number => (record.saveAt ?? 0) + graceMs;

export const IMAGE_RULES: readonly ImageRule[] = [
  {
    when: 'the cloud image is active',
    then: 'finish: READY',
    matches: ({ record, cloudImage }) => record.cloudImageId !== null && cloudImage?.status === 'active',
    step: () => ({ do: 'finish' }),
  },
  {
    when: 'the cloud image failed or vanished',
    then: 'fail: save-failed',
    matches: ({ isGone, cloudImage }) => isGone || cloudImage?.status === 'error' || cloudImage?.status === 'deleting',
    step: ({ cloudImage }) =>
      fail(
        'save-failed',
        cloudImage === null ? 'the cloud does not list it' : `the cloud shows it as ${cloudImage.status}`,
      ),
  },
  {
    when: 'saving for longer than the limit',
    then: 'fail: save-timeout',
    matches: (facts) => isSaving(facts) && facts.now > saveDeadline(facts),
    step: () => fail('save-timeout'),
  },
  {
    when: 'the cloud image is known by id',
    then: 'wait for a newer listing',
    matches: ({ record }) => record.cloudImageId !== null,
    step: (facts) => ({ do: 'wait', listingAfter: facts.listedAt ?? 0, for: 'news', until: saveDeadline(facts) }),
  },
  {
    when: 'a save attempt is on record, and an image with our tag exists',
    then: 'adopt it',
    matches: ({ record, cloudImage }) => record.saveAt !== null && cloudImage !== null,
    step: ({ cloudImage }) => ({ do: 'adopt', cloudImage: cloudImage as CloudImage }),
  },
  {
    when: 'a save attempt is on record, and the listing is not younger than attempt + grace',
    then: 'wait for one that is',
    matches: (facts) => facts.record.saveAt !== null && (facts.listedAt ?? 0) <= decidableAfter(facts),
    step: (facts) => ({ do: 'wait', listingAfter: decidableAfter(facts), for: 'decision', until: saveDeadline(facts) }),
  },
  {
    when: `a save attempt is on record, and it was number ${SAVE_ATTEMPTS_MAX}`,
    then: 'fail: save-failed',
    matches: ({ record }) => record.saveAt !== null && record.saveAttempt >= SAVE_ATTEMPTS_MAX,
    step: () => fail('save-failed', `no image came of ${SAVE_ATTEMPTS_MAX} save calls`),
  },
  {
    when: 'the set-up script ended well',
    then: 'record an attempt, save',
    matches: ({ record }) => record.setupDoneAt !== null,
    step: () => ({ do: 'save' }),
  },
  {
    when: 'the set-up script was started by a process that is gone',
    then: 'fail: script-interrupted',
    matches: ({ record }) => record.setupAt !== null,
    step: () => fail('script-interrupted'),
  },
  {
    when: 'SSH has answered on the template',
    then: 'set up',
    matches: ({ record }) => record.reachableAt !== null,
    step: () => ({ do: 'set-up' }),
  },
  {
    when: 'otherwise',
    then: 'the next step of the template server',
    matches: () => true,
    step: () => ({ do: 'template' }),
  },
];

/** The step that is due for a building snapshot image, by {@link IMAGE_RULES}. */
export function nextImageStep(facts: ImageFacts): ImageStep {
  return IMAGE_RULES.find(({ matches }) => matches(facts))?.step(facts) ?? { do: 'template' };
}
