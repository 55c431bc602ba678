/** Intents, which only the daemon can answer: written to the database, answered there. */
import { NodepoolError } from '../lib/errors.ts';
import type { IntentKind, IntentRecord } from '../lifecycle/records.ts';
import type { Store } from '../store/store.ts';
import { requireDaemon } from './daemons.ts';
import type { Session } from './session.ts';
import { waitFor, type Look } from './wait.ts';

export interface Intent {
  readonly kind: IntentKind;
  readonly args: IntentRecord['args'];
  /** Ends sentences: "no daemon is running to ...", "waiting for the daemon to ...". */
  readonly what: string;
  /** How long the daemon may take, in seconds. */
  readonly timeoutS: number;
}

/** Asks the daemon and waits for its answer. Throws `refused` when it is not there, refuses, or takes too long. */
export async function askDaemon(session: Session, store: Store, intent: Intent): Promise<unknown> {
  await requireDaemon(store, session.context, intent.what);
  const id = await store.intents.add(intent.kind, intent.args);
  return waitForAnswer(session, { store, id, intent });
}

interface Question {
  readonly store: Store;
  readonly id: number;
  readonly intent: Intent;
}

async function waitForAnswer(session: Session, { store, id, intent }: Question): Promise<unknown> {
  const look = async (): Promise<Look<IntentRecord>> => {
    const record = await store.intents.find(id);
    if (record === null)
      throw new NodepoolError(
        'refused',
        'what was asked of the daemon disappeared from the database before it was answered',
      );
    return record.finishedAt === null ? { waitsFor: `waiting for the daemon to ${intent.what}` } : { done: record };
  };
  const error = (): Error =>
    new NodepoolError(
      'refused',
      `the daemon did not answer within ${intent.timeoutS} s; it may be busy and answer later`,
    );
  const answer = await waitFor(session.context, {
    look,
    ifInterrupted: 'interrupted; the daemon may still do it',
    limit: { ms: intent.timeoutS * 1000, error },
  });
  if (answer.error !== null) throw new NodepoolError('refused', answer.error);
  return answer.result;
}
