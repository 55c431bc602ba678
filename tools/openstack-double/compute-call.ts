/** What every answer of Nova has in common: microversions, the words of its refusals, paging. */
import { Refusal, type GrantedCall, type Params, type Reply, type Route } from './http.ts';
import { findFlaw, type Schema } from './schema.ts';

/** `2.47` as 47: all of Nova's microversions begin with 2. */
export type Minor = number;

export interface ComputeCall extends GrantedCall {
  readonly minor: Minor;
}

const FAULT_NAMES: Readonly<Record<number, string>> = {
  400: 'badRequest',
  403: 'forbidden',
  404: 'itemNotFound',
  406: 'computeFault',
  409: 'conflictingRequest',
};

export function computeRefusal(code: number, message: string): Refusal {
  const name = FAULT_NAMES[code] ?? 'computeFault';
  return new Refusal({
    status: code,
    headers: { 'Content-Type': 'application/json; charset=UTF-8' },
    body: { [name]: { code, message } },
  });
}

export interface VersionRange {
  readonly min: string;
  readonly max: string;
}

/**
 * The version that the request asks for, in one of the two headers; the oldest where it asks for none. `version` is the
 * one that the answer names, also where it is refused; null: it names none.
 */
export function negotiate(
  headers: GrantedCall['headers'],
  range: VersionRange | null,
): { readonly minor: Minor; readonly version: string | null; readonly refusal: Refusal | null } {
  const asked = readVersion(headers);
  // A cloud without microversions does not look at the header.
  if (range === null || asked === null) return { minor: 1, version: '2.1', refusal: null };
  if (asked === 'latest') return { minor: minorOf(range.max), version: range.max, refusal: null };
  if (!/^\d+\.\d+$/.test(asked)) {
    const text = `API Version String ${asked} is of invalid format. Must be of format MajorNum.MinorNum.`;
    return { minor: 1, version: null, refusal: computeRefusal(400, text) };
  }
  const minor = minorOf(asked);
  if (asked.startsWith('2.') && minor >= minorOf(range.min) && minor <= minorOf(range.max)) {
    return { minor, version: asked, refusal: null };
  }
  const text = `Version ${asked} is not supported by the API. Minimum is ${range.min} and maximum is ${range.max}.`;
  return { minor: 1, version: asked, refusal: computeRefusal(406, text) };
}

function readVersion(headers: GrantedCall['headers']): string | null {
  const generic = headers['openstack-api-version'];
  if (typeof generic === 'string') {
    // One header may speak to several services: `compute 2.47, volume 3.1`.
    for (const part of generic.split(',')) {
      const [service, version] = part.trim().split(/\s+/);
      if (service === 'compute' && version !== undefined) return version;
    }
  }
  const own = headers['x-openstack-nova-api-version'];
  return typeof own === 'string' ? own : null;
}

export function minorOf(version: string): Minor {
  return Number(version.split('.')[1]);
}

type ComputeAnswer = (call: ComputeCall, params: Params) => Reply;

/** A route below `/v2.1` that sees the microversion. */
export function computeRoutes(range: VersionRange | null) {
  return (method: string, path: string, answer: ComputeAnswer): Route => ({
    method,
    pattern: `/v2.1${path}`,
    answer: (call, params) => {
      const { minor, refusal } = negotiate(call.headers, range);
      if (refusal) throw refusal;
      checkProject(call);
      return answer({ ...call, minor }, params);
    },
  });
}

/** The project may be named in the address, and then has to be the token's. */
function checkProject({ path, grant }: GrantedCall): void {
  const named = /^\/v2\.1\/([\da-f]{32})(?:\/|$)/.exec(path)?.[1] ?? grant.project.id;
  if (named === grant.project.id) return;
  const text = `URL's project_id '${named}' doesn't match Context's project_id '${grant.project.id}'`;
  throw computeRefusal(400, `Malformed request URL: ${text}`);
}

/** The body of a request, which has to fit the schema. */
export function readBody(call: GrantedCall, schema: Schema): Readonly<Record<string, unknown>> {
  const body = parseBody(call);
  const flaw = findFlaw(schema, body);
  if (flaw !== null) throw computeRefusal(400, flaw);
  return body as Readonly<Record<string, unknown>>;
}

export function parseBody(call: GrantedCall): unknown {
  const type = call.headers['content-type']?.split(';')[0];
  if (type !== 'application/json') throw computeRefusal(415, `Unsupported Content-Type ${type ?? ''}`);
  try {
    return JSON.parse(call.text);
  } catch {
    // Whatever is wrong with it, Nova says the same.
    throw computeRefusal(400, 'Malformed request body');
  }
}

export interface Page<T> {
  readonly entries: readonly T[];
  /** Query of the next page, to be put behind the address; null: this is the last. */
  readonly nextQuery: string | null;
}

/**
 * A page of `all`, with the entry after `marker` first. Like Nova, it promises a next page whenever this one is full,
 * also where nothing will be on it. `findMarker`: index of the first entry after it; null: no such thing.
 */
export function pageOf<T>(
  call: GrantedCall,
  all: readonly T[],
  options: {
    readonly max: number;
    readonly markerOf: (entry: T) => string;
    readonly findMarker: (marker: string) => number | null;
  },
): Page<T> {
  const text = call.query.get('limit');
  if (text !== null && !/^\d*$/.test(text)) {
    const why = `Value: ${text}. '${text}' does not match '^[0-9]*$'`;
    throw computeRefusal(400, `Invalid input for query parameters limit. ${why}`);
  }
  const limit = Math.min(options.max, text === null || text === '' ? Infinity : Number(text));
  const marker = call.query.get('marker');
  const start = marker === null ? 0 : options.findMarker(marker);
  if (start === null) throw computeRefusal(400, `marker [${marker}] not found`);
  const entries = all.slice(start, start + limit);
  const last = entries.at(-1);
  if (last === undefined || entries.length < limit) return { entries, nextQuery: null };
  const query = new URLSearchParams(call.query);
  query.set('marker', options.markerOf(last));
  return { entries, nextQuery: query.toString() };
}

/** The address of the compute service with its version, and the project where the client's path has it. */
export function versionedRoot(call: GrantedCall): string {
  const project = /^\/v2\.1(\/[\da-f]{32})?(?:\/|$)/.exec(call.path)?.[1] ?? '';
  return `${call.root}/v2.1${project}`;
}
