import { describe, expect, it } from 'vitest';
import { drawFacts, drawListing, toObjects, type Column } from '../../../src/cli/output/listing.ts';
import { formatSize } from '../../../src/cli/output/size.ts';
import { renderTable } from '../../../src/cli/output/table.ts';
import { ageInSeconds, formatAge } from '../../../src/cli/output/time.ts';

interface Row {
  readonly id: number;
  readonly name: string | null;
  readonly age: number;
}

const columns: readonly Column<Row>[] = [
  { title: 'ID', key: 'id', value: ({ id }) => id },
  { title: 'Name', key: 'name', value: ({ name }) => name },
  { title: 'Age', key: 'age', unit: 'age', value: ({ age }) => age },
  { title: 'Detail', key: 'detail', isDetail: true, value: () => 'more' },
];

describe('a table', () => {
  it('is a box of left aligned cells under a header', () => {
    const rows = [
      { id: 7, name: 'a longer name', age: 61 },
      { id: 1234567, name: null, age: 0 },
    ];
    expect(drawListing(columns, rows)).toBe(`\
+---------+---------------+-------------+
| ID      | Name          | Age         |
+---------+---------------+-------------+
| 7       | a longer name | 00:00:01:01 |
| 1234567 |               | 00:00:00:00 |
+---------+---------------+-------------+
`);
  });

  it('is an empty box when there is nothing to list', () => {
    expect(renderTable(['ID', 'Name'], [])).toBe('+----+------+\n| ID | Name |\n+----+------+\n+----+------+\n');
  });

  it('counts characters, not bytes or UTF-16 units', () => {
    expect(renderTable(['N'], [['é😀']])).toBe('+----+\n| N  |\n+----+\n| é😀 |\n+----+\n');
  });

  it('keeps each row on one line and lets no control character through to the terminal', () => {
    expect(renderTable(['N'], [['a\n\u001b[2Jb']])).toBe(
      '+--------+\n| N      |\n+--------+\n| a [2Jb |\n+--------+\n',
    );
  });

  it('of one record shows what it has, one fact below the other', () => {
    expect(drawFacts(columns, { id: 7, name: null, age: 61 })).toBe(`\
+--------+-------------+
| Fact   | Value       |
+--------+-------------+
| ID     | 7           |
| Age    | 00:00:01:01 |
| Detail | more        |
+--------+-------------+
`);
  });
});

describe('a listing for machines', () => {
  it('has the raw values, those that tables leave out too', () => {
    expect(toObjects(columns, [{ id: 7, name: null, age: 61 }])).toEqual([
      { id: 7, name: null, age: 61, detail: 'more' },
    ]);
  });
});

describe('an age', () => {
  it('is shown as days, hours, minutes and seconds of two digits', () => {
    expect(formatAge(0)).toBe('00:00:00:00');
    expect(formatAge(2 * 86_400 + 3 * 3600 + 4 * 60 + 5)).toBe('02:03:04:05');
    expect(formatAge(123 * 86_400)).toBe('123:00:00:00');
  });

  it('is counted in whole seconds', () => {
    expect(ageInSeconds(10_999, 9000)).toBe(1);
    expect(ageInSeconds(11_000, 9000)).toBe(2);
  });

  it('is never negative, although the clock of the daemon may be ahead', () => {
    expect(ageInSeconds(1000, 9000)).toBe(0);
  });
});

describe('a size', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1.5 * 1024 ** 2, '1.5 MiB'],
    [412 * 1024 ** 2, '412 MiB'],
    [1024 ** 3 - 1, '1.0 GiB'],
    [4 * 1024 ** 3, '4.0 GiB'],
    [3 * 1024 ** 4, '3.0 TiB'],
  ])('of %s bytes is shown as %s', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });
});

describe('a list of texts in a cell', () => {
  const lists: readonly Column<readonly string[]>[] = [
    { title: 'Formats', key: 'formats', value: (formats) => formats },
  ];

  it('is shown with commas, and left out of facts when there is nothing in it', () => {
    expect(drawListing(lists, [['qcow2', 'raw'], []])).toContain('| qcow2, raw |\n|            |\n');
    expect(drawFacts(lists, ['raw'])).toContain('| Formats | raw   |\n');
    expect(drawFacts(lists, [])).not.toContain('Formats');
  });
});
