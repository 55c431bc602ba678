/**
 * Puts the command line program together. What is heavy to load (the YAML parser, the schema, knex and its
 * drivers) is imported when a command needs it.
 */
import type { LoadOptions } from '../config/database.ts';
import type { DatabaseConfig } from '../config/types.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { Store } from '../store/store.ts';
import type { CliContext, ConfigFiles } from './context.ts';

/** What comes from the process. */
export interface Outside extends Pick<
  CliContext,
  'stdout' | 'stderr' | 'isInteractive' | 'clock' | 'random' | 'version' | 'onInterrupt'
> {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's home directory, and the working directory: where clouds.yaml may be. */
  readonly home: string;
  readonly cwd: string;
  /** Whether a daemon has this pid. */
  readonly isAlive: (pid: number) => boolean;
}

export function createContext({ env, home, cwd, isAlive, ...outside }: Outside): CliContext {
  const { clock, random } = outside;
  const tools = { clock, random, env, home, cwd };
  const locate = async ({ config, secure, isRehearsal }: ConfigFiles): Promise<LoadOptions> => {
    const { locateConfig } = await import('../config/locate.ts');
    const { path, securePath, fake } = locateConfig({ config, secure, env, isAlive });
    return { path, securePath, env, fake: fake || isRehearsal };
  };
  return {
    ...outside,
    whoAmI: async () => (await import('./who-am-i.ts')).whoAmI(),
    findDead: async () => {
      const identity = (await import('../process/holder.ts')).thisHolder(random);
      return (holder) => identity.isDeadHolder(holder);
    },
    loadConfig: async (files) => {
      const [options, { loadConfig }] = await Promise.all([locate(files), import('../config/load.ts')]);
      return loadConfig(options).config;
    },
    checkConfig: async (files) => {
      const [options, { checkConfigHere }] = await Promise.all([locate(files), import('../config/missing-files.ts')]);
      const { problems, warnings } = checkConfigHere(options);
      return { file: options.path, problems, warnings };
    },
    configSchema: async () => (await import('../config/schema.ts')).configSchema(),
    loadDatabase: async (files) => {
      const [options, { loadDatabase }] = await Promise.all([locate(files), import('../config/load-database.ts')]);
      return loadDatabase(options);
    },
    stateDirectory: async () => (await import('../config/state-directory.ts')).stateDirectory({ env }),
    openStore: (database, { mayMake }) => openStore(database, { clock, random, mayMake }),
    deleteNow: async (work) => (await import('./delete-here.ts')).deleteHere(work, tools),
    inspectProviders: async (work) => (await import('./inspect-here.ts')).inspectHere(work, tools),
    runAttached: async (command, args) => (await import('./run-attached.ts')).runAttached(command, args),
  };
}

async function openStore(
  database: DatabaseConfig,
  { clock, random, mayMake }: { clock: Clock; random: Random; mayMake: boolean },
): Promise<Store> {
  const [{ connect, requireDatabase }, { migrate }, { createStore }] = await Promise.all([
    import('../store/connect.ts'),
    import('../store/migrate.ts'),
    import('../store/create-store.ts'),
  ]);
  if (!mayMake) requireDatabase(database);
  const knex = connect(database);
  try {
    await migrate({ knex, clock, random });
    return createStore({ knex, clock, random });
  } catch (error) {
    await knex.destroy();
    throw error;
  }
}
