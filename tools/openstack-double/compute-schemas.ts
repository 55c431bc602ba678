/** Bodies that Nova accepts, by microversion; what is not named is refused. Values as in Nova's own definitions (Zed). */
import type { Minor } from './compute-call.ts';
import type { Schema } from './schema.ts';

const NAME: Schema = { type: 'string', minLength: 1, maxLength: 255, format: 'name' };

const BOOLEAN: Schema = {
  type: ['boolean', 'string'],
  enum: [
    ...[true, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes'],
    ...[false, 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no'],
  ],
};

const METADATA: Schema = {
  type: 'object',
  otherKeys: { pattern: /^[a-zA-Z0-9-_:. ]{1,255}$/, schema: { type: 'string', maxLength: 255 } },
};

const PORT: Schema = { oneOf: [{ type: 'string', format: 'uuid' }, { type: 'null' }] };

function networksSchema(minor: Minor): Schema {
  const tag = minor === 32 || (minor >= 33 && minor < 37) || minor >= 42 ? { tag: { type: 'string' as const } } : {};
  const array = (uuid: Schema): Schema => ({
    type: 'array',
    items: { type: 'object', properties: { fixed_ip: { type: 'string' }, port: PORT, uuid, ...tag } },
  });
  if (minor < 37) return array({ type: 'string' });
  return { oneOf: [array({ type: 'string', format: 'uuid' }), { type: 'string', enum: ['none', 'auto'] }] };
}

const INTEGER_TEXT: Schema = { type: ['integer', 'string'], pattern: /^[0-9]*$/, minimum: 1 };

function volumesSchema(minor: Minor): Schema {
  return {
    type: 'array',
    items: {
      type: 'object',
      properties: {
        volume_size: { type: ['integer', 'string'], pattern: /^[0-9]+$/ },
        device_name: { type: 'string', minLength: 1, maxLength: 255 },
        delete_on_termination: BOOLEAN,
        source_type: { type: 'string', enum: ['volume', 'image', 'snapshot', 'blank'] },
        uuid: { type: 'string', minLength: 1, maxLength: 255, pattern: /^[a-zA-Z0-9._-]*$/ },
        destination_type: { type: 'string', enum: ['local', 'volume'] },
        guest_format: { type: 'string', maxLength: 255 },
        device_type: { type: 'string', maxLength: 255 },
        disk_bus: { type: 'string', maxLength: 255 },
        boot_index: { type: ['integer', 'string', 'null'], pattern: /^-?[0-9]+$/ },
        ...(minor === 32 || minor >= 42 ? { tag: { type: 'string' } } : {}),
        ...(minor >= 67 ? { volume_type: { type: ['string', 'null'], maxLength: 255 } } : {}),
      },
    },
  };
}

export function createServerSchema(minor: Minor): Schema {
  const server: Readonly<Record<string, Schema>> = {
    name: NAME,
    imageRef: {
      oneOf: [
        { type: 'string', format: 'uuid' },
        { type: 'string', maxLength: 0 },
      ],
    },
    flavorRef: { type: ['string', 'integer'], minLength: 1 },
    adminPass: { type: 'string' },
    metadata: METADATA,
    networks: networksSchema(minor),
    'OS-DCF:diskConfig': { type: 'string', enum: ['AUTO', 'MANUAL'] },
    accessIPv4: { type: 'string' },
    accessIPv6: { type: 'string' },
    availability_zone: NAME,
    block_device_mapping_v2: volumesSchema(minor),
    config_drive: BOOLEAN,
    key_name: NAME,
    min_count: INTEGER_TEXT,
    max_count: INTEGER_TEXT,
    return_reservation_id: BOOLEAN,
    security_groups: { type: 'array', items: { type: 'object', properties: { name: NAME } } },
    user_data: { type: 'string', format: 'base64', maxLength: 65_535 },
    ...(minor < 57 ? { personality: { type: 'array' } } : {}),
    ...(minor >= 19 ? { description: { type: ['string', 'null'], maxLength: 255 } } : {}),
    ...(minor >= 52 ? { tags: { type: 'array', items: { type: 'string', minLength: 1, maxLength: 60 } } } : {}),
    ...(minor >= 63 ? { trusted_image_certificates: { type: ['array', 'null'] } } : {}),
    ...(minor >= 74 ? { host: { type: 'string' }, hypervisor_hostname: { type: 'string' } } : {}),
    ...(minor >= 90 ? { hostname: { type: 'string', minLength: 2, maxLength: 63 } } : {}),
  };
  const required = ['name', 'flavorRef', ...(minor >= 37 ? ['networks'] : [])];
  const hints: Schema = { type: 'object', isOpen: true };
  return {
    type: 'object',
    properties: {
      server: { type: 'object', properties: server, required },
      'os:scheduler_hints': hints,
      'OS-SCH-HNT:scheduler_hints': hints,
    },
    required: ['server'],
  };
}

export const CREATE_IMAGE: Schema = {
  type: 'object',
  properties: {
    createImage: { type: 'object', properties: { name: NAME, metadata: METADATA }, required: ['name'] },
  },
};

export const CONSOLE_OUTPUT: Schema = {
  type: 'object',
  properties: {
    'os-getConsoleOutput': {
      type: 'object',
      properties: { length: { type: ['integer', 'string', 'null'], pattern: /^-?[0-9]+$/, minimum: -1 } },
    },
  },
};

export function createKeypairSchema(minor: Minor): Schema {
  return {
    type: 'object',
    properties: {
      keypair: {
        type: 'object',
        properties: {
          name: { type: 'string', minLength: 1, maxLength: 255 },
          public_key: { type: 'string' },
          ...(minor >= 2 ? { type: { type: 'string', enum: ['ssh', 'x509'] } } : {}),
          ...(minor >= 10 ? { user_id: { type: 'string' } } : {}),
        },
        required: minor >= 92 ? ['name', 'public_key'] : ['name'],
      },
    },
    required: ['keypair'],
  };
}
