import { REASONS } from '../planning/actions.ts';

/** The words behind a reason; one that this version does not know stays as it is. */
export function explainReason(reason: string): string {
  return (REASONS as Readonly<Record<string, string>>)[reason] ?? reason;
}
