/** What happened to a record, for people and for machines. */
import type { EventRecord } from '../store/store.ts';
import { describeSubject, explainEvent } from './explain-event.ts';
import { drawListing, type Column } from './output/listing.ts';
import { toPlainLine } from './output/table.ts';
import { formatTime } from './output/time.ts';

export const EVENT_COLUMNS: readonly Column<EventRecord>[] = [
  { title: 'Time', key: 'at', value: ({ at }) => formatTime(at) },
  { title: 'Subject', key: 'subject', value: describeSubject },
  { title: 'Event', key: 'event', value: ({ kind }) => kind },
  { title: 'Reason', key: 'reason', value: ({ reason }) => reason },
  { title: 'Why', key: 'why', value: explainEvent },
  { title: 'Detail', key: 'detail', value: ({ detail }) => detail },
];

/** Events as a table; a detail of many lines, such as the end of a console, stands below it. */
export function drawHistory(events: readonly EventRecord[]): string {
  const rows = events.map((event) => {
    const lines = countLines(event);
    return lines > 1 ? { ...event, detail: `${lines} lines, see below` } : event;
  });
  const texts = events.filter((event) => countLines(event) > 1).map(drawText);
  return [`History\n${drawListing(EVENT_COLUMNS, rows)}`, ...texts].join('\n');
}

function countLines({ detail }: EventRecord): number {
  return detail?.trimEnd().split('\n').length ?? 0;
}

function drawText(event: EventRecord): string {
  const { at, kind, detail } = event;
  const reason = explainEvent(event);
  const why = reason === null ? '' : `, because ${reason}`;
  const lines = detail?.trimEnd().split('\n') ?? [];
  return `${kind} of ${formatTime(at)}${why}:\n${lines.map((line) => `    ${toPlainLine(line)}`.trimEnd()).join('\n')}\n`;
}
