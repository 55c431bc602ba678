/** What a clouds.yaml says, before it means anything: maps of texts, and the ways in which openstacksdk lays one over another. */
import { isRecord } from '../../../lib/json.ts';

/** Numbers are texts, as they are written: ids and passwords may look like them. */
export type Setting = string | boolean | null | readonly Setting[] | Settings;

export interface Settings {
  readonly [key: string]: Setting | undefined;
}

export function isMap(value: unknown): value is Settings {
  return isRecord(value);
}

/** The map at `key`; empty when there is none. */
export function mapAt(settings: Settings, key: string): Settings {
  const value = at(settings, key);
  return isMap(value) ? value : {};
}

/** The text at `key`; null when there is none, or an empty one. */
export function textAt(settings: Settings, key: string): string | null {
  const value = at(settings, key);
  return typeof value === 'string' && value !== '' ? value : null;
}

/** Only `true` is true, in quotes too. */
export function isTrue(setting: Setting | undefined): boolean {
  return setting === true || (typeof setting === 'string' && setting.toLowerCase() === 'true');
}

/** Map by map and key by key: how secure.yaml lies over clouds.yaml. */
export function mergeDeep(under: Settings, over: Settings): Settings {
  const merged: Record<string, Setting | undefined> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const below = at(under, key);
    merged[key] = isMap(value) && isMap(below) ? mergeDeep(below, value) : value;
  }
  return merged;
}

/** How a cloud lies over its profile, and a region over its cloud: `auth` key by key, anything else as a whole. */
export function overlay(under: Settings, over: Settings): Settings {
  const given = Object.entries(over).filter(([, value]) => value !== null);
  const auth = { ...mapAt(under, 'auth'), ...mapAt(over, 'auth') };
  return { ...under, ...Object.fromEntries(given), auth };
}

function at(settings: Settings, key: string): Setting | undefined {
  return Object.hasOwn(settings, key) ? settings[key] : undefined;
}
