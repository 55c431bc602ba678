import type { Socket } from 'node:net';
import type { Deadlines } from '../../lib/deadlines.ts';
import { describeError, isNodepoolError, NodepoolError } from '../../lib/errors.ts';
import { onAbort } from '../../lib/on-abort.ts';

/** How long to wait for something from a server. */
export interface Patience {
  readonly address: string;
  readonly limit: Deadlines;
  /** The sentence for when the limit is over. */
  readonly overdue: string;
  readonly signal: AbortSignal;
}

/** Reports the end of a wait; the first report counts. */
export interface Outcome {
  readonly found: () => void;
  readonly failed: (error: Error) => void;
}

/**
 * Waits for something that the server at the other end of `socket` is to bring. `listen` starts to look for it. Rejects
 * with what `listen` reports, with `aborted`, or with `unreachable` when the limit is over or the connection ends;
 * the socket is destroyed then.
 */
export async function patiently(
  socket: Socket,
  { address, limit, overdue, signal }: Patience,
  listen: (outcome: Outcome) => void,
): Promise<void> {
  if (socket.closed) throw lossOf(socket, address);
  const ends: (() => void)[] = [];
  try {
    await new Promise<void>((found, failed) => {
      const onClose = (): void => failed(lossOf(socket, address));
      socket.once('close', onClose);
      ends.push(
        () => socket.off('close', onClose),
        limit.start(() => socket.destroy(new NodepoolError('unreachable', overdue))),
        onAbort(signal, () => socket.destroy(abandoned(address))),
      );
      listen({ found, failed });
    });
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    for (const end of ends) end();
  }
}

export function abandoned(address: string): NodepoolError {
  return new NodepoolError('aborted', `the work on ${address} was abandoned`);
}

/** Why the connection of `socket` is gone. */
function lossOf(socket: Socket, address: string): NodepoolError {
  const { errored } = socket;
  if (isNodepoolError(errored)) return errored;
  // A name with several addresses fails with one error for each.
  const error: unknown = errored instanceof AggregateError ? errored.errors[0] : errored;
  const why = error === null ? 'it closed the connection' : describeError(error);
  return new NodepoolError('unreachable', `${address} does not answer SSH: ${why}`, { cause: error });
}
