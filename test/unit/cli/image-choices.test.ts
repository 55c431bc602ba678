import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aConfig, aProvider, aProviderImage, imagesNamed } from '../../support/builders.ts';
import { openCliPool, type CliPool } from '../../support/cli-pool.ts';

const trusty = aProviderImage({ name: 'trusty', source: { kind: 'diskimage', diskimage: 'dib-trusty' } });
const config = aConfig({
  providers: [
    aProvider({ name: 'cloud', images: new Map([['trusty', trusty], ...imagesNamed('ubuntu')]) }),
    aProvider({ name: 'rax', images: new Map([['trusty', trusty]]) }),
  ],
  labels: [],
});

let pool: CliPool;

beforeEach(async () => {
  pool = await openCliPool({ config });
});
afterEach(() => pool.close());

describe('image-rollback', () => {
  it('asks the daemon, and tells which image nodes boot from now', async () => {
    await pool.startDaemon();
    const asked: unknown[] = [];
    const run = await pool.run(['image-rollback', 'trusty'], {
      onSleep: () =>
        pool.answer((args) => {
          asked.push(args);
          return { images: [{ provider: 'cloud', withdrawn: 7, current: 5 }] };
        }),
    });
    expect(run).toEqual({
      code: 0,
      stdout: 'Image 7, trusty at cloud, is withdrawn: nodes boot from image 5.\n',
      stderr: 'nodepool: trusty at rax stays as it is: it has no earlier image\n',
    });
    expect(asked).toEqual([{ image: 'trusty', provider: null }]);
  });

  it('of one provider is about no other', async () => {
    await pool.startDaemon();
    const asked: unknown[] = [];
    const { code, stderr } = await pool.run(['image-rollback', 'trusty', 'rax'], {
      onSleep: () =>
        pool.answer((args) => {
          asked.push(args);
          return { images: [{ provider: 'rax', withdrawn: 8, current: 6 }] };
        }),
    });
    expect([code, stderr]).toEqual([0, '']);
    expect(asked).toEqual([{ image: 'trusty', provider: 'rax' }]);
  });

  it('hands on that there is nothing to go back to', async () => {
    await pool.startDaemon();
    const sentence = 'there is no earlier READY image trusty to go back to at cloud, rax';
    const run = await pool.run(['image-rollback', 'trusty'], { onSleep: () => pool.answer(() => sentence) });
    expect(run).toEqual({ code: 1, stdout: '', stderr: `nodepool: ${sentence}\n` });
  });

  it.each([
    [['trsty'], 'no provider has an image trsty (did you mean trusty?)'],
    [['dib-trusty'], 'no provider has an image dib-trusty (it is a disk image, of which trusty is made)'],
    [['trusty', 'clou'], 'there is no provider clou (did you mean cloud?)'],
  ])('%j is refused', async (args, sentence) => {
    await pool.startDaemon();
    expect(await pool.run(['image-rollback', ...args])).toEqual({
      code: 1,
      stdout: '',
      stderr: `nodepool: ${sentence}\n`,
    });
    expect((await pool.store.readPool()).intents).toEqual([]);
  });
});

describe('image-pause', () => {
  const pauses = async () => (await pool.store.readPool()).pauses;

  it.each(['dib-trusty', 'trusty', 'ubuntu'])(
    'pauses %s, a disk image or one at providers, without a daemon',
    async (image) => {
      const { code, stdout } = await pool.run(['image-pause', image, '--reason', 'mirror is broken']);
      expect([code, stdout]).toEqual([0, `Image ${image} is paused: nothing of it is built or uploaded by itself.\n`]);
      expect(await pauses()).toMatchObject([{ image, provider: null, reason: 'mirror is broken' }]);
    },
  );

  it('pauses an image at one provider, and keeps the last reason', async () => {
    await pool.run(['image-pause', 'trusty', 'rax', '--reason', 'first']);
    const { stdout } = await pool.run(['image-pause', 'trusty', 'rax']);
    expect(stdout).toBe('Image trusty at rax is paused: nothing of it is built or uploaded by itself.\n');
    expect(await pauses()).toMatchObject([{ image: 'trusty', provider: 'rax', reason: null }]);
  });

  it.each([
    ['y'.repeat(1001), 'have 1 to 1000 characters'],
    ['', 'have 1 to 1000 characters'],
    ['a\nb', 'be one line without control characters'],
  ])('refuses a reason that cannot be kept as it is: %j', async (reason, rule) => {
    const stderr = `nodepool: the reason must ${rule}\n`;
    expect(await pool.run(['image-pause', 'trusty', '--reason', reason])).toEqual({ code: 2, stdout: '', stderr });
    expect(await pauses()).toEqual([]);
  });

  it.each([
    [['trsty'], 'there is no image trsty (did you mean trusty?)'],
    [['ubuntu', 'rax'], 'provider rax has no image ubuntu (there are: trusty)'],
    [['trusty', 'raxx'], 'there is no provider raxx (did you mean rax?)'],
  ])('%j is refused', async (args, sentence) => {
    for (const command of ['image-pause', 'image-unpause']) {
      expect(await pool.run([command, ...args])).toEqual({ code: 1, stdout: '', stderr: `nodepool: ${sentence}\n` });
    }
    expect(await pauses()).toEqual([]);
  });
});

describe('image-unpause', () => {
  it('ends a pause, also that of an image which left the configuration', async () => {
    await pool.store.pauses.set({ image: 'old', provider: null, reason: null });
    const run = await pool.run(['image-unpause', 'old']);
    expect(run).toEqual({ code: 0, stdout: 'The pause of image old has ended.\n', stderr: '' });
    expect((await pool.store.readPool()).pauses).toEqual([]);
  });

  it('tells of the pauses that are left', async () => {
    await pool.run(['image-pause', 'trusty']);
    await pool.run(['image-pause', 'trusty', 'rax']);
    const { stderr } = await pool.run(['image-unpause', 'trusty', 'rax']);
    expect(stderr).toBe('nodepool: trusty is still paused; "nodepool image-unpause trusty" would end that\n');
  });

  it('says which pause there is when it is another one, and when there is none', async () => {
    await pool.run(['image-pause', 'trusty', 'rax']);
    const other = await pool.run(['image-unpause', 'trusty']);
    expect(other).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'nodepool: image trusty is not paused by itself; "nodepool image-unpause trusty rax" would end its pause\n',
    });
    const none = await pool.run(['image-unpause', 'dib-trusty']);
    expect([none.code, none.stderr]).toEqual([1, 'nodepool: image dib-trusty is not paused by an operator\n']);
  });
});
