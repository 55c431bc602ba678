/** The commands about images, like those in `catalogue.ts`. */
import type { Command } from 'commander';
import { NodepoolError } from '../lib/errors.ts';
import type { DiskImageDeleteOptions } from './commands/disk-images.ts';
import type { ImageLogOptions } from './commands/image-log.ts';
import type { PauseOptions } from './commands/image-pause.ts';
import type { ImageDeleteOptions } from './commands/images.ts';
import { outputOption, parseCount, parseId, type WaitOptions } from './options.ts';
import type { Session } from './session.ts';

export function defineImageCommands(program: Command, session: Session): void {
  defineBuildCommands(program, session);
  defineUploadCommand(program, session);
  defineDeletions(program, session);
  defineChoices(program, session);
  program
    .command('image-log')
    .description('print the output of a build; of the newest one, unless another is asked for')
    .argument('<image>', 'name of a disk image, or of an image')
    .argument('[provider]', 'where it is built, if it is a snapshot at several providers')
    .option('-f, --follow', 'go on until the build has ended')
    .option('-n, --lines <n>', 'begin with the last lines only', parseCount)
    .option('--build <version>', 'of the build with this version', parseCount)
    .action(async (image: string, provider: string | undefined, options: ImageLogOptions) =>
      (await import('./commands/image-log.ts')).showImageLog(session, { image, provider }, options),
    );
}

function defineBuildCommands(program: Command, session: Session): void {
  program
    .command('image-build')
    .description('build a disk image')
    .argument('<diskimage>', 'name of the disk image')
    .option('--wait', 'wait until it is ready')
    .action(async (image: string, options: WaitOptions) =>
      (await import('./commands/disk-images.ts')).buildDiskImage(session, image, options),
    );
  program
    .command('image-update')
    .description('build an image anew, and upload it if it is made of a disk image')
    .argument('<provider>', 'name of the provider, or "all"')
    .argument('<image>', 'name of the image')
    .option('--wait', 'wait until it is ready')
    .action(async (provider: string, image: string, options: WaitOptions) =>
      (await import('./commands/images.ts')).updateImage(session, { provider, image }, options),
    );
}

function defineUploadCommand(program: Command, session: Session): void {
  program
    .command('image-upload')
    .description('upload the newest build of the disk image that an image is made of')
    .usage('[options] [provider] <image>')
    // The optional one comes first, as in the original; commander fills from the left, and would miss the other one.
    .argument('[provider]', 'name of the provider, or "all"; left out: all')
    .argument('[image]', 'name of the image')
    .option('--wait', 'wait until it is ready')
    .action(async (first: string | undefined, second: string | undefined, options: WaitOptions) => {
      if (first === undefined) throw new NodepoolError('usage', "missing required argument 'image'");
      const wanted = second === undefined ? { provider: 'all', image: first } : { provider: first, image: second };
      await (await import('./commands/images.ts')).uploadImage(session, wanted, options);
    });
}

function defineDeletions(program: Command, session: Session): void {
  program
    .command('image-delete')
    .description('delete an image at its provider')
    .argument('<id>', 'id of the image', parseId)
    .option('--force', 'forget the image even if its cloud does not delete it')
    .option('--wait', 'wait until it is gone')
    .addOption(outputOption())
    .action(async (id: number, options: ImageDeleteOptions) =>
      (await import('./commands/images.ts')).deleteImage(session, id, options),
    );
  program
    .command('dib-image-delete')
    .description('delete a disk image and its files, or stop its build; what was uploaded stays')
    .argument('<id>', 'id of the disk image', parseId)
    .option('--force', 'forget it even if no daemon is there that has its files')
    .option('--wait', 'wait until it is gone')
    .addOption(outputOption())
    .action(async (id: number, options: DiskImageDeleteOptions) =>
      (await import('./commands/disk-images.ts')).deleteDiskImage(session, id, options),
    );
}

function defineChoices(program: Command, session: Session): void {
  program
    .command('image-rollback')
    .description('have nodes boot from the image before, until the next good one is there')
    .argument('<image>', 'name of the image')
    .argument('[provider]', 'only at this provider')
    .action(async (image: string, provider: string | undefined) =>
      (await import('./commands/image-rollback.ts')).rollBackImage(session, image, provider),
    );
  program
    .command('image-pause')
    .description('build and upload nothing of an image by itself, until image-unpause')
    .argument('<image>', 'name of a disk image, or of an image')
    .argument('[provider]', 'only at this provider')
    .option('--reason <text>', 'why; shown where somebody asks what the image waits for')
    .action(async (image: string, provider: string | undefined, options: PauseOptions) =>
      (await import('./commands/image-pause.ts')).pauseImage(session, { image, provider: provider ?? null }, options),
    );
  program
    .command('image-unpause')
    .description('build and upload an image again')
    .argument('<image>', 'name of a disk image, or of an image')
    .argument('[provider]', 'the pause at this provider')
    .action(async (image: string, provider: string | undefined) =>
      (await import('./commands/image-pause.ts')).unpauseImage(session, { image, provider: provider ?? null }),
    );
}
