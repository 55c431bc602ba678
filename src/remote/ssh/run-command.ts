import type { Client, ClientChannel } from 'ssh2';
import type { Clock } from '../../lib/clock.ts';
import { createDeadlines, type Deadlines } from '../../lib/deadlines.ts';
import { describeError, NodepoolError } from '../../lib/errors.ts';
import type { RemoteCommand } from '../shell.ts';
import type { Connection } from './connection.ts';
import { createLineReader } from './lines.ts';
import { createTail } from './tail.ts';

/** How long the output may stay open after the end of a command: what it left in the background may hold it. */
const LINGER_MS = 5000;

/**
 * Runs a command to its end. Its input is empty. The command line stays out of errors: it may carry secrets. Rejects
 * with `command-failed`, `unreachable` or `aborted`.
 */
export type RunCommand = (connection: Connection, command: RemoteCommand, signal: AbortSignal) => Promise<void>;

/** How a command ended; a server may leave out both. */
interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
}

export function createCommandRunner(clock: Clock): RunCommand {
  const linger = createDeadlines(clock, LINGER_MS);
  return async (connection, command, signal) => {
    const { address } = connection;
    const tail = createTail();
    const hear = (line: string): void => {
      tail.add(line);
      command.onLine?.(line);
    };
    const ending = await connection.use(signal, (client) => execute(client, command, { address, hear, linger }));
    if (ending.code === 0) return;
    throw new NodepoolError('command-failed', `a command on ${address} ended ${describe(ending)}, ${tail.text()}`);
  };
}

function describe({ code, signal }: Ending): string {
  if (code !== null) return `with exit code ${code}`;
  return signal === null ? 'without an exit code' : `by ${signal}`;
}

interface Execution {
  readonly address: string;
  readonly hear: (line: string) => void;
  readonly linger: Deadlines;
}

function execute(
  client: Client,
  { line, pty = false }: RemoteCommand,
  { address, hear, linger }: Execution,
): Promise<Ending> {
  return new Promise((resolve, reject) => {
    client.exec(line, { pty }, (error, channel) => {
      if (!error) {
        // Here and now: all that the command says and its end may lie in the packet that is being read.
        follow(channel, { hear, linger, report: resolve });
        channel.end();
        return;
      }
      const message = `${address} does not run commands: ${describeError(error)}`;
      reject(new NodepoolError('command-failed', message, { cause: error }));
    });
  });
}

interface Follower {
  readonly hear: (line: string) => void;
  readonly linger: Deadlines;
  readonly report: (ending: Ending) => void;
}

function follow(channel: ClientChannel, { hear, linger, report }: Follower): void {
  const readers = [channel, channel.stderr].map((stream) => {
    const reader = createLineReader(hear);
    stream.on('data', reader.feed);
    return reader;
  });
  let ending: Ending = { code: null, signal: null };
  let release = (): void => undefined;
  channel.on('exit', (code: number | null, signal: string | undefined) => {
    ending = { code, signal: signal ?? null };
    release = linger.start(() => channel.close());
  });
  channel.on('close', () => {
    release();
    for (const reader of readers) reader.end();
    report(ending);
  });
}
