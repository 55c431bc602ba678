import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aConfig, aLabel, aProvider, aProviderImage, imagesNamed } from '../../support/builders.ts';
import { openCliPool, type CliPool } from '../../support/cli-pool.ts';

const config = aConfig({
  providers: [
    aProvider({ name: 'cloud', images: imagesNamed('ubuntu', 'debian') }),
    aProvider({ name: 'rax', images: imagesNamed('ubuntu') }),
    aProvider({
      name: 'dib',
      images: new Map([
        ['trusty', aProviderImage({ name: 'trusty', source: { kind: 'diskimage', diskimage: 'dib-trusty' } })],
      ]),
    }),
  ],
  labels: [aLabel({ providers: ['cloud'] })],
});

let pool: CliPool;

beforeEach(async () => {
  pool = await openCliPool({ config });
});
afterEach(() => pool.close());

/** Sleeps of a command that waits in vain for more than a second. */
const IDLE = Array.from({ length: 4 }, () => () => undefined);

async function image(id: number) {
  return (await pool.store.readPool()).images.find((candidate) => candidate.id === id) ?? null;
}

describe('image-update of a snapshot', () => {
  it('asks the daemon, and tells what is being built', async () => {
    await pool.startDaemon();
    const asked: unknown[] = [];
    const { code, stdout } = await pool.run(['image-update', 'cloud', 'ubuntu'], {
      onSleep: () =>
        pool.answer(async (args) => {
          asked.push(args);
          return { images: [{ provider: 'cloud', id: await pool.image() }], builds: [] };
        }),
    });
    expect([code, stdout]).toEqual([0, 'Image 1, ubuntu at cloud, is being built.\n']);
    expect(asked).toEqual([{ provider: 'cloud', image: 'ubuntu' }]);
  });

  it('counts a build that is under way as the one asked for', async () => {
    await pool.startDaemon();
    const id = await pool.image({ provider: 'rax' });
    const { stdout } = await pool.run(['image-update', 'rax', 'ubuntu'], {
      onSleep: () => pool.answer(() => ({ images: [{ provider: 'rax', id: null }], builds: [] })),
    });
    expect(stdout).toBe(`Image ${id}, ubuntu at rax, is being built.\n`);
  });

  it('with --wait ends when all are ready', async () => {
    await pool.startDaemon();
    const steps = [
      () =>
        pool.answer(async () => ({
          images: [
            { provider: 'cloud', id: await pool.image() },
            { provider: 'rax', id: await pool.image({ provider: 'rax' }) },
          ],
          builds: [],
        })),
      ...IDLE,
      () => pool.store.moveImage({ id: 1, from: 'building', to: 'ready', by: 'launch' }),
      () => pool.store.moveImage({ id: 2, from: 'building', to: 'ready', by: 'launch' }),
    ];
    const { code, stdout, stderr } = await pool.run(['image-update', 'all', 'ubuntu', '--wait'], {
      onSleep: () => steps.shift()?.(),
    });
    expect([code, steps]).toEqual([0, []]);
    expect(stdout).toContain('Image 1, ubuntu at cloud, is ready.\nImage 2, ubuntu at rax, is ready.\n');
    expect(stderr).toContain('waiting for images to be ready: 0 of 2\nwaiting for images to be ready: 1 of 2\n');
  });

  it('with --wait fails when the build fails, and says why', async () => {
    await pool.startDaemon();
    const event = { kind: 'build-failed', reason: 'script-failed', detail: 'setup.sh ended with 1' };
    const steps = [
      () => pool.answer(async () => ({ images: [{ provider: 'cloud', id: await pool.image() }], builds: [] })),
      () => pool.store.moveImage({ id: 1, from: 'building', to: 'delete', by: 'cleanup', event }),
      () => pool.store.removeImage(1, { kind: 'removed', reason: 'gone' }),
    ];
    const { code, stderr } = await pool.run(['image-update', 'cloud', 'ubuntu', '--wait'], {
      onSleep: () => steps.shift()?.(),
    });
    expect(code).toBe(1);
    expect(stderr).toContain(
      'nodepool: the build of ubuntu at cloud, image 1, failed: a script on the server failed (setup.sh ended with 1)\n',
    );
  });

  it.each([
    [['cluod', 'ubuntu'], 'there is no provider cluod (did you mean cloud?)'],
    [['nowhere', 'ubuntu'], 'there is no provider nowhere (there are: cloud, rax, dib)'],
    [['cloud', 'ubunt'], 'provider cloud has no image ubunt (did you mean ubuntu?)'],
    [['rax', 'debian'], 'provider rax has no image debian (there are: ubuntu)'],
    [['all', 'debain'], 'no provider has an image debain (did you mean debian?)'],
    [['all', 'dib-trusty'], 'no provider has an image dib-trusty (it is a disk image, of which trusty is made)'],
  ])('%j is refused', async (args, sentence) => {
    await pool.startDaemon();
    expect(await pool.run(['image-update', ...args])).toEqual({
      code: 1,
      stdout: '',
      stderr: `nodepool: ${sentence}\n`,
    });
    expect((await pool.store.readPool()).intents).toEqual([]);
  });
});

describe('image-delete', () => {
  it.each(['building', 'ready'] as const)('marks an image in %s and shows it', async (state) => {
    await pool.startDaemon();
    const id = await pool.image();
    if (state === 'ready') await pool.store.moveImage({ id, from: 'building', to: 'ready', by: 'launch' });
    const { code, stdout, stderr } = await pool.run(['image-delete', String(id)]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/\| delete \| 00:00:00:00 \| operator \|/);
    expect(await image(id)).toMatchObject({ state: 'delete', reason: 'operator' });
    expect((await pool.store.readPool()).intents).toEqual([]);
  });

  it('with --force also asks the daemon to forget it, whatever the cloud says', async () => {
    await pool.startDaemon();
    const id = await pool.image();
    expect((await pool.run(['image-delete', String(id), '--force'])).code).toBe(0);
    expect((await pool.store.readPool()).intents).toMatchObject([{ kind: 'image-delete', args: { id, force: true } }]);
  });

  it('with --wait ends when the image is gone', async () => {
    await pool.startDaemon();
    const id = await pool.image();
    const steps = [...IDLE, () => pool.store.removeImage(id, { kind: 'removed', reason: 'gone' })];
    const { code, stderr } = await pool.run(['image-delete', String(id), '--wait'], {
      onSleep: () => steps.shift()?.(),
    });
    expect([code, stderr]).toEqual([0, `waiting until image ${id} is gone\nnodepool: image ${id} is gone\n`]);
  });

  it('says when nobody is there to do it', async () => {
    const id = await pool.image();
    const { code, stderr } = await pool.run(['image-delete', String(id)]);
    expect([code, stderr]).toEqual([
      0,
      'nodepool: no daemon is running; the deletion is done as soon as one is started\n',
    ]);
    expect((await pool.run(['image-delete', String(id), '--wait'])).code).toBe(1);
  });
});
