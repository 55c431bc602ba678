/** Addresses of services in the settings of a cloud. */
import { isHttpAddress } from '../../../lib/http-address.ts';
import type { EndpointInterface, ServiceAccess, ServiceName } from '../access.ts';
import { authText, type CloudSettings } from './auth.ts';
import { missing, wrong } from './origin.ts';
import { textAt, type Setting } from './settings.ts';

/** Error: `config`, when there is none or it is no address. */
export function authUrlOf(cloud: CloudSettings): string {
  const url = authText(cloud, 'auth_url');
  if (url === null) throw missing(cloud.origin, 'auth_url');
  return addressOf(cloud, 'auth_url', url);
}

/** Error: `config`, when something said about the service cannot be. */
export function serviceOf(cloud: CloudSettings, service: ServiceName): ServiceAccess {
  const { settings } = cloud;
  const key = [`${service}_endpoint_override`, `${service}_endpoint`].find((name) => textAt(settings, name) !== null);
  const own = interfaceAt(cloud, `${service}_`);
  return {
    endpoint: key === undefined ? null : addressOf(cloud, key, textAt(settings, key) ?? ''),
    name: textAt(settings, `${service}_service_name`),
    type: textAt(settings, `${service}_service_type`),
    ...(own && { interface: own }),
  };
}

/** The one of all services that have none of their own. Error: `config`. */
export function interfaceOf(cloud: CloudSettings): EndpointInterface {
  return interfaceAt(cloud, '') ?? 'public';
}

const INTERFACES: readonly string[] = ['public', 'internal', 'admin'] satisfies EndpointInterface[];

/** The old key wins: the new one has a default where openstacksdk lays the two together. */
function interfaceAt({ settings, origin }: CloudSettings, prefix: string): EndpointInterface | null {
  const key = [`${prefix}endpoint_type`, `${prefix}interface`].find((name) => settings[name]);
  if (key === undefined) return null;
  // Several may be listed, best first. The names of version 2 end with URL.
  const [first] = [settings[key]].flat() as readonly Setting[];
  const name = typeof first === 'string' ? first.replace(/URL$/, '') : '';
  if (!INTERFACES.includes(name)) throw wrong(origin, key, `must be one of ${INTERFACES.join(', ')}; correct it`);
  return name as EndpointInterface;
}

/** Addresses may have the name of the region in them: `https://{region_name}.example.org`. */
function addressOf({ settings, origin }: CloudSettings, key: string, template: string): string {
  const region = textAt(settings, 'region_name');
  if (region === null && template.includes('{region_name}')) {
    throw wrong(origin, key, 'has the region in it but none is chosen; set region-name at the provider');
  }
  const address = template.replaceAll('{region_name}', region ?? '');
  if (isHttpAddress(address)) return address;
  throw wrong(origin, key, 'is not an address that begins with http:// or https://; correct it');
}
