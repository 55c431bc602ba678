/**
 * What the daemon and the thread of its HTTP interface tell each other. Answers over HTTP wait for nothing but their own
 * thread and the database: neither for a pass of the loop nor for the launch of a hundred nodes.
 */
import type { MessagePort, Worker } from 'node:worker_threads';
import type { Config } from '../config/types.ts';
import type { Explanation } from '../planning/explanation.ts';

/** A line of the log, with plain data for fields. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** What only the daemon knows. */
interface Questions {
  /** Why a request waits: {@link Explanation}, or null where that is not known. */
  readonly wait: { readonly asked: { readonly requestId: number }; readonly answer: Explanation | null };
  /** Why the pool is not looked after; null: it is. */
  readonly unready: { readonly asked: null; readonly answer: string | null };
}
type About = keyof Questions;

type ToThread =
  | { readonly kind: 'configure'; readonly config: Config }
  | { readonly kind: 'answer'; readonly call: number; readonly answer: unknown }
  | { readonly kind: 'close' };

type ToDaemon =
  | { readonly kind: 'ask'; readonly call: number; readonly about: About; readonly asked: unknown }
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
  const answers: { readonly [A in About]: (asked: Questions[A]['asked']) => Questions[A]['answer'] } = {
    wait: ({ requestId }) => explain(requestId),
    unready,
  };
  port.on('message', (message: ToDaemon) => {
    if (message.kind === 'changed') onChange();
    else if (message.kind === 'log') onLog(message.line);
    else send({ kind: 'answer', call: message.call, answer: answers[message.about](message.asked as never) });
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

/** The thread's end: does what the daemon says. */
export function linkDaemon(port: MessagePort, { configure, close }: ThreadLink): DaemonLink {
  const send = (message: ToDaemon): void => port.postMessage(message);
  const asking = new Map<number, (answer: never) => void>();
  let calls = 0;
  let isToldSoon = false;
  port.on('message', (message: ToThread) => {
    if (message.kind === 'configure') configure(message.config);
    else if (message.kind === 'close') close();
    else {
      asking.get(message.call)?.(message.answer as never);
      asking.delete(message.call);
    }
  });
  const ask = <A extends About>(about: A, asked: Questions[A]['asked']): Promise<Questions[A]['answer']> =>
    new Promise((resolve) => {
      calls += 1;
      asking.set(calls, resolve);
      send({ kind: 'ask', call: calls, about, asked });
    });
  return {
    explain: (requestId) => ask('wait', { requestId }),
    unready: () => ask('unready', null),
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
