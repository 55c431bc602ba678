/**
 * What the daemon and the thread of its HTTP interface tell each other. To make, extend and end requests, the thread needs
 * only the database: neither a pass of the loop nor the launch of a hundred nodes holds it up. Only why a request waits, and
 * whether the pool is looked after, it has to ask; who does not answer soon is not waited for.
 */
import type { MessagePort, Worker } from 'node:worker_threads';
import type { Config } from '../config/types.ts';
import type { Clock } from '../lib/clock.ts';
import { createDeadlines } from '../lib/deadlines.ts';
import type { LogLine } from '../lib/log.ts';
import type { Explanation } from '../planning/explanation.ts';

type ToThread =
  | { readonly kind: 'configure'; readonly config: Config }
  | { readonly kind: 'answer'; readonly call: number; readonly answer: unknown }
  | { readonly kind: 'close' };

/** What is asked with a `call` gets an `answer` with the same. */
type Question = { readonly kind: 'explain'; readonly requestId: number } | { readonly kind: 'unready' };

type ToDaemon =
  | (Question & { readonly call: number })
  | { readonly kind: 'changed' }
  | { readonly kind: 'log'; readonly line: LogLine };

export interface DaemonEnd {
  readonly explain: (requestId: number) => Explanation | null;
  readonly unready: () => string | null;
  /** Rows were changed that the loop should look at. */
  readonly onChange: () => void;
  readonly onLog: (line: LogLine) => void;
}

export interface ThreadLink {
  configure(config: Config): void;
  close(): void;
}

/** The daemon's end: answers what the thread asks. */
export function linkThread(port: Worker | MessagePort, { explain, unready, onChange, onLog }: DaemonEnd): ThreadLink {
  const send = (message: ToThread): void => port.postMessage(message);
  port.on('message', (message: ToDaemon) => {
    if (message.kind === 'changed') onChange();
    else if (message.kind === 'log') onLog(message.line);
    else {
      const answer = message.kind === 'explain' ? explain(message.requestId) : unready();
      send({ kind: 'answer', call: message.call, answer });
    }
  });
  return {
    configure: (config) => send({ kind: 'configure', config }),
    close: () => send({ kind: 'close' }),
  };
}

export interface DaemonLink {
  explain(requestId: number): Promise<Explanation | null>;
  unready(): Promise<string | null>;
  /** Those of one turn of the event loop are told once. */
  onChange(): void;
  log(line: LogLine): void;
}

/** How long the loop, which is busy for some milliseconds now and then, may take over an answer. */
const ANSWER_LIMIT_MS = 2000;

interface Questions {
  /** @param silence the answer when none comes in time */
  ask<Answer>(question: Question, silence: Answer): Promise<Answer>;
  answered(call: number, answer: unknown): void;
}

function createQuestions(send: (message: ToDaemon) => void, clock: Clock): Questions {
  const asking = new Map<number, (answer: never) => void>();
  const deadlines = createDeadlines(clock, ANSWER_LIMIT_MS);
  let calls = 0;
  return {
    ask: (question, silence) =>
      new Promise((resolve) => {
        const call = (calls += 1);
        const release = deadlines.start(() => {
          asking.delete(call);
          resolve(silence);
        });
        asking.set(call, (answer) => {
          release();
          resolve(answer);
        });
        send({ call, ...question });
      }),
    answered: (call, answer) => {
      asking.get(call)?.(answer as never);
      asking.delete(call);
    },
  };
}

/** The thread's end: does what the daemon says. */
export function linkDaemon(port: MessagePort, { configure, close }: ThreadLink, clock: Clock): DaemonLink {
  const send = (message: ToDaemon): void => port.postMessage(message);
  const { ask, answered } = createQuestions(send, clock);
  let isToldSoon = false;
  port.on('message', (message: ToThread) => {
    if (message.kind === 'configure') configure(message.config);
    else if (message.kind === 'close') close();
    else answered(message.call, message.answer);
  });
  return {
    explain: (requestId) => ask<Explanation | null>({ kind: 'explain', requestId }, null),
    unready: () => ask<string | null>({ kind: 'unready' }, 'the loop of the daemon does not answer'),
    onChange: () => {
      if (isToldSoon) return;
      isToldSoon = true;
      setImmediate(() => {
        isToldSoon = false;
        send({ kind: 'changed' });
      });
    },
    log: (line) => send({ kind: 'log', line }),
  };
}
