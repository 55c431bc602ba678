import type { RequestRecord } from '../../src/lifecycle/records.ts';
import { requestRank } from '../../src/lifecycle/request-states.ts';
import { NOW, sharedIds, type Ids } from './builders.ts';

/** A request for one node that waits. */
export function aRequest(overrides: Partial<RequestRecord> = {}, ids: Ids = sharedIds): RequestRecord {
  const { createdAt = NOW - 10_000, priority = 0, state = 'waiting', ttlMs = 3_600_000 } = overrides;
  const grantedAt = state === 'granted' ? NOW - 5000 : null;
  return {
    id: ids(),
    label: 'small',
    count: 1,
    priority,
    rank: requestRank(createdAt, priority),
    requestor: 'tester',
    reason: null,
    tokenId: null,
    ttlMs,
    state,
    createdAt,
    grantedAt,
    expiresAt: grantedAt === null ? null : grantedAt + ttlMs,
    endedAt: null,
    endReason: null,
    ...overrides,
  };
}
