/** Listings: what a column is called, what it holds, and how it looks. */
import type { OutputFormat } from '../options.ts';
import { renderResult } from './format.ts';
import { formatSize } from './size.ts';
import { renderTable } from './table.ts';
import { formatAge } from './time.ts';

/** A value of a listing as `json` and `yaml` show it. */
export type Cell =
  string | number | boolean | null | readonly (string | number)[] | readonly Readonly<Record<string, Cell>>[];

const FORMATS = { age: formatAge, bytes: formatSize };
type Unit = keyof typeof FORMATS;

export interface Column<Row> {
  readonly title: string;
  /** Key in `json` and `yaml`, in snake case. Ids are numbers, ages seconds, states and reasons lower-case strings. */
  readonly key: string;
  readonly value: (row: Row) => Cell;
  /** `age`: seconds, shown as days:hours:minutes:seconds. `bytes`: shown as KiB, MiB and so on. */
  readonly unit?: Unit;
  /** Left out of tables, which are wide enough; machines and the facts of a single record have it. */
  readonly isDetail?: true;
}

/** Renders rows in any format; in `json` and `yaml` a listing is an array of objects, empty when there is nothing. */
export async function renderListing<Row>(
  format: OutputFormat,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): Promise<string> {
  return renderResult(format, toObjects(columns, rows), () => drawListing(columns, rows));
}

export function toObjects<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): Record<string, Cell>[] {
  return rows.map((row) => Object.fromEntries(columns.map(({ key, value }) => [key, value(row)])));
}

export function drawListing<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const shown = columns.filter(({ isDetail }) => isDetail !== true);
  return renderTable(
    shown.map(({ title }) => title),
    rows.map((row) => shown.map((column) => formatCell(column.value(row), column.unit))),
  );
}

/** One record as a table of its facts, downwards; what it has not is left out, and so are nested records. */
export function drawFacts<Row>(columns: readonly Column<Row>[], row: Row): string {
  const facts = columns.map(({ title, value, unit }) => ({ title, cell: value(row), unit }));
  const known = facts.filter(({ cell }) => cell !== null && (typeof cell !== 'object' || isPlainList(cell)));
  return renderTable(
    ['Fact', 'Value'],
    known.map(({ title, cell, unit }) => [title, formatCell(cell, unit)]),
  );
}

function formatCell(cell: Cell, unit: Unit | undefined): string {
  if (cell === null) return '';
  if (unit !== undefined && typeof cell === 'number') return FORMATS[unit](cell);
  if (typeof cell !== 'object') return String(cell);
  if (cell.length === 0) return '';
  return isPlainList(cell) ? cell.join(', ') : JSON.stringify(cell);
}

/** Whether it is a list of texts or numbers with something in it. */
function isPlainList(cell: Cell): cell is readonly (string | number)[] {
  return Array.isArray(cell) && cell.length > 0 && cell.every((item) => typeof item !== 'object');
}
