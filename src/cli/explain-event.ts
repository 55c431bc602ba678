import { REASONS } from '../planning/actions.ts';
import type { EventRecord } from '../store/store.ts';

/** The words behind a reason; one that this version does not know stays as it is. */
export function explainReason(reason: string): string {
  return (REASONS as Readonly<Record<string, string>>)[reason] ?? reason;
}

/** What an event happened to: `node 7`, `provider rax`. */
export function describeSubject({ subjectKind, subjectId, provider }: EventRecord): string {
  return subjectKind === 'provider' ? `provider ${provider ?? '?'}` : `${subjectKind} ${subjectId}`;
}
