/** The commands about requests, tokens and jobs, like those in `catalogue.ts`. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { REVOKED_TOKEN, SCOPES, type Scope } from '../requests/tokens.ts';
import type { WishOptions } from './acquire-nodes.ts';
import type { JobOptions } from './commands/jobs.ts';
import type { ListOptions } from './commands/request-views.ts';
import type { ExtendOptions, ReleaseOptions, RequestOptions } from './commands/requests.ts';
import type { TokenOptions } from './commands/tokens.ts';
import {
  collectId,
  outputOption,
  parseCount,
  parseDuration,
  parseId,
  parsePositive,
  parsePriority,
  timeoutOption,
  type OutputOptions,
  type TimeoutOptions,
} from './options.ts';
import type { Session } from './session.ts';

export function defineRequestCommands(program: Command, session: Session): void {
  defineWishes(program, session);
  defineViews(program, session);
  defineChanges(program, session);
}

export function defineTokenCommands(program: Command, session: Session): void {
  const group = program.command('token').description('make and revoke tokens of the HTTP interface');
  group
    .command('create')
    .description('make a token, and print its secret, which is not shown again')
    .argument('<name>', 'whose it is, or what for')
    .addOption(scopeOption())
    .option('--expires <time>', 'how long it is good for, such as 30d; without it, until it is revoked', parseDuration)
    .addOption(outputOption())
    .action(async (name: string, options: TokenOptions) =>
      (await import('./commands/tokens.ts')).createToken(session, name, options),
    );
  group
    .command('list')
    .description('list the tokens, without their secrets')
    .addOption(outputOption())
    .action(async (options: OutputOptions) => (await import('./commands/tokens.ts')).listTokens(session, options));
  group
    .command('revoke')
    .description(`revoke a token: it ${REVOKED_TOKEN}`)
    .argument('<id>', 'id of the token', parseId)
    .action(async (id: number) => (await import('./commands/tokens.ts')).revokeToken(session, id));
}

export function defineJobCommands(program: Command, session: Session): void {
  program
    .command('job-list')
    .description('list the jobs on whose failure nodes are held')
    .addOption(outputOption())
    .action(async (options: OutputOptions) => (await import('./commands/jobs.ts')).listJobs(session, options));
  program
    .command('job-create')
    .description('hold nodes on which a job fails, or those of a request that failed')
    .argument('<name>', 'name of the job, or who made the request; "*" is any')
    .option('--hold-on-failure <n>', 'how many nodes are held at once', parseCount, 0)
    .option('--label <label>', 'only nodes of this label')
    .option('--reason <text>', 'why; becomes the comment of the nodes')
    .option('--for <time>', 'how long a node is held, such as 2h; without it, until unhold', parseDuration)
    .option('--until <time>', 'how long nodes are held for it at all, such as 7d', parseDuration)
    .addOption(outputOption())
    .action(async (name: string, options: JobOptions) =>
      (await import('./commands/jobs.ts')).createJob(session, name, options),
    );
  program
    .command('job-delete')
    .description('hold no more nodes for a job; those that are held stay so')
    .argument('<ids...>', 'ids of the jobs', collectId)
    .action(async (ids: readonly number[]) => (await import('./commands/jobs.ts')).deleteJobs(session, ids));
}

function defineWishes(program: Command, session: Session): void {
  const request = program
    .command('request')
    .description('ask for nodes, which are yours until their lease ends or you give them back')
    .argument('<label>', 'label of the nodes')
    .option('--count <n>', 'how many; all of them come at once', parsePositive, 1)
    .option('--wait', 'wait until they are there; Ctrl-C takes the wish back');
  addWishOptions(request)
    .option('--timeout <time>', 'with --wait: how long to wait before the wish is taken back', parseDuration)
    .addOption(outputOption())
    .action(async (label: string, options: RequestOptions) =>
      (await import('./commands/requests.ts')).requestNodes(session, label, options),
    );
  const run = program
    .command('run')
    .description('run a command on a fresh node, which is given back afterwards')
    .argument('<label>', 'label of the node')
    .argument('<command...>', 'after "--": what to run there');
  addWishOptions(run)
    .option('--timeout <time>', 'how long to wait for a node', parseDuration)
    .action(async (label: string, command: readonly string[], options: WishOptions) =>
      (await import('./commands/run.ts')).runOnNode(session, { ...options, label, command }),
    );
}

function addWishOptions(command: Command): Command {
  return command
    .option('--priority <n>', 'higher goes first: each step counts for ten minutes of waiting', parsePriority, 0)
    .option(
      '--ttl <time>',
      'how long the lease lasts, such as 4h; without it, as the configuration says',
      parseDuration,
    )
    .option('--requestor <name>', 'who asks (default: you, as user@host)')
    .option('--reason <text>', 'what for');
}

function defineViews(program: Command, session: Session): void {
  program
    .command('request-list')
    .description('list the requests that wait, in the order of their turns, and those that have nodes')
    .option('--ended', 'list those that ended last instead')
    .addOption(outputOption())
    .action(async (options: ListOptions) =>
      (await import('./commands/request-views.ts')).listRequests(session, options),
    );
  program
    .command('request-info')
    .description('show a request: its nodes, why it waits and how long it may, and what happened to it')
    .argument('<id>', 'id of the request', parseId)
    .addOption(outputOption())
    .addOption(timeoutOption())
    .action(async (id: number, options: OutputOptions & TimeoutOptions) =>
      (await import('./commands/request-views.ts')).showRequest(session, id, options),
    );
}

function defineChanges(program: Command, session: Session): void {
  program
    .command('request-extend')
    .description('set the end of a lease anew, counted from now')
    .argument('<id>', 'id of the request', parseId)
    .option('--ttl <time>', 'how long from now, such as 4h; without it, as the configuration says', parseDuration)
    .addOption(outputOption())
    .action(async (id: number, options: ExtendOptions) =>
      (await import('./commands/requests.ts')).extendRequest(session, id, options),
    );
  program
    .command('request-release')
    .description('give nodes back, or take back a wish that waits')
    .argument('<ids...>', 'ids of the requests', collectId)
    .option('--failed', 'what ran on the nodes has failed: a job of that name may hold them')
    .addOption(outputOption())
    .action(async (ids: readonly number[], options: ReleaseOptions) =>
      (await import('./commands/requests.ts')).releaseRequests(session, ids, options),
    );
}

function scopeOption(): Option {
  const scopes = Object.keys(SCOPES) as Scope[];
  const meanings = scopes.map((scope) => `${scope}: ${SCOPES[scope]}`).join('; ');
  const option = new Option('--scope <scope>', `what it allows, also several times (default: requests). ${meanings}`);
  // Help and completion know the choices; the parser of commander would take one of them only.
  return option.choices(scopes).argParser((text, before: readonly Scope[] | undefined) => {
    const scope = scopes.find((name) => name === text);
    if (scope === undefined) throw new InvalidArgumentError(`Allowed choices are ${scopes.join(', ')}.`);
    return [...new Set([...(before ?? []), scope])];
  });
}
