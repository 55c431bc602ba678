/**
 * How to get into the cloud of a provider: by a cloud of clouds.yaml, by the OS_* variables of the environment, or by the
 * provider's own keys. Files and variables are read as openstacksdk reads them, so that what works with its tools works
 * here. It is kinder in places: a broken file is an error, domains may be left out, and the provider's keys always win.
 */
import type { Environment } from '../../../config/state-directory.ts';
import type { CredentialsConfig } from '../../../config/types.ts';
import { NodepoolError } from '../../../lib/errors.ts';
import type { CloudAccess } from '../access.ts';
import { authUrlOf, interfaceOf, serviceOf } from './addresses.ts';
import { authMethodOf, type CloudSettings } from './auth.ts';
import { readFirst, type ReadText } from './clouds-file.ts';
import { withDirectKeys } from './direct-keys.ts';
import { findCloud, readKnownClouds, type KnownCloud } from './known-clouds.ts';
import { networksOf } from './networks.ts';
import { profileOf } from './profile.ts';
import { chooseRegion } from './region.ts';
import { searchPath, type Surroundings } from './search-path.ts';
import { isTrue, mapAt, overlay, textAt, type Settings } from './settings.ts';
import { tlsOf } from './tls.ts';

export interface AccessRequest extends Surroundings {
  readonly credentials: CredentialsConfig;
  /** `region-name` of the provider. */
  readonly regionName: string | null;
  readonly readText: ReadText;
}

/** Error: `config`, one sentence without secrets. */
export function resolveAccess(request: AccessRequest): CloudAccess {
  const { cloud, client } = resolveSettings(request);
  const { settings } = cloud;
  return {
    source: cloud.origin.source,
    authUrl: authUrlOf(cloud),
    auth: authMethodOf(cloud),
    region: textAt(settings, 'region_name'),
    interface: interfaceOf(cloud),
    services: {
      identity: serviceOf(cloud, 'identity'),
      compute: serviceOf(cloud, 'compute'),
      image: serviceOf(cloud, 'image'),
      network: serviceOf(cloud, 'network'),
    },
    tls: tlsOf(settings, request),
    usesFloatingIps: textAt(settings, 'floating_ip_source')?.toLowerCase() !== 'none',
    isPrivate: isTrue(settings['private']),
    forceIpv4: forcesIpv4(settings, client, request.env),
    networks: networksOf(cloud),
    imageFormat: textAt(settings, 'image_format'),
  };
}

interface Base {
  readonly cloud: KnownCloud;
  readonly profile: Settings;
  /** Settings for all clouds. */
  readonly client: Settings;
}

function resolveSettings(request: AccessRequest): { readonly cloud: CloudSettings; readonly client: Settings } {
  const { cloud, profile, client } = findBase(request);
  const { origin, settings: own } = cloud;
  const region = chooseRegion({ own, profile, wanted: request.regionName, origin });
  const { region_name: _unchosen, ...general } = overlay(profile, own);
  const inRegion = overlay(general, { ...region.values, region_name: region.name });
  return { cloud: { origin, settings: withDirectKeys(inRegion, request.credentials) }, client };
}

const DIRECT: KnownCloud = { origin: { kind: 'provider', source: 'the cloud of this provider' }, settings: {} };

/** A provider that says where its cloud is, and names no other, needs no files. */
function findBase(request: AccessRequest): Base {
  const { credentials, readText } = request;
  if (credentials.cloud === null && credentials.authUrl !== null) return { cloud: DIRECT, profile: {}, client: {} };
  const known = readKnownClouds(request, readText);
  const name = credentials.cloud ?? known.defaultName;
  if (name === null) {
    throw new NodepoolError(
      'config',
      'this provider says nothing of its cloud; name one of clouds.yaml with the key cloud, or give auth-url, username, password and project-name',
    );
  }
  const cloud = findCloud(known, name);
  const readPublic = (): Settings =>
    mapAt(readFirst(searchPath('clouds-public', request), readText)?.settings ?? {}, 'public-clouds');
  return {
    cloud,
    profile: profileOf({ cloud, environmentName: known.environmentName, readPublic }),
    client: known.client,
  };
}

/** `prefer_ipv6: false` is the old way to say it. What a cloud says comes before what is said for all. */
function forcesIpv4(settings: Settings, client: Settings, env: Environment): boolean {
  const { force_ipv4: own, prefer_ipv6: prefers = true } = settings;
  const general =
    isTrue(env['OS_FORCE_IPV4'] ?? client['force_ipv4'] ?? client['broken_ipv6']) ||
    !isTrue(env['OS_PREFER_IPV6'] ?? client['prefer_ipv6'] ?? true);
  return (own === undefined ? general : isTrue(own)) || !isTrue(prefers);
}
