/**
 * What the daemon and the thread of its HTTP interface tell each other. Answers over HTTP wait for nothing but their own
 * thread and the database: neither for a pass of the loop nor for the launch of a hundred nodes.
 */
import type { MessagePort, Worker } from 'node:worker_threads';
import type { Config } from '../config/types.ts';
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
  const ask = <Answer>(question: Question): Promise<Answer> =>
    new Promise<Answer>((resolve) => {
      calls += 1;
      asking.set(calls, resolve);
      send({ call: calls, ...question });
    });
  return {
    explain: (requestId) => ask({ kind: 'explain', requestId }),
    unready: () => ask({ kind: 'unready' }),
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
