/** Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
import type { RequestWithNodes } from '../store/store.ts';
import type { Subscription } from './subscription.ts';

interface StreamDeps {
  readonly subscription: Subscription;
  /** A request as JSON. */
  readonly render: (found: RequestWithNodes) => Promise<string>;
  readonly onEnd: () => void;
}

/** A comment, which clients skip. */
const BEAT = ':\n\n';

/** Asks for the next events only when the last ones are on their way: what a slow client has not read is not kept. */
export function createEventStream({ subscription, render, onEnd }: StreamDeps): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let isCancelled = false;
  const tell = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const batch = await subscription.next();
    const data = await Promise.all((batch ?? []).map(render));
    if (isCancelled) return;
    if (batch !== null) {
      const events = batch.map(({ request }, index) => `event: request\nid: ${request.id}\ndata: ${data[index]}\n\n`);
      controller.enqueue(encoder.encode(events.join('') || BEAT));
    } else {
      onEnd();
      controller.close();
    }
  };
  return new ReadableStream({
    pull: async (controller) => {
      try {
        await tell(controller);
      } catch (error) {
        // The stream is broken from now on, and one that is broken is not cancelled.
        onEnd();
        throw error;
      }
    },
    cancel: () => {
      isCancelled = true;
      onEnd();
    },
  });
}
