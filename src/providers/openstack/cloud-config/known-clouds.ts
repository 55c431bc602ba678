/** The clouds of clouds.yaml and secure.yaml, and the one that the OS_* variables make. */
import { oneLine } from '../../../config/problems.ts';
import type { Environment } from '../../../config/state-directory.ts';
import { NodepoolError } from '../../../lib/errors.ts';
import { nearName } from '../../../lib/near-name.ts';
import { readFirst, type ReadText } from './clouds-file.ts';
import type { Origin } from './origin.ts';
import { searchedDirectories, searchPath, type Surroundings } from './search-path.ts';
import { mapAt, mergeDeep, type Settings } from './settings.ts';

export interface KnownClouds {
  readonly clouds: ReadonlyMap<string, KnownCloud>;
  /** What is meant when no name is given; null: nothing. */
  readonly defaultName: string | null;
  /** Name of the cloud in the environment, also when there is none. */
  readonly environmentName: string;
  /** The section `client`: settings for all clouds. */
  readonly client: Settings;
  /** Ends a sentence that begins with what is not there. */
  readonly whereabouts: string;
}

export interface KnownCloud {
  readonly origin: Origin;
  readonly settings: Settings;
}

/** Error: `config`, for a file that cannot be used and for a name that is used twice. */
export function readKnownClouds(surroundings: Surroundings, readText: ReadText): KnownClouds {
  const { env } = surroundings;
  const { path, settings } = readFiles(surroundings, readText);
  const clouds = new Map<string, KnownCloud>();
  for (const [name, cloud] of Object.entries(mapAt(settings, 'clouds'))) {
    const origin: Origin = { kind: 'file', source: `cloud ${oneLine(name)} in ${path}` };
    clouds.set(name, { origin, settings: cloud as Settings });
  }
  const environmentName = env['OS_CLOUD_NAME'] || 'envvars';
  const environment = environmentCloud(env);
  if (environment) addEnvironment(clouds, environmentName, environment);
  return {
    clouds,
    defaultName: env['OS_CLOUD'] || (environment ? environmentName : onlyName(clouds)),
    environmentName,
    client: mapAt(settings, 'client'),
    whereabouts: path === null ? nowhere(surroundings) : `in ${path}`,
  };
}

function readFiles(
  surroundings: Surroundings,
  readText: ReadText,
): { readonly path: string | null; readonly settings: Settings } {
  const clouds = readFirst(searchPath('clouds', surroundings), readText);
  const secure = readFirst(searchPath('secure', surroundings), readText);
  if (!clouds || !secure) return clouds ?? secure ?? { path: null, settings: {} };
  return { path: clouds.path, settings: mergeDeep(clouds.settings, secure.settings) };
}

/** These say which cloud is meant, not what it is. */
const SELECTORS = new Set([
  'OS_CLOUD',
  'OS_CLOUD_NAME',
  'OS_REGION_NAME',
  'OS_CLIENT_CONFIG_FILE',
  'OS_CLIENT_SECURE_FILE',
]);

/** `OS_AUTH_URL` is the key `auth_url`. Variables of test tools begin the same. */
function environmentCloud(env: Environment): Settings | null {
  const given = Object.entries(env).filter(([name, value]) => /^OS_(?!TEST|STD|LOG)/.test(name) && value);
  if (given.every(([name]) => SELECTORS.has(name))) return null;
  // A key `cloud` would be the old word for a profile.
  const settings = given.filter(([name]) => name !== 'OS_CLOUD');
  return Object.fromEntries(settings.map(([name, value]) => [name.slice('OS_'.length).toLowerCase(), value]));
}

function addEnvironment(clouds: Map<string, KnownCloud>, name: string, settings: Settings): void {
  const double = clouds.get(name);
  if (double) {
    throw new NodepoolError(
      'config',
      `${double.origin.source} has the name of the one that the OS_* variables of the environment make; give that another with OS_CLOUD_NAME`,
    );
  }
  clouds.set(name, { origin: { kind: 'environment', source: `cloud ${name} in the environment` }, settings });
}

function onlyName(clouds: ReadonlyMap<string, unknown>): string | null {
  const [first = null, second] = clouds.keys();
  return second === undefined ? first : null;
}

function nowhere(surroundings: Surroundings): string {
  const { OS_CLIENT_CONFIG_FILE } = surroundings.env;
  const places = [...(OS_CLIENT_CONFIG_FILE ? [OS_CLIENT_CONFIG_FILE] : []), ...searchedDirectories(surroundings)];
  return `because there is no clouds.yaml at ${places.join(', ')}`;
}

/** The cloud of that name. Error: `config`. */
export function findCloud(known: KnownClouds, name: string): KnownCloud {
  const cloud = known.clouds.get(name);
  if (cloud) return cloud;
  const names = [...known.clouds.keys()];
  const near = nearName(name, names);
  const advice = near === null ? listOf(names) : `did you mean "${oneLine(near)}"?`;
  throw new NodepoolError('config', `there is no cloud "${oneLine(name)}" ${known.whereabouts}; ${advice}`);
}

/** So many names fit into a sentence. */
const MAX_LISTED = 10;

function listOf(names: readonly string[]): string {
  if (names.length === 0) return 'add it';
  const listed = names.slice(0, MAX_LISTED).map(oneLine).join(', ');
  return `known are ${listed}${names.length > MAX_LISTED ? ' and more' : ''}`;
}
