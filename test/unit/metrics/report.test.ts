import { describe, expect, it } from 'vitest';
import type { RequestRecord } from '../../../src/lifecycle/records.ts';
import { createReport, type Wire } from '../../../src/metrics/report.ts';
import { aConfig, aLabel, aNode, aRequest } from '../../support/builders.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const config = aConfig();
const one = [aNode()];
const two = [aNode(), aNode()];
const none: readonly RequestRecord[] = [];

/** A report, and the values of `nodepool.nodes.ready` that it sent so far. */
function aReport() {
  const clock = createFakeClock();
  const sent: number[] = [];
  const wire: Wire = {
    gauge: (key, value) => {
      if (key === 'nodepool.nodes.ready') sent.push(value);
    },
    timing: () => undefined,
    increment: () => undefined,
    close: async () => undefined,
  };
  return { clock, sent, report: createReport(wire, clock) };
}

describe('the gauges of the pool', () => {
  it('are sent when it is first shown', () => {
    const { report, sent } = aReport();
    report.pool(config, one, none);
    expect(sent).toEqual([1]);
  });

  it('are not sent again within a second, though it changed', async () => {
    const { report, sent, clock } = aReport();
    report.pool(config, one, none);
    await clock.advance(999);
    report.pool(config, two, none);
    expect(sent).toEqual([1]);
  });

  it('are sent after a second when it changed', async () => {
    const { report, sent, clock } = aReport();
    report.pool(config, one, none);
    await clock.advance(500);
    report.pool(config, two, none);
    await clock.advance(500);
    report.pool(config, two, none);
    expect(sent).toEqual([1, 2]);
  });

  it('are sent after a second when the configuration changed', async () => {
    const { report, sent, clock } = aReport();
    report.pool(aConfig({ labels: [aLabel({ subnodes: 1 })] }), one, none);
    await clock.advance(1000);
    report.pool(config, one, none);
    expect(sent).toEqual([2, 1]);
  });

  it('are not sent within ten seconds while nothing changes, and then once', async () => {
    const { report, sent, clock } = aReport();
    report.pool(config, one, none);
    await clock.advance(9_999);
    report.pool(config, one, none);
    expect(sent).toEqual([1]);
    await clock.advance(1);
    report.pool(config, one, none);
    report.pool(config, one, none);
    expect(sent).toEqual([1, 1]);
  });

  it('are sent although the clock was set back', () => {
    const { report, sent, clock } = aReport();
    report.pool(config, one, none);
    clock.set(clock.now() - 3_600_000);
    report.pool(config, two, none);
    expect(sent).toEqual([1, 2]);
  });

  it('are sent at the end if the last change was not', async () => {
    const { report, sent } = aReport();
    report.pool(config, one, none);
    report.pool(config, two, none);
    await report.close();
    expect(sent).toEqual([1, 2]);
  });

  it('are sent when requests came or went', async () => {
    const { report, sent, clock } = aReport();
    report.pool(config, one, none);
    await clock.advance(1000);
    report.pool(config, one, [aRequest()]);
    expect(sent).toEqual([1, 1]);
  });

  it('are not sent twice at the end', async () => {
    const { report, sent } = aReport();
    report.pool(config, one, none);
    await report.close();
    expect(sent).toEqual([1]);
  });
});
