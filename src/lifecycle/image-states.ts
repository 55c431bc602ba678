import type { Mover } from './node-states.ts';

/** States of an image (provider image or disk image build); codes as in `STATE_CODES`. */
export type ImageState = 'building' | 'ready' | 'delete';

export const IMAGE_MOVES = {
  building: { ready: 'launch', delete: 'any' },
  ready: { delete: 'any' },
  delete: {},
} as const satisfies Record<ImageState, Partial<Record<ImageState, Mover>>>;

/** States that `From` can move to. */
export type ImageMove<From extends ImageState> = keyof (typeof IMAGE_MOVES)[From] & ImageState;
