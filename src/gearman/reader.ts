/**
 * Takes apart what a Gearman server sends: binary packets, and lines of text in answer to administrative commands. The
 * first byte tells them apart.
 */
import { decodeHeader, HEADER_BYTES, type Packet } from './packets.ts';

/** Answers to jobs are a few hundred bytes. */
export const MAX_PACKET_BYTES = 1024 * 1024;
/** Names of functions have at most 512 bytes in gearmand. */
export const MAX_LINE_BYTES = 1024;
const NEWLINE = 10;

export type Message = ({ readonly kind: 'packet' } & Packet) | { readonly kind: 'line'; readonly text: string };

export interface Reading {
  readonly messages: readonly Message[];
  /** What is wrong with what came, as the end of a sentence about the server. Nothing can be read after it. */
  readonly problem: string | null;
}

/** Keeps what is not complete yet, which is never more than one packet and one line of the largest size. */
export class MessageReader {
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #packet: { readonly type: number; readonly data: Buffer; filled: number } | null = null;
  readonly #line = Buffer.alloc(MAX_LINE_BYTES);
  #lineBytes = 0;
  #problem: string | null = null;
  #messages: Message[] = [];

  /** Reads what came next, in whatever pieces; never throws. */
  read(chunk: Buffer): Reading {
    this.#messages = [];
    let rest = chunk;
    while (rest.length > 0 && this.#problem === null) rest = rest.subarray(this.#step(rest));
    return { messages: this.#messages, problem: this.#problem };
  }

  /** Reads a part of `chunk` and returns its length. */
  #step(chunk: Buffer): number {
    if (this.#packet !== null) return this.#readData(this.#packet, chunk);
    if (this.#headerBytes > 0 || (this.#lineBytes === 0 && chunk[0] === 0)) return this.#readHeader(chunk);
    return this.#readLine(chunk);
  }

  #readHeader(chunk: Buffer): number {
    const length = chunk.copy(this.#header, this.#headerBytes);
    this.#headerBytes += length;
    if (this.#headerBytes < HEADER_BYTES) return length;
    this.#headerBytes = 0;
    const header = decodeHeader(this.#header);
    if (header === null) this.#problem = 'sends what is not the Gearman protocol';
    else if (header.size > MAX_PACKET_BYTES) this.#problem = `sends a packet of ${header.size} bytes`;
    else this.#begin({ type: header.type, data: Buffer.alloc(header.size), filled: 0 });
    return length;
  }

  #begin(packet: { type: number; data: Buffer; filled: number }): void {
    if (packet.data.length > 0) this.#packet = packet;
    else this.#messages.push({ kind: 'packet', type: packet.type, data: packet.data });
  }

  #readData(packet: { type: number; data: Buffer; filled: number }, chunk: Buffer): number {
    const length = chunk.copy(packet.data, packet.filled);
    packet.filled += length;
    if (packet.filled === packet.data.length) {
      this.#packet = null;
      this.#messages.push({ kind: 'packet', type: packet.type, data: packet.data });
    }
    return length;
  }

  #readLine(chunk: Buffer): number {
    const end = chunk.indexOf(NEWLINE);
    const length = end < 0 ? chunk.length : end;
    if (this.#lineBytes + length > MAX_LINE_BYTES) {
      this.#problem = `sends a line of more than ${MAX_LINE_BYTES} bytes`;
      return length;
    }
    chunk.copy(this.#line, this.#lineBytes, 0, length);
    this.#lineBytes += length;
    if (end < 0) return length;
    this.#messages.push({ kind: 'line', text: this.#line.toString('utf8', 0, this.#lineBytes) });
    this.#lineBytes = 0;
    return length + 1;
  }
}
