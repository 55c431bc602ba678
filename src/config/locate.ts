/** Finds the configuration when it was not named. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { NodepoolError } from '../lib/errors.ts';
import { readRuntimeFile } from './runtime-file.ts';
import { stateDirectory, type System } from './state-directory.ts';

export interface LocateOptions extends System {
  /** `-c`. */
  readonly config?: string | null;
  /** `-s`. */
  readonly secure?: string | null;
  /** Looks for a running daemon too, when nothing else is found; without it, none is looked for. */
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
 * In this order: `-c`, NODEPOOL_CONFIG, /etc/nodepool/nodepool.yaml, the running daemon's configuration. The
 * first two are taken as they are: a file that does not exist is reported when it is loaded. Error: `config`,
 * when nothing is found.
 */
export function locateConfig(options: LocateOptions): Located {
  const securePath = options.secure ? resolve(options.secure) : null;
  if (options.config) return { path: resolve(options.config), securePath, fake: false };
  const { NODEPOOL_CONFIG } = options.env;
  if (NODEPOOL_CONFIG) return { path: resolve(NODEPOOL_CONFIG), securePath, fake: false };
  const path = join(options.root ?? '/', 'etc/nodepool/nodepool.yaml');
  if (existsSync(path)) return { path, securePath, fake: false };
  const daemon = options.isAlive ? readRuntimeFile(stateDirectory(options), options.isAlive) : null;
  if (daemon) return { path: daemon.config, securePath: securePath ?? daemon.secure, fake: daemon.fake };
  const missing = options.isAlive ? 'does not exist, and no daemon of this user is running' : 'does not exist';
  throw new NodepoolError(
    'config',
    `no configuration is found: neither -c nor NODEPOOL_CONFIG is given, ${path} ${missing}; name a file with -c`,
  );
}
