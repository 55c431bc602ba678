/** Where openstacksdk looks for its files. Source: openstack/config/loader.py of openstacksdk 4. */
import { join, resolve } from 'node:path';
import type { Environment } from '../../../config/state-directory.ts';

/** What the search depends on. */
export interface Surroundings {
  readonly env: Environment;
  readonly home: string;
  readonly cwd: string;
}

const SUFFIXES = ['.yaml', '.yml', '.json'];

/** Variables that name a file, which comes before all others. */
const OVERRIDES: Readonly<Record<string, string>> = {
  clouds: 'OS_CLIENT_CONFIG_FILE',
  secure: 'OS_CLIENT_SECURE_FILE',
};

/** The places of a file, best first; it need not exist at any of them. */
export function searchPath(name: 'clouds' | 'secure' | 'clouds-public', surroundings: Surroundings): readonly string[] {
  const override = surroundings.env[OVERRIDES[name] ?? ''];
  const files = searchedDirectories(surroundings).flatMap((directory) =>
    SUFFIXES.map((suffix) => join(directory, name + suffix)),
  );
  return override ? [expandPath(override, surroundings), ...files] : files;
}

/** The current directory, the user's configuration, that of the site. */
export function searchedDirectories({ env, home, cwd }: Surroundings): readonly string[] {
  const site = (env['XDG_CONFIG_DIRS'] || '/etc/xdg').split(':').filter(Boolean);
  const directories = [
    cwd,
    join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'openstack'),
    join(env['SNAP_REAL_HOME'] || home, '.config/openstack'),
    ...site.map((directory) => join(directory, 'openstack')),
    '/etc/openstack',
  ];
  return [...new Set(directories)];
}

/** Absolute; `~` is the home of this user. */
export function expandPath(path: string, { home, cwd }: Surroundings): string {
  return resolve(cwd, /^~(?=\/|$)/.test(path) ? home + path.slice(1) : path);
}
