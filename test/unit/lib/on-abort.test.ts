import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { onAbort } from '../../../src/lib/on-abort.ts';

describe('onAbort', () => {
  it('calls each callback once when the signal aborts, and none that was taken back', () => {
    const controller = new AbortController();
    const calls: string[] = [];
    onAbort(controller.signal, () => calls.push('first'));
    const forget = onAbort(controller.signal, () => calls.push('forgotten'));
    onAbort(controller.signal, () => calls.push('last'));
    forget();
    controller.abort();
    controller.abort();
    expect(calls).toEqual(['first', 'last']);
  });

  it('calls back at once when the signal has aborted', () => {
    const calls: string[] = [];
    onAbort(AbortSignal.abort(), () => calls.push('late'));
    expect(calls).toEqual(['late']);
  });

  it('does not call what an earlier callback takes back', () => {
    const controller = new AbortController();
    const calls: string[] = [];
    onAbort(controller.signal, () => forget());
    const forget = onAbort(controller.signal, () => calls.push('forgotten'));
    controller.abort();
    expect(calls).toEqual([]);
  });

  it('puts one listener on the signal, however many wait', () => {
    const { signal } = new AbortController();
    for (let index = 0; index < 50; index += 1) onAbort(signal, () => undefined);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  });
});
