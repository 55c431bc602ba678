/** Subscriptions by ZeroMQ. The package is an optional one: who has no `zmq-publishers` needs no binary of it. */
import type { EventType, Subscriber } from 'zeromq';
import { describeError, NodepoolError } from '../lib/errors.ts';
import { MAX_MESSAGE_BYTES } from './job-event.ts';

/** What becomes of the connection. That the other side speaks ZeroMQ is known only of those who speak ZMTP 3. */
export type Change = 'connected' | 'speaking' | 'lost' | 'retrying';

/** Everything that one publisher sends, as long as it is not closed. Lost connections are made again, with one exception. */
export interface Subscription {
  /** The parts of the next message; null: closed. One call at a time. */
  receive(): Promise<readonly Buffer[] | null>;
  /** From now on nothing is received. May be called again. */
  close(): void;
}

/**
 * Subscribes, and connects in the background. Throws `config` when the endpoint cannot be one. A `lost` without a
 * `retrying` right after it is the end: libzmq never goes back to a peer that broke the protocol, which includes a message
 * that is too long. `onChange` must not throw.
 */
export type Subscribe = (endpoint: string, onChange: (change: Change) => void) => Subscription;

const OPTIONS = {
  // Nothing is ever sent that would be worth waiting for at the end.
  linger: 0,
  // In messages. What is beyond waits in the publisher's queue (1000) and the buffers of TCP, so that nothing is lost.
  receiveHighWaterMark: 100,
  // In bytes, of a part of a message. Together with the mark, a publisher that goes wrong costs 100 MiB.
  maxMessageSize: MAX_MESSAGE_BYTES,
  // Milliseconds between attempts, to which libzmq adds up to as many again. What is published meanwhile is missed.
  reconnectInterval: 1000,
  connectTimeout: 10_000,
  // A publisher that vanished without a word is noticed after a minute (seconds, seconds, probes). Heartbeats of ZeroMQ
  // would be no help: Jenkins' plugin speaks ZMTP 2, which has none, and publishers with libzmq 4.0 or 4.1 do not answer
  // them, and keep each for ever.
  tcpKeepalive: 1,
  tcpKeepaliveIdle: 30,
  tcpKeepaliveInterval: 10,
  tcpKeepaliveCount: 3,
};

/** The address to connect from may stand before the host. */
const OVER_IPV6 = /^tcp:\/\/(?:[^;]+;)?\[/;

const CHANGES: Readonly<Partial<Record<EventType, Change>>> = {
  connect: 'connected',
  handshake: 'speaking',
  disconnect: 'lost',
  'connect:retry': 'retrying',
};

/** Rejects when the package is not there, or has no binary for this machine. */
export async function loadSubscribe(): Promise<Subscribe> {
  const { Subscriber } = await import('zeromq');
  return (endpoint, onChange) => {
    // By name, libzmq looks for IPv6 addresses only or for IPv4 addresses only; publishers mostly listen on the latter.
    const socket = new Subscriber({ ...OPTIONS, ipv6: OVER_IPV6.test(endpoint) });
    try {
      void observe(socket, onChange);
      socket.subscribe();
      socket.connect(endpoint);
    } catch (error) {
      socket.close();
      throw new NodepoolError('config', `${describeError(error)}; tcp://HOST:PORT is expected`, { cause: error });
    }
    return { receive: () => receive(socket), close: () => socket.close() };
  };
}

/**
 * Reads all that is observed, up to the last event, which comes when the socket is gone, and with which the observer closes
 * itself. Were it closed before, or left unread, libzmq's threads, which serve all sockets, would wait for a reader.
 */
async function observe(socket: Subscriber, onChange: (change: Change) => void): Promise<void> {
  try {
    const { events } = socket;
    while (!events.closed) {
      const change = CHANGES[(await events.receive()).type];
      if (change !== undefined && !socket.closed) onChange(change);
    }
  } catch {
    // Without events nobody would learn that libzmq has given up: better a new subscription.
    socket.close();
  }
}

/** Closing ends what waits, be it with an error or with a last message. */
async function receive(socket: Subscriber): Promise<readonly Buffer[] | null> {
  if (socket.closed) return null;
  try {
    const parts = await socket.receive();
    return socket.closed ? null : parts;
  } catch (error) {
    if (socket.closed) return null;
    throw error;
  }
}
