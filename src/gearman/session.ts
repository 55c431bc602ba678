/** One TCP connection to a Gearman server, from its first packet to its end. */
import { connect, type Socket } from 'node:net';
import type { GearmanServerConfig } from '../config/types.ts';
import { orAborted } from '../lib/bounded.ts';
import type { Deadlines } from '../lib/deadlines.ts';
import { describeError, NodepoolError } from '../lib/errors.ts';
import { Jobs, type Submission } from './jobs.ts';
import { encodeRequest, PACKET_TYPES } from './packets.ts';
import { MessageReader, type Message } from './reader.ts';
import { StatusAnswer, type FunctionStatus } from './status.ts';
import { defer, type Deferred } from './waiting.ts';

/** The server's administrative commands show us by this name; it is the original's. */
const CLIENT_ID = 'nodepool';
/** Between two questions, too, a peer that vanished without a word is noticed. */
const KEEP_ALIVE_MS = 30_000;

export interface SessionDeps {
  /** How long the server may take to answer, which includes the time to reach it. */
  readonly deadlines: Deadlines;
}

/** How people know the server. */
export function serverName({ host, port }: GearmanServerConfig): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A question for the queues that the server has not answered yet. */
interface Question extends Deferred<readonly FunctionStatus[]> {
  readonly lines: StatusAnswer;
  readonly endDeadline: () => void;
}

export class GearmanSession {
  readonly #name: string;
  readonly #deadlines: Deadlines;
  readonly #socket: Socket;
  readonly #reader = new MessageReader();
  readonly #jobs: Jobs;
  readonly #ended = defer<NodepoolError>();
  #question: Question | null = null;
  #reason: NodepoolError | null = null;

  constructor(server: GearmanServerConfig, { deadlines }: SessionDeps) {
    this.#name = serverName(server);
    this.#deadlines = deadlines;
    const keepAlive = { keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
    this.#socket = connect({ host: server.host, port: server.port, noDelay: true, ...keepAlive });
    this.#socket.on('data', (chunk) => this.#read(chunk));
    this.#socket.on('error', (error) => this.#fail(`does not answer: ${describeSocketError(error)}`));
    this.#socket.on('close', () => this.#fail('closed the connection'));
    const write = (packet: Buffer): void => void this.#socket.write(packet);
    this.#jobs = new Jobs(this.#name, { write, deadlines, onSilence: () => this.#failSilent() });
    this.#greet();
  }

  /** Resolves with the reason when the connection has ended; never rejects. */
  get ended(): Promise<NodepoolError> {
    return this.#ended.promise;
  }

  /** Ends the connection. All that waits for the server is rejected with `reason`. */
  end(reason: NodepoolError): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    this.#socket.destroy();
    this.#question?.endDeadline();
    this.#question?.reject(reason);
    this.#jobs.end(reason);
    this.#ended.resolve(reason);
  }

  /** Asks for the queues. Those who ask at the same time get the same answer. */
  async status(signal: AbortSignal): Promise<readonly FunctionStatus[]> {
    if (this.#reason !== null) throw this.#reason;
    this.#question ??= this.#ask();
    return orAborted(this.#question.promise, { signal, what: `asking Gearman server ${this.#name}` });
  }

  /** Submits a job and waits for its result. */
  async submit(job: Submission): Promise<Buffer> {
    if (this.#reason !== null) throw this.#reason;
    return this.#jobs.submit(job);
  }

  #greet(): void {
    this.#socket.write(encodeRequest(PACKET_TYPES.setClientId, [CLIENT_ID]));
    // Without this option gearmand passes on an exception as a mere failure. Zuul's own server answers neither it nor
    // an echo, and passes exceptions on. So nothing waits for the answer.
    this.#socket.write(encodeRequest(PACKET_TYPES.option, ['exceptions']));
  }

  #ask(): Question {
    this.#socket.write('status\n');
    const endDeadline = this.#deadlines.start(() => this.#failSilent());
    return { ...defer(), lines: new StatusAnswer(), endDeadline };
  }

  #read(chunk: Buffer): void {
    const { messages, problem } = this.#reader.read(chunk);
    for (const message of messages) {
      const wrong = this.#take(message);
      if (wrong !== null) return this.#fail(wrong);
    }
    if (problem !== null) this.#fail(problem);
  }

  /** Returns what is wrong with the message, as the end of a sentence, or null. */
  #take(message: Message): string | null {
    if (message.kind === 'packet') return this.#jobs.take(message);
    const question = this.#question;
    if (question === null) return 'sends text that nobody asked for';
    const answer = question.lines.take(message.text);
    if (answer === null) return null;
    if ('problem' in answer) return answer.problem;
    this.#question = null;
    question.endDeadline();
    question.resolve(answer.table);
    return null;
  }

  #failSilent(): void {
    this.#fail('does not answer in time');
  }

  #fail(what: string): void {
    this.end(new NodepoolError('unavailable', `Gearman server ${this.#name} ${what}`));
  }
}

/** A host with several addresses fails with one error that says nothing and holds one for each address. */
function describeSocketError(error: Error): string {
  const [first] = error instanceof AggregateError ? (error.errors as readonly unknown[]) : [error];
  return describeError(first);
}
