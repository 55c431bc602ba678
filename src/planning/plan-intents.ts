/** Plans the answers to what operators asked for through the command line. */
import type { Draft } from './draft.ts';

export function planIntents(draft: Draft): void {
  // One daemon answers: the one that also decides what is launched.
  if (!draft.world.leases.has('supply')) return;
  for (const intent of draft.world.intents) {
    draft.order({ kind: 'answer-intent', subject: `intent:${intent.id}`, reason: 'intent', intent });
  }
}
