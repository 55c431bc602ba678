/**
 * Every command with its arguments and options, in the order of `--help`. What a command does is loaded when it
 * runs: most of the time of a program like this goes into loading.
 */
import { Argument, Option, type Command } from 'commander';
import type { DeleteOptions } from './commands/delete.ts';
import type { HoldOptions } from './commands/hold.ts';
import type { InfoOptions } from './commands/info.ts';
import type { SshOptions } from './commands/ssh.ts';
import { SHELLS, type Shell } from './completion/shells.ts';
import { defineImageCommands } from './image-catalogue.ts';
import {
  collectId,
  outputOption,
  parseDuration,
  parseId,
  parsePositive,
  timeoutOption,
  type OutputOptions,
  type TimeoutOptions,
} from './options.ts';
import { defineJobCommands, defineRequestCommands, defineTokenCommands } from './request-catalogue.ts';
import type { Session } from './session.ts';

type AnswerOptions = OutputOptions & TimeoutOptions;

export function defineCommands(program: Command, session: Session): void {
  defineViews(program, session);
  defineExplanations(program, session);
  defineRequestCommands(program, session);
  defineNodeCommands(program, session);
  defineJobCommands(program, session);
  defineImageCommands(program, session);
  defineAlienCommands(program, session);
  defineAccessCommands(program, session);
  defineTokenCommands(program, session);
  defineConfigCommands(program, session);
  program
    .command('completion')
    .description('print a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action(async (shell: Shell) =>
      (await import('./commands/completion.ts')).printCompletion(session, program, shell),
    );
}

function defineViews(program: Command, session: Session): void {
  program
    .command('status')
    .description(
      'show the state of the pool: labels, requests, providers, images, builds, uploads, daemons, last errors',
    )
    .addOption(outputOption())
    .action(async (options: OutputOptions) => (await import('./commands/status.ts')).showStatus(session, options));
  for (const name of ['list', 'node-list']) {
    program
      .command(name)
      .description('list the nodes')
      .addOption(outputOption())
      .action(async (options: OutputOptions) => (await import('./commands/list.ts')).listNodes(session, options));
  }
  program
    .command('image-list')
    .description('list the images at the providers')
    .addOption(outputOption())
    .action(async (options: OutputOptions) => (await import('./commands/list.ts')).listImages(session, options));
  program
    .command('dib-image-list')
    .description('list the disk images')
    .addOption(outputOption())
    .action(async (options: OutputOptions) => (await import('./commands/list.ts')).listDiskImages(session, options));
}

function defineExplanations(program: Command, session: Session): void {
  program
    .command('info')
    .description('tell what happened to a node or image, also to one that is gone')
    .argument('<id>', 'id of the node', parseId)
    .addOption(new Option('--image', 'the id is that of an image at a provider').conflicts('diskImage'))
    .addOption(new Option('--disk-image', 'the id is that of a disk image').conflicts('image'))
    .addOption(outputOption())
    .action(async (id: number, options: InfoOptions) =>
      (await import('./commands/info.ts')).showInfo(session, id, options),
    );
  program
    .command('plan')
    .description('show what the daemon would do now and why, and why not more')
    .addOption(outputOption())
    .addOption(timeoutOption())
    .action(async (options: AnswerOptions) => (await import('./commands/plan.ts')).showPlan(session, options));
}

function defineNodeCommands(program: Command, session: Session): void {
  program
    .command('hold')
    .description('keep nodes from use and from deletion')
    .argument('[ids...]', 'ids of the nodes', collectId)
    .option('--label <label>', 'instead of ids: READY nodes of this label, the oldest first')
    .option('--count <n>', 'how many of the label (default: 1)', parsePositive)
    .option('--reason <text>', 'why; kept as the comment of the nodes')
    .option(
      '--for <time>',
      'how long, such as 2h; then they are deleted. Without it, as long as before, or until unhold',
      parseDuration,
    )
    .addOption(outputOption())
    .action(async (ids: readonly number[], options: HoldOptions) =>
      (await import('./commands/hold.ts')).hold(session, ids, options),
    );
  program
    .command('unhold')
    .description('give held nodes back to the pool')
    .argument('<ids...>', 'ids of the nodes', collectId)
    .addOption(outputOption())
    .action(async (ids: readonly number[], options: OutputOptions) =>
      (await import('./commands/hold.ts')).unhold(session, ids, options),
    );
  program
    .command('delete')
    .description('delete nodes')
    .argument('<ids...>', 'ids of the nodes', collectId)
    .option('--now', 'wait until they are gone; without a daemon this command does the work')
    .addOption(outputOption())
    .action(async (ids: readonly number[], options: DeleteOptions) =>
      (await import('./commands/delete.ts')).deleteNodes(session, ids, options),
    );
}

function defineAlienCommands(program: Command, session: Session): void {
  program
    .command('alien-list')
    .description('list servers in the clouds that belong to no node, subnode or image build')
    .argument('[provider]', 'only at this provider')
    .addOption(outputOption())
    .addOption(timeoutOption())
    .action(async (provider: string | undefined, options: AnswerOptions) =>
      (await import('./commands/aliens.ts')).listAlienServers(session, provider, options),
    );
  program
    .command('alien-image-list')
    .description('list snapshots, and images with our mark, that belong to no image of the pool')
    .argument('[provider]', 'only at this provider')
    .addOption(outputOption())
    .addOption(timeoutOption())
    .action(async (provider: string | undefined, options: AnswerOptions) =>
      (await import('./commands/aliens.ts')).listAlienImages(session, provider, options),
    );
}

function defineAccessCommands(program: Command, session: Session): void {
  program
    .command('ssh')
    .description('log in to a node with its user, key and host key, or run a command on it')
    .argument('<id>', 'id of the node', parseId)
    .argument('[command...]', 'after "--": what to run there instead of a session')
    .option('--print', 'print the command line instead of running it')
    .action(async (id: number, command: readonly string[], options: SshOptions) =>
      (await import('./commands/ssh.ts')).openSsh(session, { id, command, ...options }),
    );
  program
    .command('provider-check')
    .description('try credentials, quota, flavors, networks and images of the configuration; changes nothing')
    .argument('[provider]', 'only this provider')
    .addOption(outputOption())
    .action(async (provider: string | undefined, options: OutputOptions) =>
      (await import('./commands/provider-check.ts')).checkProviders(session, provider, options),
    );
}

function defineConfigCommands(program: Command, session: Session): void {
  program
    .command('config-validate')
    .description('check the configuration; needs no database')
    .addOption(outputOption())
    .action(async (options: OutputOptions) =>
      (await import('./commands/configuration.ts')).validateConfig(session, options),
    );
  program
    .command('config-schema')
    .description('print the JSON Schema of the configuration, for editors')
    .action(async () => (await import('./commands/configuration.ts')).printSchema(session));
}
