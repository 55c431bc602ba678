/** Questions that the bench asks of a process that it has started, and their answers, over Node's channel between the two. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** What a process answers, by name. Arguments and answers are plain data. */
export type Answers<T> = { readonly [Name in keyof T]: (argument: never) => unknown };

interface Question {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** In the process that was started: answers from now on. */
export function answerQuestions<T extends Answers<T>>(answers: T): void {
  const answer = async ({ id, name, argument }: Question): Promise<Answer> => {
    try {
      // Whoever asks is held to the types of the answers.
      return { id, value: await answers[name as keyof T](argument as never) };
    } catch (error) {
      return { id, error: `${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}` };
    }
  };
  process.on('message', (question: Question) => void answer(question).then((reply) => process.send?.(reply)));
}

export interface Started<T extends Answers<T>> {
  readonly pid: number;
  ask<Name extends keyof T & string>(
    name: Name,
    argument?: Parameters<T[Name]>[0],
  ): Promise<Awaited<ReturnType<T[Name]>>>;
  /** Resolves when it has ended. */
  stop(): Promise<void>;
}

/** Starts a program of the bench. Questions that are open when it ends are rejected. */
export function start<T extends Answers<T>>(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Started<T> {
  const child = fork(file, args, { env: { ...process.env, ...env } });
  const open = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let asked = 0;
  child.on('message', ({ id, value, error }: Answer) => {
    const asker = open.get(id);
    open.delete(id);
    if (error === undefined) asker?.resolve(value as never);
    else asker?.reject(new Error(error));
  });
  child.on('exit', (code) => {
    for (const { reject } of open.values()) reject(new Error(`${file} ended with ${code}`));
    open.clear();
  });
  return {
    pid: child.pid ?? 0,
    ask: (name, argument) =>
      new Promise((resolve, reject) => {
        asked += 1;
        open.set(asked, { resolve, reject });
        child.send({ id: asked, name, argument });
      }),
    stop: () => stop(child),
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
