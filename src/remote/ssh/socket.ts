/** TCP connections to servers, up to the first words of SSH. */
import { connect, type Socket } from 'node:net';
import { NodepoolError } from '../../lib/errors.ts';
import { patiently, type Patience } from './patience.ts';
import { createTurnstile } from './turnstile.ts';

/** A server may greet before it names its version (RFC 4253, section 4.2); beyond this it speaks something else. */
const MAX_GREETING_BYTES = 16 * 1024;

const VERSION_LINE = /(?:^|\n)SSH-/;

/** Makes a socket that is connecting to an address: a name, an IPv4 or an IPv6 address. */
export type Dial = (address: string) => Promise<Socket>;

/** Each takes a tenth of a millisecond. */
const DIALS_PER_TURN = 20;

/** `port` is where servers listen. */
export function createDial(port: number): Dial {
  const pass = createTurnstile(DIALS_PER_TURN);
  return async (address) => {
    await pass();
    const socket = connect({ host: address, port, noDelay: true });
    // Whoever waits sees the error when the socket closes; an error without a listener would end the process.
    socket.on('error', () => undefined);
    return socket;
  };
}

export function awaitConnection(socket: Socket, patience: Patience): Promise<void> {
  return patiently(socket, patience, ({ found }) => socket.once('connect', found));
}

/** Resolves when the server has begun to speak SSH. What it said stays in the socket, to be read again. */
export function awaitBanner(socket: Socket, patience: Patience): Promise<void> {
  let said = Buffer.alloc(0);
  return patiently(socket, patience, ({ found, failed }) => {
    const listen = (chunk: Buffer): void => {
      said = Buffer.concat([said, chunk]);
      if (VERSION_LINE.test(said.toString('latin1'))) {
        socket.off('data', listen);
        socket.pause();
        socket.unshift(said);
        found();
      } else if (said.length > MAX_GREETING_BYTES) {
        failed(new NodepoolError('unreachable', `${patience.address} speaks something else than SSH`));
      }
    };
    socket.on('data', listen);
  });
}
