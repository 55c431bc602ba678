import { byRank } from '../lifecycle/hand-out.ts';
import type { RequestRecord } from '../lifecycle/records.ts';

/** Of the requests that wait, in the order of their turns: the place of each among those of its label, by id; 1: next. */
export function placesInLine(requests: readonly RequestRecord[]): ReadonlyMap<number, number> {
  const waiting = byRank(requests.filter(({ state }) => state === 'waiting'));
  const lengths = new Map<string, number>();
  return new Map(
    waiting.map(({ id, label }) => {
      const place = (lengths.get(label) ?? 0) + 1;
      lengths.set(label, place);
      return [id, place];
    }),
  );
}
