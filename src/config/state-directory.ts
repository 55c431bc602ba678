/** Where the program keeps what must outlive it: the embedded database, and the note on the running daemon. */
import { createHash } from 'node:crypto';
import { accessSync, constants, mkdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, extname, isAbsolute, join, resolve } from 'node:path';
import { describeError, NodepoolError } from '../lib/errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What paths depend on. Everything but the environment has the system's own value as default. */
export interface System {
  readonly env: Environment;
  /** Stands before `/etc` and `/var`. */
  readonly root?: string;
  readonly home?: string;
  readonly uid?: number;
}

/** Absolute; it need not exist yet. */
export function stateDirectory(system: System): string {
  const { NODEPOOL_STATE_DIR, STATE_DIRECTORY, XDG_STATE_HOME, HOME } = system.env;
  if (NODEPOOL_STATE_DIR) return resolve(NODEPOOL_STATE_DIR);
  // systemd: the directories of `StateDirectory=`, separated by colons.
  const fromSystemd = STATE_DIRECTORY?.split(':', 1)[0];
  if (fromSystemd) return fromSystemd;
  const shared = join(system.root ?? '/', 'var/lib/nodepool');
  if (isForUs(shared, system)) return shared;
  // The specification of XDG_STATE_HOME has relative paths ignored.
  if (XDG_STATE_HOME && isAbsolute(XDG_STATE_HOME)) return join(XDG_STATE_HOME, 'nodepool');
  return join(system.home ?? HOME ?? homedir(), '.local/state/nodepool');
}

/** Makes the directory when it is missing. Error: `config`, when that fails or nothing can be written there. */
export function ensureStateDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o750 });
    accessSync(directory, constants.W_OK);
  } catch (error) {
    throw new NodepoolError(
      'config',
      `the state directory ${directory} cannot be written (${describeError(error)}); set NODEPOOL_STATE_DIR to one that can`,
      { cause: error },
    );
  }
}

/**
 * The file of the embedded database that belongs to a configuration: each has its own, and one of its own for
 * rehearsals.
 */
export function embeddedDatabase(
  configPath: string,
  { directory, fake }: { directory: string; fake: boolean },
): string {
  const name = fake ? 'rehearsal' : basename(configPath, extname(configPath));
  return join(directory, `${name}-${digestOf(configPath)}.sqlite`);
}

/** Where a rehearsal of a configuration keeps the disk images that it makes. */
export function rehearsalImages(configPath: string, directory: string): string {
  return join(directory, `rehearsal-${digestOf(configPath)}-images`);
}

function digestOf(path: string): string {
  return createHash('sha256').update(realPath(path)).digest('hex').slice(0, 8);
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // The file has just gone, or was never one: its name is as good.
    return resolve(path);
  }
}

/** The account that the service runs under finds the service's files also outside of systemd. */
function isForUs(directory: string, { uid = process.getuid?.() }: System): boolean {
  if (uid === 0) return true;
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    // Whatever the reason, it is not for us.
    return false;
  }
}
