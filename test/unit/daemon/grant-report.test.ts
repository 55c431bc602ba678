import { expect, it } from 'vitest';
import { GrantReport } from '../../../src/daemon/grant-report.ts';
import type { RequestRecord } from '../../../src/lifecycle/records.ts';
import type { Metrics } from '../../../src/metrics/metrics.ts';
import { aRequest, NOW } from '../../support/builders.ts';

const waiting = aRequest({ id: 1, createdAt: NOW - 10_000 });
const granted = (id: number): RequestRecord =>
  aRequest({ id, state: 'granted', createdAt: NOW - 10_000, grantedAt: NOW - 4000 });

function scene() {
  const told: unknown[] = [];
  const metrics = { requestGranted: (request) => void told.push(request) } as Partial<Metrics> as Metrics;
  const report = new GrantReport();
  return { told, report, look: (...requests: readonly RequestRecord[]) => report.look(requests, metrics) };
}

it('tells of each request that got its nodes since the last look, once, with the time that it waited', () => {
  const { told, look } = scene();
  look(waiting);
  look(granted(1), granted(2));
  look(granted(1), granted(2), granted(3));
  look(granted(2));
  expect(told).toEqual([1, 2, 3].map(() => ({ label: 'small', ms: 6000 })));
});

it('tells nothing of those that had their nodes at the first look: others have told of them', () => {
  const { told, look, report } = scene();
  look(granted(1));
  report.forget();
  look(granted(1), granted(2));
  expect(told).toEqual([]);
  look(granted(1), granted(2), granted(3));
  expect(told).toHaveLength(1);
});
