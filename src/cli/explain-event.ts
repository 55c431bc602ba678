import { REQUEST_ENDS } from '../lifecycle/records.ts';
import { REASONS } from '../planning/actions.ts';
import type { EventRecord } from '../store/store.ts';

/** The words behind a reason; one that this version does not know stays as it is. */
export function explainReason(reason: string): string {
  return (REASONS as Readonly<Record<string, string>>)[reason] ?? reason;
}

/** Why something happened, in words; null: there is no reason on record. Requests end for reasons of their own. */
export function explainEvent({ subjectKind, reason }: EventRecord): string | null {
  if (reason === null) return null;
  const ends: Readonly<Record<string, string>> = subjectKind === 'request' ? REQUEST_ENDS : {};
  return ends[reason] ?? explainReason(reason);
}

/** What an event happened to: `node 7`, `provider rax`. */
export function describeSubject({ subjectKind, subjectId, provider }: EventRecord): string {
  return subjectKind === 'provider' ? `provider ${provider ?? '?'}` : `${subjectKind} ${subjectId}`;
}
