/**
 * Which keys a configuration has, with types, limits and defaults. What stands in relation to other keys is
 * checked in `references.ts`, what is derived is made in `resolve.ts`.
 */
import * as z from 'zod';
import { checkPublisher } from './addresses.ts';
import { diskimage } from './schema-diskimage.ts';
import {
  checked,
  count,
  cron,
  delay,
  host,
  leaseTime,
  name,
  share,
  template,
  text,
  timeLimit,
  unused,
} from './schema-fields.ts';
import { provider, secret } from './schema-provider.ts';

const label = z.strictObject({
  name: name.describe('Name of the label: the kind of node that jobs ask for.'),
  image: name.describe('Name of the provider image that its nodes boot from.'),
  'min-ready': z.int().min(-1).default(2).describe('Ready nodes to keep; 0: only on demand; -1: disabled.'),
  subnodes: count.default(0).describe('Further servers for each node.'),
  'ready-script': text.optional().describe('Script that is run on every server of a node before the node is ready.'),
  providers: z
    .array(z.strictObject({ name: name.describe('Name of a provider.') }))
    .default([])
    .describe('Who may supply its nodes.'),
});

const jenkins = z.strictObject({
  'test-job': text.optional().describe('Job that a new node must pass before it is ready.'),
  url: secret('url in the section of the target'),
  user: secret('user in the section of the target'),
  apikey: secret('apikey in the section of the target'),
  'credentials-id': secret('credentials in the section of the target'),
});

const NODE_FIELDS = ['label.name', 'provider.name', 'node_id', 'timestamp'];

const target = z.strictObject({
  name: name.describe('Name of the target: who gets the nodes.'),
  hostname: template(...NODE_FIELDS)
    .default('{label.name}-{provider.name}-{node_id}')
    .describe('Host name of nodes.'),
  'subnode-hostname': template(...NODE_FIELDS, 'subnode_id')
    .default('{label.name}-{provider.name}-{node_id}-{subnode_id}')
    .describe('Host name of subnodes.'),
  rate: delay.default(1).describe('Least seconds between two calls to Jenkins.'),
  'assign-via-gearman': z.boolean().default(false).describe('Hand nodes over with a Gearman job.'),
  jenkins: jenkins.optional().describe('The Jenkins that gets the nodes.'),
});

const gearmanServer = z.strictObject({
  host: host.describe('Host name or address.'),
  port: z.int().min(1).max(65_535).default(4730).describe('Port.'),
});

const crons = z.strictObject({
  'image-update': cron.default('14 2 * * *').describe('When to rebuild every image in use.'),
  cleanup: cron.default('* * * * *').describe('When to look for leaked servers and images.'),
  check: cron.default('*/15 * * * *').describe('When to check that ready nodes still answer.'),
});

/** How long a lease lasts when nobody says anything, in seconds. */
export const USUAL_TTL_S = 14_400;

const requestsKeys = z.strictObject({
  // Its default gives way to a shorter max-ttl, so it is filled in when both are known.
  ttl: leaseTime
    .optional()
    .meta({ default: USUAL_TTL_S })
    .describe('Seconds that nodes are leased for when a request does not say; at most max-ttl.'),
  'max-ttl': leaseTime.default(604_800).describe('Seconds that a lease may last without being extended.'),
});

const requests = checked(
  requestsKeys,
  ({ ttl, 'max-ttl': most }) =>
    ttl !== undefined && ttl > most
      ? `is ${ttl} but must be at most ${most}, which is max-ttl; lower it or raise max-ttl`
      : null,
  ['ttl'],
);

const api = z.strictObject({
  host: host.default('127.0.0.1').describe('Name or address to listen on.'),
  port: z.int().min(0).max(65_535).default(8005).describe('Port to listen on; 0: any free one.'),
  'rate-limit': delay.default(100).describe('Requests per second that a token may make on average; 0: any number.'),
});

const root = z.strictObject({
  'script-dir': text.optional().describe('Directory of the scripts that are copied to template servers.'),
  'elements-dir': text.optional().describe('Directory of elements for diskimage-builder.'),
  'images-dir': text.optional().describe('Directory for built disk images; without it, none are built.'),
  'build-log-dir': text
    .optional()
    .describe('Directory for the output of builds; default: logs in images-dir, or build-logs in the state directory.'),
  'image-failure-share': share
    .default(0.5)
    .describe(
      'Share of the first launches from a new image, 0 to 1, above which failures bring back the one before it.',
    ),
  'image-canary': z
    .boolean()
    .default(false)
    .describe('Try a new image on one node per provider before others boot from it.'),
  dburi: secret('dburi in the section database'),
  cron: crons.prefault({}).describe('Periodic work: minute hour day month weekday, and if need be second.'),
  'zmq-publishers': z
    .array(checked(text, checkPublisher))
    .default([])
    .describe('Addresses at which Jenkins servers publish their events: tcp://HOST:PORT or ipc://PATH.'),
  'gearman-servers': z.array(gearmanServer).default([]).describe('Gearman servers whose queues show the demand.'),
  'zookeeper-servers': unused('remove it, everything is kept in the database'),
  requests: requests.prefault({}).describe('Leases of nodes that were asked for.'),
  api: api.prefault({}).describe('The HTTP interface of the daemon.'),
  'event-retention': timeLimit
    .max(36_500)
    .default(14)
    .describe('Days that the history of nodes and images is kept, and failures that did not come again.'),
  labels: z.array(label).default([]).describe('The kinds of nodes to keep ready.'),
  providers: z.array(provider).default([]).describe('The clouds to take servers from.'),
  targets: z.array(target).default([]).describe('Who gets the nodes.'),
  diskimages: z.array(diskimage).default([]).describe('Images to build with diskimage-builder.'),
});

export { root as rootSchema };

/** A configuration of the right shape, with defaults; seconds are still seconds. */
export type ConfigFile = z.output<typeof root>;
export type ProviderEntry = ConfigFile['providers'][number];
export type ProviderImageEntry = ProviderEntry['images'][number];
export type TargetEntry = ConfigFile['targets'][number];

/** The JSON Schema (draft 7) of the configuration file, for editors. */
export function configSchema(): Readonly<Record<string, unknown>> {
  const schema = z.toJSONSchema(root, { io: 'input', target: 'draft-7' });
  return { title: 'Nodepool configuration', ...schema };
}
