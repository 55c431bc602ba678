import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRequest } from '../../../src/gearman/packets.ts';
import {
  MAX_LINE_BYTES,
  MAX_PACKET_BYTES,
  MessageReader,
  type Message,
  type Reading,
} from '../../../src/gearman/reader.ts';
import { response } from './scene.ts';

const RUNS = { numRuns: 500, seed: 20_160_101 };

function readAll(chunks: readonly Buffer[]): Reading {
  const reader = new MessageReader();
  const readings = chunks.map((chunk) => reader.read(chunk));
  return { messages: readings.flatMap(({ messages }) => messages), problem: readings.at(-1)?.problem ?? null };
}

/** `bytes` in pieces of the given lengths, again and again. */
function split(bytes: Buffer, lengths: readonly number[]): readonly Buffer[] {
  const chunks: Buffer[] = [];
  for (let start = 0; start < bytes.length;) {
    const length = lengths[chunks.length % lengths.length]!;
    chunks.push(bytes.subarray(start, start + length));
    start += length;
  }
  return chunks;
}

const line = (text: string): Message => ({ kind: 'line', text });
const packet = (type: number, data: string): Message => ({ kind: 'packet', type, data: Buffer.from(data) });

describe('a request', () => {
  it('is what the protocol has as its example', () => {
    const expected = ['0052455100000007', '0000000d', Buffer.from('reverse\0\0test').toString('hex')];
    expect(encodeRequest(7, ['reverse', '', 'test']).toString('hex')).toBe(expected.join(''));
  });

  it('may have NULs in its last argument, and none at all', () => {
    expect(
      encodeRequest(16, [Buffer.of(0, 1, 0)])
        .subarray(8)
        .toString('hex'),
    ).toBe('00000003000100');
    expect(encodeRequest(4, []).toString('hex')).toBe('005245510000000400000000');
  });
});

describe('the reader', () => {
  const bytes = Buffer.concat([
    response(27, 'exceptions'),
    Buffer.from('build:a:small\t2\t1\t0\n.\n'),
    response(8, 'H:zuul:1'),
    response(6),
    response(13, 'H:zuul:1', 'dönе\n'),
    Buffer.from('größe\t1\t0\t0\r\n\n'),
  ]);
  const messages = [
    packet(27, 'exceptions'),
    line('build:a:small\t2\t1\t0'),
    line('.'),
    packet(8, 'H:zuul:1'),
    packet(6, ''),
    packet(13, 'H:zuul:1\0dönе\n'),
    line('größe\t1\t0\t0\r'),
    line(''),
  ];

  it('tells packets and lines apart, glued together', () => {
    expect(readAll([bytes])).toEqual({ messages, problem: null });
  });

  it('puts together what comes in pieces of any size', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(lengths, (pieces) => {
        expect(readAll(split(bytes, pieces))).toEqual({ messages, problem: null });
      }),
      RUNS,
    );
  });

  it("reads packets with the magic number of requests, as Zuul's server sends them when a worker goes away", () => {
    expect(readAll([encodeRequest(14, ['H:zuul:1'])]).messages).toEqual([packet(14, 'H:zuul:1')]);
  });

  it('takes a packet of the largest size, in pieces too, and none that says it is larger', () => {
    const largest = response(28, 'x'.repeat(MAX_PACKET_BYTES));
    const [message] = readAll(split(largest, [65_536])).messages;
    // Compared by hand: the matchers take seconds for a megabyte.
    expect(message?.kind === 'packet' && message.data.equals(largest.subarray(12))).toBe(true);
    const header = response(28, '');
    header.writeUInt32BE(MAX_PACKET_BYTES + 1, 8);
    expect(readAll([header])).toEqual({ messages: [], problem: 'sends a packet of 1048577 bytes' });
  });

  it('takes a line of the largest size, and none that is longer', () => {
    const longest = 'x'.repeat(MAX_LINE_BYTES);
    const problem = 'sends a line of more than 1024 bytes';
    for (const pieces of [[5000], [1000]]) {
      expect(readAll(split(Buffer.from(`${longest}\n`), pieces))).toEqual({ messages: [line(longest)], problem: null });
      expect(readAll(split(Buffer.from(`${longest}x\n`), pieces))).toEqual({ messages: [], problem });
    }
  });

  it('reads nothing after nonsense', () => {
    const nonsense = Buffer.from('\0HTTP/1.1 200');
    const reading = readAll([Buffer.from('.\n'), nonsense, Buffer.from('.\n')]);
    expect(reading).toEqual({ messages: [line('.')], problem: 'sends what is not the Gearman protocol' });
  });

  it('takes anything without throwing, and always to the same effect, whole or in pieces', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 10 });
    // Bytes that are often those of the protocol, so that more than the first is read.
    const byte = fc.oneof(fc.constantFrom(...Buffer.from('\0\0\0RESQ\t\n.1')), fc.integer({ min: 0, max: 255 }));
    const some = fc.oneof(
      fc.array(byte, { maxLength: 200 }).map((list) => Buffer.from(list)),
      fc.tuple(fc.nat(50), fc.string()).map(([type, text]) => response(type, text)),
    );
    fc.assert(
      fc.property(fc.array(some, { maxLength: 10 }), lengths, (list, pieces) => {
        const all = Buffer.concat(list);
        expect(readAll(split(all, pieces))).toEqual(readAll(all.length > 0 ? [all] : []));
      }),
      RUNS,
    );
  });
});
