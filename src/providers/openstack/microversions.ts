/** Microversions of the compute service (`2.47`): numbers in two parts, compared part by part. */
import { isRecord } from '../../lib/json.ts';

export interface MicroversionRange {
  readonly lowest: string;
  readonly highest: string;
}

/** Where an endpoint, with or without the project at its end, has its version document. */
export function versionDocumentUrl(endpoint: URL): URL {
  return new URL(endpoint.pathname.replace(/(\/v\d+(?:\.\d+)?)(?:\/[^/]+)?$/, '$1/'), endpoint);
}

/** Reads the version document of a compute endpoint; null: it has no microversions, as version 2.0. */
export function readMicroversions(body: unknown): MicroversionRange | null {
  const version = isRecord(body) ? body.version : undefined;
  if (!isRecord(version)) return null;
  const { min_version: lowest, version: highest } = version;
  return isMicroversion(lowest) && isMicroversion(highest) ? { lowest, highest } : null;
}

/** The highest of `wanted` in the range; null: none is. */
export function pickMicroversion(wanted: readonly string[], range: MicroversionRange | null): string | null {
  if (range === null) return null;
  const supported = wanted.filter((one) => compare(one, range.lowest) >= 0 && compare(one, range.highest) <= 0);
  return supported.sort(compare).at(-1) ?? null;
}

function isMicroversion(value: unknown): value is string {
  return typeof value === 'string' && /^\d+\.\d+$/.test(value);
}

function compare(one: string, other: string): number {
  const [major = 0, minor = 0] = one.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = other.split('.').map(Number);
  return major - otherMajor || minor - otherMinor;
}
