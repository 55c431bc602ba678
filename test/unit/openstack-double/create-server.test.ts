import { describe, expect, it } from 'vitest';
import { connect, type Client } from './client.ts';

const UNKNOWN = '11111111-1111-4111-8111-111111111111';

interface Known {
  readonly imageRef: string;
  readonly flavorRef: string;
  readonly network: string;
}

async function knownOf(client: Client): Promise<Known> {
  const [imageRef, flavorRef] = [await client.imageId(), await client.flavorId('m1.tiny')];
  return { imageRef, flavorRef, network: client.double.networkId('private') };
}

/** What is sent instead of a server that would be accepted; `without`: keys that are left out. */
interface Wrong {
  readonly version?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly without?: readonly string[];
  readonly beside?: object;
}

async function post(client: Client, { version = '2.47', beside = {}, without = [], ...wrong }: Wrong) {
  const { imageRef, flavorRef, network } = await knownOf(client);
  const whole: Record<string, unknown> = {
    name: 'a',
    imageRef,
    flavorRef,
    networks: [{ uuid: network }],
    ...wrong.with,
  };
  const server = Object.fromEntries(Object.entries(whole).filter(([key]) => !without.includes(key)));
  return client.send('POST', '/compute/v2.1/servers', { version, body: { server, ...beside } });
}

const REFUSALS: readonly (readonly [what: string, wrong: Wrong, message: string])[] = [
  ['a key that Nova does not know', { with: { bogus: 1 } }, "('bogus' was unexpected)"],
  ['two such keys', { with: { bogus: 1, more: 2 } }, "('bogus', 'more' were unexpected)"],
  ['a key beside the server', { beside: { bogus: 1 } }, "('bogus' was unexpected)"],
  ['no name', { without: ['name'] }, "'name' is a required property"],
  ['an empty name', { with: { name: '' } }, "Invalid input for field/attribute name. Value: . '' is too short"],
  ['a name with blanks around it', { with: { name: ' a ' } }, 'Can not start or end with whitespace.'],
  ['no flavor', { without: ['flavorRef'] }, "'flavorRef' is a required property"],
  ['no networks from 2.37 on', { without: ['networks'] }, "'networks' is a required property"],
  ['networks: none before 2.37', { version: '2.36', with: { networks: 'none' } }, "'none' is not of type 'array'"],
  ['a network that is no id', { with: { networks: [{ uuid: 'a' }] } }, "[{'uuid': 'a'}] is not valid under any of"],
  ['an unknown network', { with: { networks: [{ uuid: UNKNOWN }] } }, `Network ${UNKNOWN} could not be found.`],
  ['an image that is no id', { with: { imageRef: 'a' } }, "'a' is not valid under any of the given schemas"],
  ['an unknown image', { with: { imageRef: UNKNOWN } }, 'Can not find requested image'],
  ['no image', { without: ['imageRef'] }, 'Missing imageRef attribute'],
  ['an unknown flavor', { with: { flavorRef: 'a' } }, 'Flavor a could not be found.'],
  ['an unknown key pair', { with: { key_name: 'a' } }, 'Invalid key_name provided.'],
  ['null as key pair', { with: { key_name: null } }, "Value: None. None is not of type 'string'"],
  ['an unknown zone', { with: { availability_zone: 'a' } }, 'The requested availability zone is not available'],
  ['an unknown security group', { with: { security_groups: [{ name: 'a' }] } }, "security_group with name or id 'a'"],
  ['a security group by id', { with: { security_groups: [{ id: 'a' }] } }, "('id' was unexpected)"],
  ['metadata of 256 characters', { with: { metadata: { a: 'x'.repeat(256) } } }, 'is too long'],
  ['metadata that is no text', { with: { metadata: { a: 5 } } }, "5 is not of type 'string'"],
  ['a metadata key with a semicolon', { with: { metadata: { 'a;': '' } } }, 'does not match any of the regexes'],
  ['config_drive null', { with: { config_drive: null } }, "None is not of type 'boolean', 'string'"],
  ['user data as it is', { with: { user_data: '#!/bin/sh' } }, "'#!/bin/sh' is not a 'base64'"],
  ['tags before 2.52', { with: { tags: ['a'] } }, "('tags' was unexpected)"],
  ['a description before 2.19', { version: '2.18', with: { description: 'a' } }, "('description' was unexpected)"],
];

describe('creating a server', () => {
  it.each(REFUSALS)('is refused for %s', async (_, wrong, message) => {
    const client = await connect();
    const answer = await post(client, wrong);
    expect(answer).toMatchObject({ status: 400, body: { badRequest: { code: 400 } } });
    expect((answer.body as { badRequest: { message: string } }).badRequest.message).toContain(message);
    expect(client.double.servers()).toEqual([]);
  });

  it.each(['', '{', '[]'])('is refused for the body %j', async (body) => {
    const { send } = await connect();
    expect(await send('POST', '/compute/v2.1/servers', { body })).toMatchObject({ status: 400 });
  });

  it('is accepted with all that the pool sends, in the oldest microversion as well', async () => {
    const client = await connect();
    const metadata = { nodepool_record: 'node-1-abc', groups: '["a"]' };
    const rest = { metadata, config_drive: true, availability_zone: 'nova', security_groups: [{ name: 'default' }] };
    for (const version of ['2.1', '2.47', '2.93']) {
      const answer = await post(client, { version, with: { ...rest, user_data: 'IyEvYmluL3NoCg==' } });
      const { id } = (answer.body as { server: { id: string } }).server;
      expect(answer.headers.get('location')).toBe(`${client.double.url}/compute/v2.1/servers/${id}`);
      expect(Object.keys(answer.body as object)).toEqual(['server']);
    }
    expect(client.double.servers().map((server) => server.metadata)).toEqual([metadata, metadata, metadata]);
  });

  it('takes the only network where none is named, and refuses to choose between two', async () => {
    const network = { cidr: '198.51.100.0/24', isShared: true };
    const one = await connect({ networks: [{ ...network, name: 'one' }] });
    await one.createServer();
    expect(one.double.ports()).toHaveLength(1);
    const two = await connect({ networks: ['one', 'two'].map((name) => ({ ...network, name })) });
    await expect(two.createServer()).rejects.toThrow('Multiple possible networks found');
    expect(two.double.servers()).toEqual([]);
  });

  it('ends in ERROR on an external network that is not shared', async () => {
    const client = await connect({ behaviour: { bootMs: 5000 } });
    const id = await client.createServer({ networks: [{ uuid: client.double.networkId('public') }] });
    expect((await client.server(id)).body).toMatchObject({ server: { status: 'BUILD' } });
    await client.clock.advance(5000);
    const fault = { code: 500, message: expect.stringContaining('Failed to allocate the network(s)') as unknown };
    expect((await client.server(id)).body).toMatchObject({ server: { status: 'ERROR', fault } });
  });

  it('boots from a volume of a given size, and refuses one of none', async () => {
    const client = await connect();
    const volume = { boot_index: 0, uuid: await client.imageId(), source_type: 'image', destination_type: 'volume' };
    const bodyWith = (more: object): Wrong => ({
      without: ['imageRef'],
      with: { block_device_mapping_v2: [{ ...volume, ...more, delete_on_termination: true }] },
    });
    expect((await post(client, bodyWith({}))).text).toContain('need to have a non-zero size specified');
    expect((await post(client, bodyWith({ volume_size: 5 }))).status).toBe(202);
    const { body } = await client.send('GET', '/compute/v2.1/servers/detail');
    expect(body).toMatchObject({ servers: [{ image: '', 'os-extended-volumes:volumes_attached': [{}] }] });
  });

  it('refuses a flavor that is too small for the image', async () => {
    const client = await connect({ images: [{ name: 'large', minDisk: 2 }] });
    expect((await post(client, {})).text).toContain(
      'Flavor disk is 1073741824 bytes, minimum size is 2147483648 bytes.',
    );
    const hungry = await connect({ images: [{ name: 'hungry', minRam: 1024 }] });
    expect((await post(hungry, {})).text).toContain("Flavor's memory is too small for requested image.");
  });
});

describe('quotas', () => {
  it.each([
    [{ instances: 1 }, 'Quota exceeded for instances: Requested 1, but already used 1 of 1 instances'],
    [{ cores: 1 }, 'Quota exceeded for cores: Requested 1, but already used 1 of 1 cores'],
    [
      { instances: 1, cores: 1, ram: 512 },
      'Quota exceeded for cores, instances, ram: Requested 1, 1, 512, but already used 1, 1, 512 of 1, 1, 512 ' +
        'cores, instances, ram',
    ],
    [{ ports: 1 }, 'The number of defined ports: 1 is over the limit: 1'],
  ])('of %j is not exceeded', async (quota, message) => {
    const client = await connect();
    client.double.setQuota(quota);
    expect((await post(client, {})).status).toBe(202);
    expect(await post(client, {})).toMatchObject({ status: 403, body: { forbidden: { code: 403, message } } });
    expect(client.double.servers()).toHaveLength(1);
  });

  it('count a server until it has gone, and are shown with their use', async () => {
    const client = await connect({ behaviour: { deleteMs: 1000 } });
    client.double.setQuota({ instances: 1 });
    const id = await client.createServer();
    await client.send('DELETE', `/compute/v2.1/servers/${id}`);
    const use = { maxTotalInstances: 1, totalInstancesUsed: 1, totalCoresUsed: 1, totalRAMUsed: 512 };
    expect((await client.send('GET', '/compute/v2.1/limits')).body).toMatchObject({ limits: { absolute: use } });
    expect((await post(client, {})).status).toBe(403);
    await client.clock.advance(1000);
    expect((await post(client, {})).status).toBe(202);
  });
});
