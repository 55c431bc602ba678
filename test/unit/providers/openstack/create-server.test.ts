import { describe, expect, it } from 'vitest';
import { cloudImageId } from '../../../../src/lib/ids.ts';
import { aSpec, METADATA, refused, signal, stubCloud, type StubCloud } from './stub-cloud.ts';

const POST = 'POST compute /servers';
const bodyOf = (cloud: StubCloud, nth = 0): Record<string, unknown> =>
  (cloud.sent(POST)[nth]?.body as { server: Record<string, unknown> }).server;

describe('the request for a server', () => {
  it('names what the spec came to, and nothing that it leaves to the cloud', async () => {
    const stub = stubCloud();
    expect(await stub.cloud.createServer(aSpec(), signal)).toBe('server-1');
    expect(bodyOf(stub)).toEqual({
      name: 'devstack-7',
      flavorRef: 'flavor-1',
      imageRef: 'image-1',
      metadata: { groups: '["cloud"]', ...METADATA },
      max_count: 1,
    });
    expect(stub.sent(POST)[0]?.microversion).toBeUndefined();
  });

  it('has everything that can be asked for', async () => {
    const networks = [
      { id: null, name: 'private', isPublic: false },
      { id: 'net-x', name: null, isPublic: false },
    ];
    const stub = stubCloud({}, { config: { networks, securityGroups: ['ssh'] } });
    const spec = { az: 'az1', configDrive: true, keypair: 'key', userData: 'café', image: { id: cloudImageId('i-9') } };
    await stub.cloud.createServer(aSpec(spec), signal);
    expect(bodyOf(stub)).toMatchObject({
      imageRef: 'i-9',
      availability_zone: 'az1',
      config_drive: true,
      key_name: 'key',
      user_data: 'Y2Fmw6k=',
      networks: [{ uuid: 'net-private' }, { uuid: 'net-x' }],
      security_groups: [{ name: 'ssh' }],
    });
  });

  it('boots from a volume that goes with the server', async () => {
    const stub = stubCloud();
    await stub.cloud.createServer(aSpec({ volumeGb: 40 }), signal);
    expect(bodyOf(stub)).not.toHaveProperty('imageRef');
    const volume = { boot_index: 0, source_type: 'image', destination_type: 'volume', delete_on_termination: true };
    expect(bodyOf(stub).block_device_mapping_v2).toEqual([{ ...volume, uuid: 'image-1', volume_size: 40 }]);
  });
});

describe('a server is refused before anything is sent', () => {
  it.each([
    ['no flavor fits', { minRamMb: 9000, nameFilter: 'm1' }, /at least 9000 MB of RAM and "m1" in its name/],
    ['metadata is too long', { metadata: { groups: 'x'.repeat(256) } }, /"groups" is too long/],
    ['user data is too long', { userData: 'secret'.repeat(10_000) }, /user data has 80000 characters/],
  ])('when %s', async (_, overrides, message) => {
    const stub = stubCloud();
    const error = await stub.cloud.createServer(aSpec(overrides), signal).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'rejected', message: expect.stringMatching(message) as unknown });
    expect(String(error)).not.toContain('secretsecret');
    expect(stub.sent(POST)).toEqual([]);
  });

  it('when there is no such base image', async () => {
    const stub = stubCloud({ 'GET image /images': { images: [] } });
    await expect(stub.cloud.createServer(aSpec(), signal)).rejects.toMatchObject({ code: 'rejected' });
    expect(stub.sent(POST)).toEqual([]);
  });

  it('when two networks have the name, neither of them its own', async () => {
    const config = { networks: [{ id: null, name: 'lan', isPublic: false }] };
    const lan = (id: string, project_id: string) => ({ id, name: 'lan', shared: true, project_id });
    const stub = stubCloud({ 'GET network /networks': { networks: [lan('a', 'x'), lan('b', 'y')] } }, { config });
    await expect(stub.cloud.createServer(aSpec(), signal)).rejects.toMatchObject({ code: 'rejected' });
    stub.routes['GET network /networks'] = { networks: [lan('a', 'x'), lan('b', 'project-id')] };
    await stub.clock.advance(600_001);
    await stub.cloud.createServer(aSpec(), signal);
    expect(bodyOf(stub).networks).toEqual([{ uuid: 'b' }]);
  });
});

describe('a server that Nova refuses', () => {
  it.each(['not-found', 'conflict', 'rejected'] as const)(
    'as %s is rejected, and not asked for again',
    async (code) => {
      const stub = stubCloud({ [POST]: refused(code, 'the words of Nova') });
      const outcome = stub.cloud.createServer(aSpec(), signal);
      await expect(outcome).rejects.toMatchObject({ code: 'rejected', message: 'the words of Nova' });
      expect(stub.sent(POST)).toHaveLength(1);
    },
  );

  it.each(['quota', 'throttled', 'unavailable', 'auth'] as const)('with %s is not asked for again', async (code) => {
    const stub = stubCloud({ [POST]: refused(code) });
    await expect(stub.cloud.createServer(aSpec(), signal)).rejects.toMatchObject({ code });
    expect(stub.sent(POST)).toHaveLength(1);
  });

  it('is asked for once more when its flavor has vanished', async () => {
    const stub = stubCloud();
    await stub.cloud.createServer(aSpec(), signal);
    await stub.clock.advance(60_000);
    stub.routes['GET compute /flavors/detail'] = {
      flavors: [{ id: 'flavor-2', name: 'm2.small', ram: 8192, vcpus: 4, disk: 80 }],
    };
    stub.routes[POST] = (_: unknown, nth: number) => (nth === 2 ? refused('rejected') : { server: { id: 'server-2' } });
    expect(await stub.cloud.createServer(aSpec(), signal)).toBe('server-2');
    expect(bodyOf(stub, 1).flavorRef).toBe('flavor-1');
    expect(bodyOf(stub, 2).flavorRef).toBe('flavor-2');
  });

  it.each([
    ['base image', 'GET image /images', { images: [{ id: 'image-2', name: 'Ubuntu' }] }, { imageRef: 'image-2' }],
    [
      'network',
      'GET network /networks',
      { networks: [{ id: 'net-2', name: 'private', project_id: 'project-id' }] },
      { networks: [{ uuid: 'net-2' }] },
    ],
  ])('is asked for once more when its %s has been replaced by another of the name', async (_, route, now, expected) => {
    const stub = stubCloud({}, { config: { networks: [{ id: null, name: 'private', isPublic: false }] } });
    await stub.cloud.createServer(aSpec(), signal);
    await stub.clock.advance(30_000);
    stub.routes[route] = now;
    stub.routes[POST] = (_: unknown, nth: number) => (nth === 2 ? refused('rejected') : { server: { id: 'server-2' } });
    expect(await stub.cloud.createServer(aSpec(), signal)).toBe('server-2');
    expect(bodyOf(stub, 2)).toMatchObject(expected);
    expect(stub.sent(POST)).toHaveLength(3);
  });

  it('and an answer without an id says nothing about what happened', async () => {
    const stub = stubCloud({ [POST]: { portal: 'please log in' } });
    await expect(stub.cloud.createServer(aSpec(), signal)).rejects.toMatchObject({ code: 'unavailable' });
  });
});

it('twenty servers at once cost one reading of flavors, images and networks', async () => {
  const stub = stubCloud({}, { config: { networks: [{ id: null, name: 'private', isPublic: false }] } });
  await Promise.all(Array.from({ length: 20 }, () => stub.cloud.createServer(aSpec(), signal)));
  expect(stub.requests.filter(({ method }) => method === 'GET')).toHaveLength(3);
  expect(stub.sent(POST)).toHaveLength(20);
});

it('an image is looked for by id first when it looks like one, and by name when that is none', async () => {
  const base = 'e9490583-0470-4027-82be-b4347a0c3f85';
  const stub = stubCloud({ [`GET image /images/${base}`]: { id: base } });
  await stub.cloud.createServer(aSpec({ image: { base } }), signal);
  expect(bodyOf(stub).imageRef).toBe(base);
  stub.routes[`GET image /images/${base}`] = refused('not-found');
  await stub.clock.advance(60_001);
  await stub.cloud.createServer(aSpec({ image: { base } }), signal);
  expect(bodyOf(stub, 1).imageRef).toBe('image-1');
});
