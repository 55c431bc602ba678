/** The `providers` section of the schema. */
import * as z from 'zod';
import { CLOUD_FORMATS } from './schema-diskimage.ts';
import {
  checked,
  count,
  delay,
  looseMap,
  name,
  obsolete,
  share,
  template,
  text,
  timeLimit,
  unused,
} from './schema-fields.ts';

const network = checked(
  z.strictObject({
    'net-id': text.optional().describe('UUID of a network.'),
    'net-label': text.optional().describe('Name of a network.'),
    name: text.optional().describe('Name of a network; the same as net-label.'),
    public: z.boolean().default(false).describe('Its addresses are the ones handed out.'),
  }),
  (value) => {
    const given = [value['net-id'], value['net-label'], value.name].filter((entry) => entry !== undefined);
    if (given.length === 1) return null;
    return given.length === 0
      ? 'names no network; give net-id, net-label or name'
      : 'names a network twice; give net-id, net-label or name';
  },
);

/** OpenStack's limits on the properties of an image. */
const MAX_META = { entries: 5, length: 255 };

/**
 * Attributes that images have anyway. Nova writes what it is given for a property of that name into the attribute: Glance
 * refuses that, with 403 or 500, or nobody heeds it. Source: `RequestDeserializer` in glance/api/v2/images.py, and tried
 * out with Nova 26 and Glance 25.
 */
const IMAGE_ATTRIBUTES: ReadonlySet<string> = new Set([
  ...['id', 'name', 'owner', 'status', 'visibility', 'protected', 'tags', 'size', 'virtual_size', 'checksum'],
  ...['container_format', 'disk_format', 'min_disk', 'min_ram', 'created_at', 'updated_at', 'deleted', 'deleted_at'],
  ...['location', 'locations', 'stores', 'direct_url', 'self', 'file', 'schema'],
  ...['os_hidden', 'os_hash_algo', 'os_hash_value'],
  // Nova's own, by which snapshots are told from other images.
  ...['image_type', 'base_image_ref'],
]);

/** Of Glance, and of the pool's own marks. */
const RESERVED_PREFIXES = ['os_glance', 'nodepool_'];

function isReserved(key: string): boolean {
  return IMAGE_ATTRIBUTES.has(key) || RESERVED_PREFIXES.some((prefix) => key.startsWith(prefix));
}

const meta = checked(looseMap, (value) => {
  const entries = Object.entries(value);
  if (entries.length > MAX_META.entries)
    return `has ${entries.length} entries; at most ${MAX_META.entries} are possible`;
  const long = entries.find((entry) => entry.some((part) => String(part).length > MAX_META.length));
  if (long) return `has a key or value of more than ${MAX_META.length} characters; shorten it`;
  const reserved = Object.keys(value).find(isReserved);
  return reserved === undefined ? null : `has the key ${reserved}, which clouds set themselves; remove it`;
});

/** Nova takes at most 65535 characters of user data in base64, which has four characters for three bytes. */
const MAX_USER_DATA = Math.floor(65_535 / 4) * 3;

const userData = checked(text, (value) => {
  const size = Buffer.byteLength(value);
  return size > MAX_USER_DATA
    ? `is ${size} bytes long, but clouds take at most ${MAX_USER_DATA} (64 KB in base64); shorten it`
    : null;
});

const providerImageKeys = z.strictObject({
  name: name.describe('Name of the image; images of the same name at several providers stand for each other.'),
  'min-ram': z
    .int()
    .positive()
    .describe('Least memory of the flavor, in MB; the smallest flavor that has it is taken.'),
  'name-filter': text.optional().describe('Text that the name of the flavor must contain.'),
  'base-image': text
    .optional()
    .describe('Name or UUID of the image that the template server boots from (snapshot images).'),
  setup: text.optional().describe('Script in script-dir that prepares the template server (snapshot images).'),
  diskimage: name.optional().describe('Name of the disk image to upload, instead of base-image and setup.'),
  username: text.default('jenkins').describe('User to log in as on finished nodes.'),
  'user-home': text.default('/home/jenkins').describe('Home of that user: the remote root in Jenkins.'),
  'private-key': text.default('/var/lib/jenkins/.ssh/id_rsa').describe('Private key file for that login.'),
  'config-drive': z
    .boolean()
    .optional()
    .describe('Attach a configuration drive; default: what the cloud does by itself.'),
  'key-name': text.optional().describe('Key pair at the cloud that is put on nodes.'),
  'user-data': userData.optional().describe('User data for nodes, as cloud-init reads it.'),
  'boot-from-volume': z.boolean().default(false).describe('Boot nodes from a volume instead of a local disk.'),
  'volume-size': z.int().positive().optional().describe('Size of that volume, in GB.'),
  meta: meta.default({}).describe('Properties of the image in the cloud, at most five.'),
  reset: unused('remove it'),
  pause: z.boolean().default(false).describe('Build no snapshot and upload nothing.'),
});

const providerImage = checked(providerImageKeys, (image) =>
  image['boot-from-volume'] && image['volume-size'] === undefined
    ? 'boots from a volume of unknown size; give volume-size, in GB'
    : null,
);

const fakeCloud = z.strictObject({
  'boot-time': delay.default(0.1).describe('Seconds until servers and images are active.'),
  'ssh-delay': delay.default(0).describe('Seconds from active until SSH answers.'),
  'api-delay': delay.default(0).describe('Seconds that each call takes.'),
  'listing-lag': delay.default(0).describe('Listings show the cloud as it was this many seconds ago.'),
  'delete-time': delay.default(0).describe('Seconds until a deleted server is gone.'),
  quota: count.optional().describe('Servers the project may have; default: no limit.'),
  'fail-creates': share.default(0).describe('Share of creates that are refused, 0 to 1.'),
  'fail-boots': share.default(0).describe('Share of servers that end in ERROR, 0 to 1.'),
  'fail-ssh': share.default(0).describe('Share of servers on which SSH never answers, 0 to 1.'),
  'fail-scripts': share.default(0).describe('Share of servers on which scripts fail, 0 to 1.'),
  'fail-uploads': share.default(0).describe('Share of uploads that are refused in the end, 0 to 1.'),
  down: z.boolean().default(false).describe('No call is answered.'),
});

export const provider = z.strictObject({
  name: name.describe('Name of the provider; the database keeps rows under it.'),
  driver: z
    .enum(['openstack', 'fake'])
    .optional()
    .describe('Kind of cloud: openstack (default), or fake, a small cloud in memory.'),
  'max-servers': z.int().min(-1).describe('Most servers of ours there, subnodes included; -1 drains the provider.'),
  cloud: text.optional().describe('Name of an entry in clouds.yaml, instead of the credentials here.'),
  username: text.optional().describe('User to log in to the cloud as.'),
  password: text.optional().describe('Password of that user.'),
  'auth-url': text.optional().describe('Address of the identity service; the word fake selects the fake cloud.'),
  'project-id': text.optional().describe('Id of the project; its name too, as in the first versions.'),
  'project-name': text.optional().describe('Name of the project.'),
  'region-name': text.optional().describe('Region of the cloud; default: its first.'),
  'service-type': text.optional().describe('Type of the compute service in the catalogue.'),
  'service-name': text.optional().describe('Name of the compute service in the catalogue.'),
  'api-timeout': timeLimit.default(60).describe('Seconds that a call may take.'),
  rate: delay.default(1).describe('Least seconds between two calls (a period, not a rate).'),
  'boot-timeout': timeLimit.default(60).describe('Seconds from active until SSH must answer.'),
  'launch-timeout': timeLimit.default(3600).describe('Seconds from the create call until a node must be active.'),
  keypair: text.optional().describe('Existing key pair for template servers; default: one is made.'),
  pool: text.optional().describe('External network to take floating IPs from; default: it is found out.'),
  'floating-ips': z.boolean().default(true).describe('Give servers without a public address a floating IP.'),
  'security-groups': z.array(text).default([]).describe('Names or ids of security groups for servers.'),
  networks: z.array(network).default([]).describe('Networks to attach servers to.'),
  'ipv6-preferred': z.boolean().default(false).describe('Use the public IPv6 address of a node when it has one.'),
  'availability-zones': z.array(text).default([]).describe('Zones to spread nodes over; subnodes follow their node.'),
  'template-hostname': template('provider.name', 'image.name', 'timestamp')
    .default('template-{image.name}-{timestamp}')
    .describe('Name of template servers and of the images made from them.'),
  'image-type': z
    .enum(CLOUD_FORMATS)
    .default('qcow2')
    .describe('Format in which the provider wants disk images: qcow2, raw, vhd or vmdk.'),
  'clean-floating-ips': z
    .boolean()
    .default(false)
    .describe('Delete all unattached floating IPs of the project at each cleanup.'),
  images: z.array(providerImage).default([]).describe('Images to keep at this provider.'),
  fake: fakeCloud.prefault({}).describe('Behaviour of the fake cloud.'),
  'nodepool-id': unused('remove it, the database identifies the installation'),
});

/** Secrets belong into secure.conf, which wins when both have them. */
export function secret(key: string): z.ZodOptional<z.ZodString> {
  return obsolete(text.optional(), `belongs into secure.conf, as ${key}`);
}
