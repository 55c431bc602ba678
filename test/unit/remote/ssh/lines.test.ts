import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLineReader } from '../../../../src/remote/ssh/lines.ts';

/** The lines of output that comes in these pieces. */
function linesOf(...chunks: readonly (string | Buffer)[]): string[] {
  const lines: string[] = [];
  const reader = createLineReader((line) => lines.push(line));
  for (const chunk of chunks) reader.feed(Buffer.from(chunk));
  reader.end();
  return lines;
}

describe('createLineReader', () => {
  it('reports lines without their ends, of Unix and of a terminal', () => {
    expect(linesOf('one\ntwo\r\n\nthree\r\r\n')).toEqual(['one', 'two', '', 'three']);
  });

  it('reports a last line without an end, and nothing after a last line with one', () => {
    expect(linesOf('one\ntwo')).toEqual(['one', 'two']);
    expect(linesOf('one\n')).toEqual(['one']);
    expect(linesOf()).toEqual([]);
  });

  it('shows of a progress bar what a terminal shows in the end', () => {
    expect(linesOf('10 %\r', '20 %\r', '100 %\r\ndone\n')).toEqual(['100 %', 'done']);
  });

  it('gives the same lines in whatever pieces the output comes', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', '漢', '😀', '\r', '\n', ' ') });
    fc.assert(
      fc.property(text, fc.array(fc.nat(40)), (output, cuts) => {
        const bytes = Buffer.from(output);
        const places = [...cuts.filter((cut) => cut < bytes.length), 0, bytes.length].sort((a, b) => a - b);
        const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
        expect(linesOf(...chunks)).toEqual(linesOf(bytes));
      }),
    );
  });

  it('keeps the beginning of a line that is too long, and goes on behind it', () => {
    const chunks = Array.from({ length: 100 }, () => 'x'.repeat(1000));
    expect(linesOf(...chunks, '\nnext\n')).toEqual(['x'.repeat(16 * 1024), 'next']);
  });

  it('takes bytes that are no UTF-8 for replacement characters', () => {
    expect(linesOf(Buffer.from([0x61, 0xff, 0x62, 0x0a, 0xc3]))).toEqual(['a\ufffdb', '\ufffd']);
  });
});
