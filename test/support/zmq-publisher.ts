import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { needPackage } from './debian-package.ts';
import { findFreePort } from './server-process.ts';

/** The package has no program; this is where its module is, seen from the directories of programs. */
const MODULE = '../lib/python3/dist-packages/zmq';

/** XPUB is PUB that also says when somebody subscribes. Bytes of messages come as lines in hex. */
const PROGRAM = `
import os, sys, zmq
socket = zmq.Context().socket(zmq.XPUB)
socket.linger = 0
socket.bind(sys.argv[1])
print('bound', flush=True)
poller = zmq.Poller()
poller.register(socket, zmq.POLLIN)
poller.register(0, zmq.POLLIN)
lines = open(0, 'rb', buffering=0)
while True:
    for ready, _ in poller.poll():
        if ready == 0:
            socket.send(bytes.fromhex(lines.readline().decode()))
        elif socket.recv()[:1] == b'\\x01':
            print('subscribed', flush=True)
`;

/** A publisher of another maker: Python's ZeroMQ of the system, in a process that can be killed, on a port of its own. */
export class PythonPublisher {
  readonly endpoint: string;
  #process: ChildProcess | null = null;
  /** What it says: it keeps what nobody has asked for yet. */
  #lines: AsyncIterator<string> | null = null;

  private constructor(endpoint: string) {
    this.endpoint = endpoint;
  }

  /** Nothing runs yet. */
  static async create(): Promise<PythonPublisher> {
    await needPackage('python3-zmq', "Python's ZeroMQ", ['python3', MODULE]);
    return new PythonPublisher(`tcp://127.0.0.1:${await findFreePort()}`);
  }

  /** Resolves when it can be connected to. */
  async start(): Promise<void> {
    const child = spawn('/usr/bin/python3', ['-c', PROGRAM, this.endpoint], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#process = child;
    running.add(child);
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    await this.#says('bound');
  }

  /** Resolves when somebody subscribes, from when on everything that is sent gets to them. */
  subscribed(): Promise<void> {
    return this.#says('subscribed');
  }

  send(message: string | Buffer): void {
    this.#process?.stdin?.write(`${Buffer.from(message).toString('hex')}\n`);
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null) return;
    running.delete(child);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async #says(expected: string): Promise<void> {
    if (this.#lines === null) throw new Error('it was not started');
    const line = await this.#lines.next();
    const said = line.done ? 'nothing more' : line.value;
    if (said !== expected) throw new Error(`the publisher says ${said}, not ${expected}`);
  }
}

/** Each test ends what it started; this is for a run that is cut off. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
