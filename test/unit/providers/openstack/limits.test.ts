import { describe, expect, it } from 'vitest';
import { refused, routed, signal, stubCloud, TAGS, type Routes } from './stub-cloud.ts';

const QUOTA = 'GET network /quotas/project-id';
const absolute = { maxTotalInstances: 10, maxTotalCores: -1, maxTotalRAMSize: 51_200 };
const limitsWith = (routes: Routes) =>
  stubCloud({ 'GET compute /limits': { limits: { absolute } }, ...routes }).cloud.limits(signal);

it('reads what the project may have, -1 being no limit, and what servers are made of', async () => {
  expect(await limitsWith({})).toEqual({
    servers: 10,
    cores: null,
    ramMb: 51_200,
    floatingIps: null,
    flavors: [{ id: 'flavor-1', name: 'm1.small', ramMb: 8192, cores: 4, diskGb: 80 }],
  });
});

it('leaves out flavors that are disabled', async () => {
  const flavors = [{ id: 'a', name: 'a', ram: 1, vcpus: 1, disk: 1, 'OS-FLV-DISABLED:disabled': true }];
  expect((await limitsWith({ 'GET compute /flavors/detail': { flavors } })).flavors).toEqual([]);
});

it('reads flavors again after ten minutes, and not before', async () => {
  const stub = stubCloud();
  for (const ms of [0, 600_000, 1]) {
    await stub.clock.advance(ms);
    await stub.cloud.limits(signal);
  }
  expect(stub.sent('GET compute /flavors/detail')).toHaveLength(2);
});

describe('floating IPs', () => {
  const ours = `nodepool ${TAGS.installation} ${TAGS.record}`;
  const ip = (id: string, description: string) => ({ id, floating_ip_address: '198.51.100.7', description });

  it('are limited to what others leave', async () => {
    const floatingips = [ip('a', ours), ip('b', ''), ip('c', '')];
    const routes = { ...routed(), [QUOTA]: { quota: { floatingip: 50 } }, 'GET network /floatingips': { floatingips } };
    expect((await limitsWith(routes)).floatingIps).toBe(48);
  });

  it.each([{ quota: { floatingip: -1 } }, refused('not-found'), refused('rejected')])(
    'have no known limit when the network service says %j',
    async (answer) => {
      expect((await limitsWith({ ...routed(), [QUOTA]: answer })).floatingIps).toBeNull();
    },
  );

  it('are no reason to ask for a quota where servers get none', async () => {
    const stub = stubCloud();
    expect((await stub.cloud.limits(signal)).floatingIps).toBeNull();
    expect(stub.sent(QUOTA)).toEqual([]);
  });
});
