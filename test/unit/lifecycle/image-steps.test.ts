import { describe, expect, it } from 'vitest';
import { cloudImageId } from '../../../src/lib/ids.ts';
import { IMAGE_RULES, nextImageStep, type ImageFacts, type ImageStep } from '../../../src/lifecycle/image-steps.ts';
import { IMAGE_SAVE_LIMIT_MS, SAVE_ATTEMPTS_MAX } from '../../../src/lifecycle/limits.ts';
import type { CloudImage } from '../../../src/providers/provider.ts';
import { anImage, NOW } from '../../support/builders.ts';

const IMAGE = cloudImageId('i-1');
const GRACE = 65_000;

function someFacts({ record = {}, ...facts }: Facts): ImageFacts {
  return {
    now: NOW,
    record: anImage({ state: 'building', ...record }),
    cloudImage: null,
    listedAt: NOW - 1,
    isGone: false,
    graceMs: GRACE,
    ...facts,
  };
}

interface Facts extends Partial<Omit<ImageFacts, 'record'>> {
  readonly record?: Partial<ImageFacts['record']>;
}

const cloudImage = (status: CloudImage['status']): CloudImage => ({
  id: IMAGE,
  name: 'template-ubuntu',
  status,
  tags: null,
  isSnapshot: true,
  bytes: null,
  digest: null,
});

/** What the record says from step to step. */
const reachable = { reachableAt: NOW - 7000 };
const settingUp = { ...reachable, setupAt: NOW - 6000 };
const setUp = { ...settingUp, setupDoneAt: NOW - 5000 };
const savedAgo = (ms: number) => ({ ...setUp, saveAt: NOW - ms });
const savingAgo = (ms: number) => ({ ...savedAgo(ms), cloudImageId: IMAGE });

interface Case {
  readonly it: string;
  readonly row: string;
  readonly facts: Facts;
  readonly step: ImageStep;
}

const wait = (listingAfter: number, until: number): ImageStep => ({ do: 'wait', listingAfter, for: 'news', until });
const waitToDecide = (until: number): ImageStep => ({ do: 'wait', listingAfter: NOW - GRACE, for: 'decision', until });

const FINISH = 'the cloud image is active';
const FAILED = 'the cloud image failed or vanished';
const TIMEOUT = 'saving for longer than the limit';
const SAVING = 'the cloud image is known by id';
const ADOPT = 'a save attempt is on record, and an image with our tag exists';
const TOO_EARLY = 'a save attempt is on record, and the listing is not younger than attempt + grace';
const GIVE_UP = `a save attempt is on record, and it was number ${SAVE_ATTEMPTS_MAX}`;
const SAVE = 'the set-up script ended well';
const INTERRUPTED = 'the set-up script was started by a process that is gone';
const SET_UP = 'SSH has answered on the template';
const TEMPLATE = 'otherwise';

const CASES: readonly Case[] = [
  {
    it: 'is finished when its cloud image is active',
    row: FINISH,
    facts: { record: savingAgo(5000), cloudImage: cloudImage('active') },
    step: { do: 'finish' },
  },
  {
    it: 'is finished although the save limit has passed when its cloud image is active',
    row: FINISH,
    facts: { record: savingAgo(IMAGE_SAVE_LIMIT_MS + 1), cloudImage: cloudImage('active') },
    step: { do: 'finish' },
  },
  {
    it: 'is not finished by an active image before that was adopted',
    row: ADOPT,
    facts: { record: savedAgo(5000), cloudImage: cloudImage('active') },
    step: { do: 'adopt', cloudImage: cloudImage('active') },
  },
  {
    it: 'fails when the cloud failed to save it',
    row: FAILED,
    facts: { record: savingAgo(5000), cloudImage: cloudImage('error') },
    step: { do: 'fail', reason: 'save-failed', detail: 'the cloud shows it as error' },
  },
  {
    it: 'fails when somebody deletes its cloud image',
    row: FAILED,
    facts: { record: savingAgo(5000), cloudImage: cloudImage('deleting') },
    step: { do: 'fail', reason: 'save-failed', detail: 'the cloud shows it as deleting' },
  },
  {
    it: 'fails when its cloud image has vanished',
    row: FAILED,
    facts: { record: savingAgo(5000), isGone: true },
    step: { do: 'fail', reason: 'save-failed', detail: 'the cloud does not list it' },
  },
  {
    it: 'fails when it was not saved within the limit',
    row: TIMEOUT,
    facts: { record: savingAgo(IMAGE_SAVE_LIMIT_MS + 1), cloudImage: cloudImage('saving') },
    step: { do: 'fail', reason: 'save-timeout', detail: null },
  },
  {
    it: 'fails when nothing came of the save call within the limit',
    row: TIMEOUT,
    facts: { record: savedAgo(IMAGE_SAVE_LIMIT_MS + 1), listedAt: null },
    step: { do: 'fail', reason: 'save-timeout', detail: null },
  },
  {
    it: 'waits for it to be saved until the limit',
    row: SAVING,
    facts: { record: savingAgo(IMAGE_SAVE_LIMIT_MS), cloudImage: cloudImage('saving') },
    step: wait(NOW - 1, NOW),
  },
  {
    it: 'waits for a listing while the images of the cloud are unknown',
    row: SAVING,
    facts: { record: savingAgo(5000), listedAt: null },
    step: wait(0, NOW - 5000 + IMAGE_SAVE_LIMIT_MS),
  },
  {
    it: 'adopts an image with its tag at once, without waiting for the grace time',
    row: ADOPT,
    facts: { record: savedAgo(1000), cloudImage: cloudImage('saving') },
    step: { do: 'adopt', cloudImage: cloudImage('saving') },
  },
  {
    it: 'is not saved again before a listing is younger than attempt + grace',
    row: TOO_EARLY,
    facts: { record: savedAgo(2 * GRACE), listedAt: NOW - GRACE },
    step: waitToDecide(NOW - 2 * GRACE + IMAGE_SAVE_LIMIT_MS),
  },
  {
    it: 'is not saved again while the images of the cloud are unknown',
    row: TOO_EARLY,
    facts: { record: savedAgo(2 * GRACE), listedAt: null },
    step: waitToDecide(NOW - 2 * GRACE + IMAGE_SAVE_LIMIT_MS),
  },
  {
    it: 'is saved again when a listing younger than attempt + grace does not show it',
    row: SAVE,
    facts: { record: savedAgo(2 * GRACE), listedAt: NOW - GRACE + 1 },
    step: { do: 'save' },
  },
  {
    it: 'is given up when no image came of its last save call',
    row: GIVE_UP,
    facts: { record: { ...savedAgo(2 * GRACE), saveAttempt: SAVE_ATTEMPTS_MAX }, listedAt: NOW - GRACE + 1 },
    step: { do: 'fail', reason: 'save-failed', detail: `no image came of ${SAVE_ATTEMPTS_MAX} save calls` },
  },
  {
    it: 'is not given up before its last save call',
    row: SAVE,
    facts: { record: { ...savedAgo(2 * GRACE), saveAttempt: SAVE_ATTEMPTS_MAX - 1 }, listedAt: NOW - GRACE + 1 },
    step: { do: 'save' },
  },
  {
    it: 'adopts an image of its last save call instead of being given up',
    row: ADOPT,
    facts: { record: { ...savedAgo(2 * GRACE), saveAttempt: SAVE_ATTEMPTS_MAX }, cloudImage: cloudImage('saving') },
    step: { do: 'adopt', cloudImage: cloudImage('saving') },
  },
  {
    it: 'is saved again at once after a refusal that promised that nothing was saved',
    row: SAVE,
    facts: { record: { ...setUp, saveAttempt: 7 } },
    step: { do: 'save' },
  },
  {
    it: 'is saved when the set-up script has ended well',
    row: SAVE,
    facts: { record: setUp },
    step: { do: 'save' },
  },
  {
    it: 'fails when its set-up script was cut off',
    row: INTERRUPTED,
    facts: { record: settingUp },
    step: { do: 'fail', reason: 'script-interrupted', detail: null },
  },
  {
    it: 'is set up when SSH has answered on its template',
    row: SET_UP,
    facts: { record: reachable },
    step: { do: 'set-up' },
  },
  {
    it: 'depends on its template before that',
    row: TEMPLATE,
    facts: { listedAt: null },
    step: { do: 'template' },
  },
];

describe('the step that is due for a snapshot image', () => {
  it.each(CASES)('$it', ({ row, facts, step }) => {
    const all = someFacts(facts);
    expect({ row: IMAGE_RULES.find(({ matches }) => matches(all))?.when, step: nextImageStep(all) }).toEqual({
      row,
      step,
    });
  });

  it('has a case here for every row of the table', () => {
    expect(IMAGE_RULES.map(({ when }) => when).filter((when) => !CASES.some(({ row }) => row === when))).toEqual([]);
  });
});
