/** How the double reads a file that a client sends: piece by piece, with what faults make of it. */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../src/lib/clock.ts';
import type { FaultRule } from './faults.ts';
import type { Intake, Reply } from './http.ts';

export interface Reading {
  readonly request: IncomingMessage;
  readonly fault: FaultRule | null;
  /** Lets the request hang. */
  readonly hold: () => void;
  readonly clock: Clock;
}

/** Resolves with the answer when all has come; with null when the client has gone before, or was cut off. */
export async function takeFile(intake: Intake, { request, fault, hold, clock }: Reading): Promise<Reply | null> {
  const isComplete = await new Promise<boolean>((resolve) => {
    let left = fault?.kind === 'cut' || fault?.kind === 'stall' ? fault.afterBytes : Infinity;
    request.on('data', (piece: Uint8Array) => {
      intake.take(piece);
      left -= piece.length;
      if (left > 0) return;
      if (fault?.kind === 'cut') request.socket.resetAndDestroy();
      else {
        request.pause();
        hold();
      }
    });
    request.on('end', () => resolve(true));
    request.on('close', () => resolve(false));
    // It closes as well.
    request.on('error', () => undefined);
  });
  if (isComplete) return intake.finish(clock.now());
  intake.abandon();
  return null;
}
