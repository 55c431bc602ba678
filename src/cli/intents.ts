/** Requests that only the daemon can answer: written to the database, answered there. */
import { NodepoolError } from '../lib/errors.ts';
import type { IntentKind, IntentRecord } from '../lifecycle/records.ts';
import type { Store } from '../store/store.ts';
import { requireDaemon } from './daemons.ts';
import type { Session } from './session.ts';
import { waitFor, type Look } from './wait.ts';

export interface Request {
  readonly kind: IntentKind;
  readonly args: IntentRecord['args'];
  /** Ends sentences: "no daemon is running to ...", "waiting for the daemon to ...". */
  readonly what: string;
  /** How long the daemon may take, in seconds. */
  readonly timeoutS: number;
}

/** Asks the daemon and waits for its answer. Throws `refused` when it is not there, refuses, or takes too long. */
export async function askDaemon(session: Session, store: Store, request: Request): Promise<unknown> {
  await requireDaemon(store, session.context, request.what);
  const id = await store.intents.add(request.kind, request.args);
  return waitForAnswer(session, { store, id, request });
}

interface Question {
  readonly store: Store;
  readonly id: number;
  readonly request: Request;
}

async function waitForAnswer(session: Session, { store, id, request }: Question): Promise<unknown> {
  const look = async (): Promise<Look<IntentRecord>> => {
    const intent = await store.intents.find(id);
    if (intent === null)
      throw new NodepoolError('refused', 'the request disappeared from the database before it was answered');
    return intent.finishedAt === null ? { waitsFor: `waiting for the daemon to ${request.what}` } : { done: intent };
  };
  const error = (): Error =>
    new NodepoolError(
      'refused',
      `the daemon did not answer within ${request.timeoutS} s; it may be busy and answer later`,
    );
  const answer = await waitFor(session.context, {
    look,
    ifInterrupted: 'interrupted; the daemon may still do it',
    limit: { ms: request.timeoutS * 1000, error },
  });
  if (answer.error !== null) throw new NodepoolError('refused', answer.error);
  return answer.result;
}
