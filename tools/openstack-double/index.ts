/**
 * A strict double of the HTTP interfaces of Keystone, Nova, Glance and Neutron, served on a port of 127.0.0.1 by the
 * process that makes it.
 *
 * Compared with a real OpenStack of the release Zed (Keystone v3.14, Nova 2.1 to 2.93, Glance v2.15, Neutron v2.0), by
 * sending some 300 requests to both and laying statuses, headers, keys and the words of refusals side by side:
 * - version documents, with and without a token; what is not served; 401 without a token and with a wrong one;
 * - tokens by password, token and application credential, right and wrong; catalogue; projects;
 * - `POST /servers`, accepted and refused (schema by microversion, image, flavor, network, key pair, zone, security group,
 *   metadata, user data, volumes; quota of instances, cores, RAM, ports and metadata), and what a server on an external
 *   network comes to;
 * - a server in thirteen microversions, listed and shown; while building, active, being deleted, in ERROR after a failed
 *   build and after a failed deletion; with a floating IP; paging, markers that have gone, filters;
 * - createImage before and from 2.45, console output, other actions; snapshots while queued and active, and the properties
 *   that they take over;
 * - flavors, limits (2.1, 2.36, 2.39, 2.57), zones, key pairs (2.1, 2.2, 2.35);
 * - Glance's filters, sorting and paging; deletion of one's own and of other images; images made of files: refusals of
 *   `POST /images` and of the file, cut off midway, deleted meanwhile, ids of other projects and of what was deleted;
 * - networks, subnets, routers, ports, floating IPs, security groups, quotas of Neutron: attributes, filters, fields, paging,
 *   refusals, and what becomes of ports and floating IPs when their server goes.
 *
 * From the source of that release, not seen at work: servers of a cell that is down (2.69), the end of an unfinished
 * snapshot whose server is deleted, successful changes of images (PATCH).
 * Unlike the real ones: of Glance's refusals by schema only the first sentence is there; one user in a project, no volumes beyond their ids, no rules of security groups, and only what a
 * driver has asked for so far is served.
 */
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { createCompute } from './compute.ts';
import { createDouble, type OpenStackDouble } from './double.ts';
import { createFaultBook } from './faults.ts';
import { createFront } from './front.ts';
import { createIdentity, type Project } from './identity.ts';
import { createImageService } from './image.ts';
import { createNetworkService } from './network.ts';
import { Region } from './region.ts';
import { createRequestLog } from './request-log.ts';
import {
  DEFAULT_PROJECTS,
  DEFAULT_QUOTA,
  PASSWORD,
  type OpenStackDoubleOptions,
  type ProjectOptions,
} from './settings.ts';
import type { Random } from '../../src/lib/random.ts';

export type { OpenStackDouble, ServerView } from './double.ts';
export type { ArmedFault, Fault, FaultMatch, FaultRule } from './faults.ts';
export type { ImageTrouble } from './image-life.ts';
export type { RequestRecord } from './request-log.ts';
export type { Trouble } from './server-life.ts';
export { PASSWORD } from './settings.ts';
export type { Behaviour, OpenStackDoubleOptions, Quota } from './settings.ts';

/** Listens before it resolves. */
export async function createOpenStackDouble(options: OpenStackDoubleOptions = {}): Promise<OpenStackDouble> {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  const projects = (options.projects ?? DEFAULT_PROJECTS).map((project) => makeProject(project, random));
  const names = options.regions ?? ['RegionOne'];
  const regions = new Map(names.map((name) => [name, new Region({ name, clock, random, options, projects })]));
  const [first] = regions.values();
  if (!first) throw new Error('a double has at least one region');
  let url = '';
  const identity = createIdentity({
    clock,
    random,
    projects,
    regions: names,
    root: () => url,
    tokenMs: () => first.behaviour.tokenMs,
    hasProjectInUrl: options.hasProjectInUrl ?? false,
  });
  const range = options.microversions === undefined ? { min: '2.1', max: '2.93' } : options.microversions;
  const services = {
    identity,
    compute: createCompute(range),
    image: createImageService(),
    network: createNetworkService(),
  };
  const faults = createFaultBook();
  const log = createRequestLog();
  const front = createFront({ clock, random, identity, services, regions, faults, log, tls: options.tls ?? null });
  await new Promise<void>((resolve) => front.server.listen(0, '127.0.0.1', resolve));
  const { port } = front.server.address() as AddressInfo;
  url = `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  return createDouble({ url, projects, regions, first, identity, faults, log, front });
}

function makeProject(options: ProjectOptions, random: Random): Project {
  const credential = options.applicationCredential;
  return {
    id: random.hex(16),
    name: options.name,
    userId: random.hex(16),
    password: options.password ?? PASSWORD,
    credential: credential ? { id: random.hex(16), ...credential } : null,
    quota: { ...DEFAULT_QUOTA, ...options.quota },
  };
}
