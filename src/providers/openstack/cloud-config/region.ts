/** Which region of a cloud is meant, and what is set for that region alone. */
import { oneLine } from '../../../config/problems.ts';
import { NodepoolError } from '../../../lib/errors.ts';
import { nearName } from '../../../lib/near-name.ts';
import { wrong, type Origin } from './origin.ts';
import { isMap, textAt, type Setting, type Settings } from './settings.ts';

export interface Region {
  /** null: not said. */
  readonly name: string | null;
  /** Lies over the settings of the cloud. */
  readonly values: Settings;
}

export interface RegionQuery {
  readonly own: Settings;
  readonly profile: Settings;
  readonly wanted: string | null;
  readonly origin: Origin;
}

/** The wanted one; the first of those that are known when none is. Error: `config`, for one that is not known. */
export function chooseRegion(query: RegionQuery): Region {
  const { wanted, origin } = query;
  const regions = knownRegions(query);
  if (wanted === null || regions.length === 0) return regions[0] ?? { name: wanted, values: {} };
  const region = regions.find(({ name }) => name === wanted);
  if (region) return region;
  const names = regions.map(({ name }) => name ?? '');
  const near = nearName(wanted, names);
  const advice = near === null ? `known are ${names.map(oneLine).join(', ')}` : `did you mean "${oneLine(near)}"?`;
  throw new NodepoolError(
    'config',
    `${origin.source} has no region "${oneLine(wanted)}", which region-name of the provider asks for; ${advice}`,
  );
}

/** What the cloud itself says comes before its profile, even if it is only one name. */
function knownRegions({ own, profile, origin }: RegionQuery): readonly Region[] {
  for (const settings of [own, profile]) {
    const { regions, region_name: named } = settings;
    if (regions !== undefined && regions !== null) return regionsOf(regions, origin);
    if (Array.isArray(named)) return regionsOf(named, origin);
    const names = textAt(settings, 'region_name');
    if (names !== null) return names.split(',').map((name) => ({ name: name.trim(), values: {} }));
  }
  return [];
}

function regionsOf(value: Setting, origin: Origin): readonly Region[] {
  if (!Array.isArray(value)) throw wrong(origin, 'regions', 'must be a list; put it in [ ]');
  return (value as readonly Setting[]).map((entry) => regionOf(entry, origin));
}

function regionOf(entry: Setting, origin: Origin): Region {
  if (typeof entry === 'string') return { name: entry, values: {} };
  const { name, values, ...rest } = isMap(entry) ? entry : {};
  if (typeof name !== 'string' || Object.keys(rest).length > 0) {
    throw wrong(origin, 'regions', 'has an entry that is neither a name nor a map of name and values; correct it');
  }
  return { name, values: isMap(values) ? values : {} };
}
