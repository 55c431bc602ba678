/** Which database a configuration means: that of the `dburi` it gives, or an embedded one of its own. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseDburi } from './dburi.ts';
import type { Problem } from './problems.ts';
import { DEFAULT_SECURE_PATH, type SecureFile } from './secure-file.ts';
import { embeddedDatabase, stateDirectory, type System } from './state-directory.ts';
import type { DatabaseConfig } from './types.ts';

export interface LoadOptions extends System {
  /** The YAML file. */
  readonly path: string;
  /** File with the secrets, which must exist; null: /etc/nodepool/secure.conf, if it exists. */
  readonly securePath?: string | null;
  /**
   * A rehearsal: all providers are on the fake cloud, the database is an embedded one of its own, and neither
   * secure.conf nor Jenkins, Gearman or ZMQ are used.
   */
  readonly fake?: boolean;
}

/** A `dburi` with a way to say where it stands. */
export interface GivenDburi {
  readonly value: string;
  problem(message: string): Problem;
}

/** The file with the secrets that belongs to `options`; null: none. */
export function securePathOf({ securePath, root = '/', fake }: LoadOptions): string | null {
  if (fake) return null;
  if (securePath) return securePath;
  const path = join(root, DEFAULT_SECURE_PATH);
  return existsSync(path) ? path : null;
}

/** The `dburi` of secure.conf, which goes before that of the YAML file; null: none. */
export function secureDburi({ path, dburi }: SecureFile): GivenDburi | null {
  // An empty one is a problem that the check of the file reports.
  if (!dburi?.value) return null;
  const { value, line, column } = dburi;
  return { value, problem: (message) => ({ file: path, line, column, path: 'database.dburi', message }) };
}

export function resolveDatabase(
  options: LoadOptions,
  dburi: GivenDburi | null,
): { readonly database: DatabaseConfig } | { readonly problem: Problem } {
  const { path, fake = false } = options;
  if (fake || dburi === null) {
    const file = embeddedDatabase(path, { directory: stateDirectory(options), fake });
    return { database: { kind: 'sqlite', file, isDefault: true } };
  }
  const parsed = parseDburi(dburi.value, resolve(path));
  return 'database' in parsed ? parsed : { problem: dburi.problem(parsed.problem) };
}
