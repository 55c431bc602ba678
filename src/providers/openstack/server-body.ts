import { NodepoolError } from '../../lib/errors.ts';
import type { ServerSpec } from '../provider.ts';
import { checkMetadata, tagMetadata } from './tags.ts';

/** What names of the configuration came to. */
export interface ServerParts {
  readonly flavorId: string;
  readonly imageId: string;
  /** Empty: Nova decides, which it does where there is one network. */
  readonly networkIds: readonly string[];
  /** Names or ids; empty: the project's default. */
  readonly securityGroups: readonly string[];
}

/** Nova's limit, in characters of base64. */
const USER_DATA_MAX = 65_535;

/**
 * The body of Nova's `POST /servers`, written for the oldest microversion: from 2.37 on "let Nova decide" would have to be
 * said in another way. Nothing is dropped to fit Nova's limits; where its refusal would repeat what was sent, which may be
 * secret or long, the refusal is ours: `rejected`.
 */
export function serverBody(spec: ServerSpec, parts: ServerParts): unknown {
  const server: Record<string, unknown> = {
    name: spec.name,
    flavorRef: parts.flavorId,
    metadata: checkMetadata({ ...spec.metadata, ...tagMetadata(spec.tags) }),
    max_count: 1,
  };
  if (spec.volumeGb === null) server.imageRef = parts.imageId;
  else server.block_device_mapping_v2 = [bootVolume(parts.imageId, spec.volumeGb)];
  if (parts.networkIds.length > 0) server.networks = parts.networkIds.map((uuid) => ({ uuid }));
  if (parts.securityGroups.length > 0) server.security_groups = parts.securityGroups.map((name) => ({ name }));
  if (spec.az !== null) server.availability_zone = spec.az;
  if (spec.configDrive !== null) server.config_drive = spec.configDrive;
  if (spec.keypair !== null) server.key_name = spec.keypair;
  if (spec.userData !== null) server.user_data = encodeUserData(spec.userData);
  return { server };
}

function bootVolume(imageId: string, volumeGb: number): unknown {
  return {
    boot_index: 0,
    uuid: imageId,
    source_type: 'image',
    destination_type: 'volume',
    volume_size: volumeGb,
    delete_on_termination: true,
  };
}

function encodeUserData(text: string): string {
  const encoded = Buffer.from(text, 'utf8').toString('base64');
  if (encoded.length <= USER_DATA_MAX) return encoded;
  throw new NodepoolError(
    'rejected',
    `the user data has ${encoded.length} characters in base64, and Nova takes no more than ${USER_DATA_MAX}: shorten it`,
  );
}
