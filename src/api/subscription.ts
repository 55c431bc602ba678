/** What one listener has still to be told: of each request the newest state, however slowly it listens. */
import type { RequestWithNodes } from '../store/store.ts';

/** One that is further behind is better off beginning anew. */
const MOST_PENDING = 10_000;
/** Told in one go. */
const BATCH = 50;

export interface Interest {
  /** Row id of the request; null: all that may be seen. */
  readonly id: number | null;
  /** Whose it is. */
  readonly tokenId: number;
  maySee(request: RequestWithNodes['request']): boolean;
  /** Asked from time to time: the listener may have lost its rights. */
  isAllowed(): Promise<boolean>;
}

export class Subscription {
  readonly interest: Interest;
  /** The state at the beginning. Shared with others, so it is not copied into `#pending`. */
  #backlog: readonly RequestWithNodes[] = [];
  #position = 0;
  readonly #pending = new Map<number, RequestWithNodes>();
  #isBeatDue = false;
  #hasEnded = false;
  #wake = (): void => undefined;

  constructor(interest: Interest) {
    this.interest = interest;
  }

  begin(backlog: readonly RequestWithNodes[]): void {
    this.#backlog = backlog;
    this.#wake();
  }

  offer(found: RequestWithNodes): void {
    if (this.#hasEnded || !this.#wants(found)) return;
    this.#pending.set(found.request.id, found);
    if (this.#pending.size > MOST_PENDING) this.end();
    this.#wake();
  }

  /** Makes the stream say that it is still there. */
  beat(): void {
    this.#isBeatDue = true;
    this.#wake();
  }

  end(): void {
    this.#hasEnded = true;
    this.#pending.clear();
    this.#wake();
  }

  /** What there is to tell, as soon as there is something; nothing: only that we are still here; null: it is over. */
  async next(): Promise<readonly RequestWithNodes[] | null> {
    for (;;) {
      if (this.#hasEnded) return null;
      const batch = this.#take();
      if (batch.length > 0 || this.#isBeatDue) return this.#tell(batch);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #tell(batch: readonly RequestWithNodes[]): readonly RequestWithNodes[] {
    this.#isBeatDue = false;
    // Whoever follows one request has nothing more to learn when that has ended.
    if (this.interest.id !== null && batch.some(({ request }) => request.state === 'ended')) this.#hasEnded = true;
    return batch;
  }

  #take(): RequestWithNodes[] {
    const batch: RequestWithNodes[] = [];
    while (batch.length < BATCH && this.#position < this.#backlog.length) {
      const found = this.#backlog[this.#position++]!;
      // Its newer state is still to come.
      if (this.#wants(found) && !this.#pending.has(found.request.id)) batch.push(found);
    }
    if (this.#position >= this.#backlog.length) this.#backlog = [];
    for (const [id, found] of this.#pending) {
      if (batch.length === BATCH) break;
      this.#pending.delete(id);
      batch.push(found);
    }
    return batch;
  }

  #wants({ request }: RequestWithNodes): boolean {
    const { id, maySee } = this.interest;
    return (id === null || id === request.id) && maySee(request);
  }
}
