/** Sends bytes over a socket of its own and judges what comes back. */
import { connect, type Socket } from 'node:net';
import type { Clock } from '../../src/lib/clock.ts';
import type { Case } from './cases.ts';

/** An answer may take so long. */
const HANG_MS = 5000;
/** Between two pieces, and to see what comes back of bytes that may be no request. */
const PAUSE_MS = 20;

export interface Outcome {
  readonly statuses: readonly number[];
  readonly text: string;
  /** What is wrong about it; null: nothing. */
  readonly problem: string | null;
}

interface Connection {
  readonly socket: Socket;
  text(): string;
  readonly closed: Promise<void>;
  isClosed(): boolean;
  /** Resolves when it is connected, with the next bytes, or at the end. */
  news(): Promise<void>;
}

function open(port: number): Connection {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let text = '';
  let isClosed = false;
  let wake = (): void => undefined;
  socket.on('connect', () => wake());
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
    wake();
  });
  // The server may reset what it has enough of; whether it should have answered is judged by what came.
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) =>
    socket.on('close', () => {
      isClosed = true;
      wake();
      resolve();
    }),
  );
  return {
    socket,
    closed,
    text: () => text,
    isClosed: () => isClosed,
    news: () => new Promise((resolve) => (wake = resolve)),
  };
}

export async function exchange(port: number, { pieces, isWhole, breaksOff }: Case, clock: Clock): Promise<Outcome> {
  const connection = open(port);
  const { socket, text } = connection;
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await clock.sleep(PAUSE_MS);
    if (socket.writable) socket.write(piece, 'latin1');
  }
  if (breaksOff !== null) {
    if (breaksOff === 'soon') await clock.sleep(PAUSE_MS);
    // What is not connected yet has sent nothing.
    else await within(connection, () => !socket.connecting || connection.isClosed(), clock);
    socket.resetAndDestroy();
    return judge(text(), null);
  }
  if (isWhole && !(await within(connection, () => text() !== '' || connection.isClosed(), clock))) {
    socket.destroy();
    return judge(text(), `no answer within ${HANG_MS} ms`);
  }
  await Promise.race([connection.closed, clock.sleep(PAUSE_MS)]);
  // Says that nothing more comes: what is not whole is given up by then.
  socket.end();
  // A stream of events goes on: who has said all may go on listening.
  const isOver = (): boolean => connection.isClosed() || text().includes('text/event-stream');
  const hasEnded = await within(connection, isOver, clock);
  socket.destroy();
  if (isWhole && text() === '') return judge('', 'the connection was closed without an answer');
  return judge(text(), hasEnded ? null : `the connection is still open after ${HANG_MS} ms`);
}

async function within({ news }: Connection, holds: () => boolean, clock: Clock): Promise<boolean> {
  const tooLate = new AbortController();
  const limit = clock.sleep(HANG_MS, tooLate.signal);
  let isLate = false;
  void limit.then(() => (isLate = true));
  while (!holds() && !isLate) await Promise.race([news(), limit]);
  const isHeld = holds();
  tooLate.abort();
  return isHeld;
}

/** Statuses that are no mistakes: 503 says that it is one on purpose. */
function judge(text: string, problem: string | null): Outcome {
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  const isMistake = statuses.some((status) => status >= 500 && status !== 503);
  const isUnexplained = statuses.includes(503) && !text.includes('"code":"unavailable"');
  if (isMistake || isUnexplained) return { statuses, text, problem: `answered ${statuses.join(', ')}` };
  return { statuses, text, problem };
}
