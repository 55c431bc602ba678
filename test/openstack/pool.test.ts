/**
 * The whole pool on a real OpenStack: `nodepoold` builds an image over SSH, keeps nodes ready, is killed again and again
 * while its nodes are used and deleted, and in the end the cloud holds what the database says and nothing else.
 */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import type { ImageRecord } from '../../src/lifecycle/records.ts';
import type { DaemonProcess, LogLine } from '../support/daemon-process.ts';
import { aLabelEntry, until, type Entry } from '../support/real-pool.ts';
import {
  aRigImage,
  aRigProvider,
  compareHoldings,
  everyRow,
  openRigPool,
  runOnNode,
  type RigPool,
} from '../support/rig-pool.ts';
import { cloudHoldings } from '../support/rig-project.ts';
import { findSecrets } from '../support/secrets.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

const KILLS = 20;
/** Between a start and the kill: some fall into the start, some into the work. */
const LIFE_MS = { least: 500, most: 6000 };
/** Clean-ups come once a minute, and what they delete must have been seen twice; the machine may be busy. */
const SWEEP_MS = 900_000;

describe('a pool on a real cloud', () => {
  const rig = inject('rig');
  const random = createSeededRandom(7);
  const logs: string[] = [];
  let site: RigPool;
  let providers: readonly Entry[];
  let daemon: DaemonProcess;

  beforeAll(async () => {
    site = await openRigPool(rig);
    const images = [aRigImage(rig)];
    providers = [
      aRigProvider(rig, { images }),
      aRigProvider(rig, { name: 'floating', 'floating-ips': true, pool: 'public', 'max-servers': 3, images }),
    ];
    site.configure({
      providers,
      labels: [
        aLabelEntry({ name: 'small', 'min-ready': 5, providers: ['rig'] }),
        aLabelEntry({ name: 'reached', 'min-ready': 1, providers: ['floating'] }),
      ],
    });
  });
  afterAll(() => site.close());

  const start = (): void => {
    daemon = site.start();
  };
  const kill = async (): Promise<void> => {
    daemon.kill('SIGKILL');
    logs.push((await daemon.ended).stdout);
  };
  /** A build that failed once, as when a service did not answer, is there until it is taken away. */
  const readyImages = async (): Promise<readonly ImageRecord[] | null> => {
    const { images } = await site.pool.database.store.readPool();
    return images.every(({ state }) => state === 'ready') ? images : null;
  };

  it('builds its images over SSH and fills up', async () => {
    start();
    const nodes = await site.pool.full({ small: 5, reached: 1 });
    const images = await until('images that are READY, and no others', readyImages, SWEEP_MS);
    expect(images.map(({ provider, state }) => `${provider} ${state}`).sort()).toEqual(['floating ready', 'rig ready']);
    await daemon.logged(({ msg }) => /^set up as template-plain-\d+$/.test(msg));
    for (const node of nodes) {
      expect(await runOnNode(rig, node, 'cat /etc/nodepool/role')).toBe('primary\n');
      expect(node.hostKey).toMatch(/^ssh-ed25519 |^ecdsa-|^ssh-rsa /);
    }
  });

  it('gives the nodes of the other provider floating IPs', async () => {
    const node = (await site.pool.nodes()).find(({ provider }) => provider === 'floating');
    // That of the template goes when the image is READY, and not always before its first node is.
    const look = async (): Promise<readonly string[] | null> => {
      const { floatingIps } = await cloudHoldings(rig);
      return floatingIps.length === 1 ? floatingIps : null;
    };
    expect(await until('a floating IP for the node alone', look, SWEEP_MS)).toEqual([node?.ip]);
    expect(node?.ipPrivate).not.toBe(node?.ip);
  });

  it(`survives ${KILLS} kills while its nodes are used and deleted`, async () => {
    for (let round = 0; round < KILLS; round += 1) {
      const ready = (await site.pool.nodes()).filter(({ state }) => state === 'ready');
      const victim = ready[Math.floor(random.fraction() * ready.length)];
      if (victim) {
        await runOnNode(rig, victim, 'true');
        expect((await site.pool.nodepool('delete', String(victim.id))).code).toBe(0);
      }
      await systemClock.sleep(LIFE_MS.least + random.fraction() * (LIFE_MS.most - LIFE_MS.least));
      await kill();
      start();
    }
    await site.pool.full({ small: 5, reached: 1 });
  });

  it('leaves in the cloud what the database says, and nothing else', async () => {
    const { cloud, rows } = await compareHoldings(site, 'floating', SWEEP_MS);
    expect(cloud).toEqual(rows);
    expect(rows.servers).toHaveLength(6);
  });

  it('takes nothing for gone when it is pointed to another project, and knows its own by other credentials', async () => {
    const look = async (): Promise<unknown> =>
      (await site.pool.full({ small: 5, reached: 1 })).map(({ id, serverId, state }) => [id, serverId, state]);
    const before = await look();
    site.pointTo('rig-other');
    const isTold = ({ level, msg }: LogLine): boolean =>
      level === 'error' && msg.includes('give another cloud a provider');
    await daemon.logged(isTold, providers.length);
    expect(await look()).toEqual(before);
    const { stdout } = await site.pool.nodepool('status');
    expect(stdout).toContain('provider rig cannot be used: it is set to http');
    // The credentials of before were those of an application.
    site.pointTo('rig');
    await daemon.logged(({ msg }) => msg === 'the provider has moved', providers.length);
    expect(await look()).toEqual(before);
  });

  it('gives the session, key and host key to whoever asks for a shell', async () => {
    const [node] = await site.pool.nodes();
    const { code, stdout, stderr } = await site.pool.nodepool(
      'ssh',
      String(node?.id),
      '--',
      'cat',
      '/etc/nodepool/role',
    );
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: 'primary\n' });
  });

  it('finds nothing wrong with the provider, and changes nothing by looking', async () => {
    const before = await cloudHoldings(rig);
    const findings = await site.pool.ask<{ level: string; text: string }[]>('provider-check', 'rig');
    expect(findings.filter(({ level }) => level !== 'ok')).toEqual([]);
    expect(await cloudHoldings(rig)).toEqual(before);
  });

  it('shows its secrets nowhere', async () => {
    // Whatever else runs here is in it, too.
    const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    await kill();
    const texts = { log: logs.join(''), processes, ...(await everyRow(site.pool)) };
    expect(findSecrets(texts, [site.secret])).toEqual([]);
    start();
  });

  it('takes all nodes away, with what belongs to them, when their labels leave the configuration', async () => {
    site.configure({ providers, labels: [] });
    await site.pool.full({});
    const { cloud, rows } = await compareHoldings(site, 'floating', SWEEP_MS);
    expect(cloud).toEqual(rows);
    expect(rows.servers).toEqual([]);
  });
});
