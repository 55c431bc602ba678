/** Finds the configuration when it was not named. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { NodepoolError } from '../lib/errors.ts';
import { readRuntimeFiles, type RuntimeFile } from './runtime-file.ts';
import { stateDirectory, type System } from './state-directory.ts';

export interface LocateOptions extends System {
  /** `-c`. */
  readonly config?: string | null;
  /** `-s`. */
  readonly secure?: string | null;
  /**
   * Whether a daemon has this pid. Looks for running daemons too, when nothing else is found; without it, none are
   * looked for.
   */
  readonly isAlive?: (pid: number) => boolean;
}

export interface Located {
  /** Absolute. */
  readonly path: string;
  /** What to give to `loadConfig`; null: the default, if it exists. */
  readonly securePath: string | null;
  /** The daemon that was found runs a rehearsal. */
  readonly fake: boolean;
}

/**
 * In this order: `-c`, NODEPOOL_CONFIG, /etc/nodepool/nodepool.yaml, the running daemons' configuration. The
 * first two are taken as they are: a file that does not exist is reported when it is loaded. Error: `config`,
 * when nothing is found, or daemons run with different ones.
 */
export function locateConfig(options: LocateOptions): Located {
  const securePath = options.secure ? resolve(options.secure) : null;
  if (options.config) return { path: resolve(options.config), securePath, fake: false };
  const { NODEPOOL_CONFIG } = options.env;
  if (NODEPOOL_CONFIG) return { path: resolve(NODEPOOL_CONFIG), securePath, fake: false };
  const path = join(options.root ?? '/', 'etc/nodepool/nodepool.yaml');
  if (existsSync(path)) return { path, securePath, fake: false };
  const daemon = options.isAlive ? ofDaemons(readRuntimeFiles(stateDirectory(options), options.isAlive)) : null;
  if (daemon) return { ...daemon, securePath: securePath ?? daemon.securePath };
  const missing = options.isAlive ? 'does not exist, and no daemon of this user is running' : 'does not exist';
  throw new NodepoolError(
    'config',
    `no configuration is found: neither -c nor NODEPOOL_CONFIG is given, ${path} ${missing}; name a file with -c`,
  );
}

/** What all the daemons share; null: there are none. */
function ofDaemons(notes: readonly RuntimeFile[]): Located | null {
  const configs = new Map<string, Located>();
  for (const { config: path, secure: securePath, fake } of notes)
    configs.set(sayOptions({ path, securePath, fake }), { path, securePath, fake });
  const [first = null, ...others] = configs.values();
  if (others.length === 0) return first;
  throw new NodepoolError(
    'config',
    `several daemons of this user run, with different configurations; say which one is meant: ${[...configs.keys()].join(', or ')}`,
  );
}

/** As somebody types it who means this configuration. */
function sayOptions({ path, securePath, fake }: Located): string {
  return [`-c ${path}`, ...(securePath === null ? [] : [`-s ${securePath}`]), ...(fake ? ['--fake'] : [])].join(' ');
}
