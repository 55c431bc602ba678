/** The part of the contract that is about what belongs to servers: key pairs, floating IPs, consoles. */
import { describe, expect, it } from 'vitest';
import { serverId } from '../../src/lib/ids.ts';
import { IMAGE_TAGS, PUBLIC_KEYS, signal, TAGS, type Bench } from './contract-bench.ts';

const OWNER = { installation: TAGS.installation, record: TAGS.record };
const TEMPLATE_OWNER = { installation: IMAGE_TAGS.installation, record: IMAGE_TAGS.record };
const KEYPAIR = { publicKey: PUBLIC_KEYS[0], tags: IMAGE_TAGS };

export function describeKeypairs(at: () => Bench): void {
  describe('key pairs', () => {
    it('has none at first', async () => {
      expect(await at().accessories('keypair')).toEqual([]);
    });

    it('lists a new key pair with its name as id, and with the record that it was made for', async () => {
      const { cloud, accessories, subject } = at();
      const name = await cloud.createKeypair(KEYPAIR, signal);
      expect(await accessories('keypair')).toMatchObject([{ id: name, name, tags: TEMPLATE_OWNER }]);
      expect(await subject.publicKeyOf(name)).toContain(PUBLIC_KEYS[0]);
    });

    it('names key pairs by their tags alone, and those of two records differently', async () => {
      const { cloud, accessories } = at();
      const name = await cloud.createKeypair(KEYPAIR, signal);
      expect(await cloud.createKeypair(KEYPAIR, signal)).toBe(name);
      expect(await cloud.createKeypair({ ...KEYPAIR, tags: TAGS }, signal)).not.toBe(name);
      const owners = (await accessories('keypair')).map(({ tags }) => tags);
      expect(owners).toHaveLength(2);
      expect(owners).toEqual(expect.arrayContaining([OWNER, TEMPLATE_OWNER]));
    });

    it('replaces a key pair of the same tags whose key is another', async () => {
      const { cloud, accessories, subject } = at();
      const name = await cloud.createKeypair(KEYPAIR, signal);
      expect(await cloud.createKeypair({ ...KEYPAIR, publicKey: PUBLIC_KEYS[1] }, signal)).toBe(name);
      expect(await accessories('keypair')).toHaveLength(1);
      expect(await subject.publicKeyOf(name)).toContain(PUBLIC_KEYS[1]);
    });

    it('boots a server with a key pair', async () => {
      const { cloud, activeServer } = at();
      const keypair = await cloud.createKeypair(KEYPAIR, signal);
      expect(await activeServer({ keypair, tags: IMAGE_TAGS })).toMatchObject({ tags: IMAGE_TAGS, fault: null });
    });

    it('refuses a server with a key pair that does not exist as rejected, and creates nothing', async () => {
      const { cloud, specOf, subject } = at();
      const keypair = await cloud.createKeypair(KEYPAIR, signal);
      await cloud.deleteAccessory({ kind: 'keypair', id: keypair }, signal);
      await expect(cloud.createServer(specOf({ keypair }), signal)).rejects.toMatchObject({ code: 'rejected' });
      await subject.passTime(subject.traits.listingLagMs);
      expect(await cloud.listServers(signal)).toEqual([]);
    });

    it('removes a deleted key pair, and only that one, and takes a second deletion for success', async () => {
      const { cloud, accessories } = at();
      const id = await cloud.createKeypair(KEYPAIR, signal);
      const kept = await cloud.createKeypair({ ...KEYPAIR, tags: TAGS }, signal);
      await cloud.deleteAccessory({ kind: 'keypair', id }, signal);
      expect((await accessories('keypair')).map(({ name }) => name)).toEqual([kept]);
      await expect(cloud.deleteAccessory({ kind: 'keypair', id }, signal)).resolves.toBeUndefined();
    });
  });
}

export function describeFloatingIps(at: () => Bench): void {
  describe('floating IPs', () => {
    it('says of a server whether it wants one before it can be reached', async () => {
      const { cloud, eventually, findServer, specOf, subject } = at();
      const id = await cloud.createServer(specOf(), signal);
      const server = await eventually(
        () => findServer(id),
        (found) => found?.status === 'active' && (found.wantsFloatingIp || found.ip !== null),
      );
      expect(server).toMatchObject({ wantsFloatingIp: subject.floatingIps });
      expect(server?.ip === null).toBe(subject.floatingIps);
    });

    it('gives one to a server that wants it, in use by that server and for its record', async () => {
      const { accessories, activeServer, subject } = at();
      const server = await activeServer();
      const given = { name: server.ip, serverId: server.id, tags: OWNER };
      expect(server.wantsFloatingIp).toBe(false);
      expect(await accessories('floating-ip')).toMatchObject(subject.floatingIps ? [given] : []);
    });

    it('gives no second one to a server that has one', async () => {
      const { cloud, accessories, activeServer, findServer, subject } = at();
      const { id, ip } = await activeServer();
      if (subject.floatingIps) await cloud.attachFloatingIp(id, TAGS, signal);
      expect(await accessories('floating-ip')).toHaveLength(subject.floatingIps ? 1 : 0);
      expect(await findServer(id)).toMatchObject({ ip });
    });

    it('does not find a server that never was to give one to', async () => {
      const { cloud, accessories, subject } = at();
      const call = cloud.attachFloatingIp(serverId(subject.unknownServer), TAGS, signal);
      await expect(call).rejects.toMatchObject({ code: 'not-found' });
      expect(await accessories('floating-ip')).toEqual([]);
    });

    it('shows what a deleted server leaves as in use by nobody, and deletes it, twice too', async () => {
      const { cloud, accessories, activeServer, removeServer, eventually } = at();
      const { id } = await activeServer();
      const known = await accessories('floating-ip');
      await removeServer(id);
      const left = await eventually(
        () => accessories('floating-ip'),
        (all) => all.every((one) => one.serverId === null),
      );
      expect(left.map(({ tags }) => tags)).toEqual(left.map(() => OWNER));
      // What the deletion of the server has taken along is gone already, which is success as well.
      for (const accessory of [...known, ...left]) await cloud.deleteAccessory(accessory, signal);
      for (const accessory of known) await cloud.deleteAccessory(accessory, signal);
      expect(await accessories('floating-ip')).toEqual([]);
    });
  });
}

export function describeConsoles(at: () => Bench): void {
  describe('consoles', () => {
    it('reads that of a server, whether or not it has written anything', async () => {
      const { cloud, activeServer } = at();
      const { id } = await activeServer();
      expect(await cloud.readConsole(id, signal)).toEqual(expect.any(String));
    });

    it('does not find that of a server that never was', async () => {
      const { cloud, subject } = at();
      const call = cloud.readConsole(serverId(subject.unknownServer), signal);
      await expect(call).rejects.toMatchObject({ code: 'not-found' });
    });
  });
}
