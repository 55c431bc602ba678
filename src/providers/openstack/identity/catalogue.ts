/** The catalogue that comes with a token: where each service is, and in which version it is spoken to. */
import { NodepoolError } from '../../../lib/errors.ts';
import { isHttpAddress } from '../../../lib/http-address.ts';
import type { CloudAccess, ServiceName } from '../access.ts';
import type { CatalogueService, Token } from './token.ts';

const VERSION = /\/v\d+(?:\.\d+)?$/;
/** The project's id may come after it. */
const NOVA_VERSION = /\/v(?<version>\d+(?:\.\d+)?)(?:\/[^/]+)?$/;
/** Version 2 is the same interface as 2.1, without microversions. */
const NOVA_VERSIONS: readonly string[] = ['2.1', '2', '2.0'];

/** Added to an address without a version. */
const VERSIONS: Readonly<Record<ServiceName, string>> = {
  identity: '/v3',
  compute: '/v2.1',
  image: '/v2',
  network: '/v2.0',
};

/** Where a service is, or a sentence that says why there is no telling. */
export type Location = { readonly url: URL } | { readonly missing: string };

/**
 * The versioned endpoint of a service for this access, without a slash at its end. Where the access names no region, the
 * first of compute counts, and for what is not there the first of all.
 */
export function locateService(service: ServiceName, access: CloudAccess, token: Token): Location {
  const override = access.services[service].endpoint;
  const found = override === null ? pickEndpoint(service, access, token.catalogue) : { url: fill(override, token) };
  return 'missing' in found ? found : toLocation(service, found.url);
}

/** As {@link locateService}. Errors: `auth` when it has none. */
export function requireService(service: ServiceName, access: CloudAccess, token: Token): URL {
  const location = locateService(service, access, token);
  if ('url' in location) return location.url;
  throw new NodepoolError('auth', `${access.source}: ${location.missing}`);
}

/** Configured addresses may have the project in them, in the two notations that Keystone's catalogue has. */
function fill(endpoint: string, { project }: Token): string {
  return endpoint.replaceAll(/[%$]\((?:project|tenant)_id\)s/g, project.id);
}

function pickEndpoint(
  service: ServiceName,
  access: CloudAccess,
  catalogue: readonly CatalogueService[],
): { readonly url: string } | { readonly missing: string } {
  const { type, name, interface: own } = access.services[service];
  const wanted = type ?? service;
  const ofType = catalogue.filter((entry) => entry.type === wanted);
  if (ofType.length === 0) return lacks(`service of type ${wanted}`, typesOf(catalogue));
  const ofName = ofType.filter((entry) => name === null || entry.name === name);
  if (ofName.length === 0) return lacks(`service named ${name} of type ${wanted}`, namesOf(ofType));

  const endpoints = ofName.flatMap((entry) => entry.endpoints);
  const inRegion = endpoints.filter(({ region }) => access.region === null || region === access.region);
  if (inRegion.length === 0) {
    const regions = distinct(endpoints.map(({ region }) => region));
    return { missing: `region ${access.region} is not in the catalogue for ${wanted}; it has: ${regions}` };
  }
  const wantedInterface = own ?? access.interface;
  const reached = inRegion.filter((candidate) => candidate.interface === wantedInterface);
  const interfaces = distinct(inRegion.map((candidate) => candidate.interface));
  const home = homeRegion(access, catalogue);
  const endpoint = reached.find(({ region }) => region === home) ?? reached[0];
  return endpoint ?? lacks(`${wantedInterface} endpoint of ${wanted}`, interfaces);
}

/** Servers, networks and images of different regions know nothing of each other, so all are taken from that of servers. */
function homeRegion(access: CloudAccess, catalogue: readonly CatalogueService[]): string | null {
  const { type, name, interface: own } = access.services.compute;
  const wanted = own ?? access.interface;
  const isCompute = (service: CatalogueService): boolean =>
    service.type === (type ?? 'compute') && (name === null || service.name === name);
  const endpoints = catalogue.filter(isCompute).flatMap((service) => service.endpoints);
  return access.region ?? endpoints.find((candidate) => candidate.interface === wanted)?.region ?? null;
}

function toLocation(service: ServiceName, address: string): Location {
  if (!isHttpAddress(address)) {
    return {
      missing: `the endpoint of ${service}, "${address}", is not an address that begins with http:// or https://`,
    };
  }
  const given = new URL(address);
  const path = given.pathname.replace(/\/+$/, '');
  const at = (versioned: string): Location => ({ url: new URL(versioned, given.origin) });
  if (service !== 'compute') return at(VERSION.test(path) ? path : `${path}${VERSIONS[service]}`);
  const version = NOVA_VERSION.exec(path)?.groups?.version;
  if (version === undefined) return at(`${path}${VERSIONS.compute}`);
  if (NOVA_VERSIONS.includes(version)) return at(path);
  return { missing: `the endpoint of compute, ${address}, is of version ${version}, and 2.1 is needed` };
}

function lacks(what: string, present: string): { readonly missing: string } {
  return { missing: `the catalogue has no ${what}; it has: ${present}` };
}

function typesOf(catalogue: readonly CatalogueService[]): string {
  return distinct(catalogue.map(({ type }) => type));
}

function namesOf(services: readonly CatalogueService[]): string {
  return distinct(services.map(({ name }) => name));
}

function distinct(values: readonly (string | null)[]): string {
  const present = [...new Set(values.filter((value) => value !== null))].sort();
  return present.length > 0 ? present.join(', ') : 'nothing';
}
