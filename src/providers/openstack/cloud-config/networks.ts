/** What clouds.yaml says about the networks of a cloud. */
import { oneLine } from '../../../config/problems.ts';
import type { AccessNetwork } from '../access.ts';
import type { CloudSettings } from './auth.ts';
import { wrong } from './origin.ts';
import { isMap, isTrue, textAt, type Setting } from './settings.ts';

/** Error: `config`, when an entry has no name or two networks are to be the one for floating IPs. */
export function networksOf(cloud: CloudSettings): readonly AccessNetwork[] {
  const networks = [...listedNetworks(cloud), ...legacyNetworks(cloud)];
  const [first, second] = networks.filter(({ isNatDestination }) => isNatDestination);
  if (first && second) {
    const both = `${oneLine(first.name)} and ${oneLine(second.name)}`;
    throw wrong(cloud.origin, 'networks', `has nat_destination at ${both}; leave it at one`);
  }
  return networks;
}

function listedNetworks({ settings, origin }: CloudSettings): readonly AccessNetwork[] {
  const list = settings['networks'] ?? [];
  if (!Array.isArray(list)) throw wrong(origin, 'networks', 'must be a list; put it in [ ]');
  return (list as readonly Setting[]).map((entry) => {
    const network = isMap(entry) ? entry : {};
    const name = textAt(network, 'name');
    if (name === null) throw wrong(origin, 'networks', 'has an entry without a name; give it one');
    return {
      name,
      // A network may be reached from outside by IPv6 alone; its IPv4 addresses are not.
      routesExternally: isTrue(network['routes_ipv4_externally'] ?? network['routes_externally']),
      isNatDestination: isTrue(network['nat_destination']),
    };
  });
}

/** Two keys from before there was a list. */
function legacyNetworks({ settings, origin }: CloudSettings): readonly AccessNetwork[] {
  return ['external_network', 'internal_network'].flatMap((key) => {
    const name = textAt(settings, key);
    if (name === null) return [];
    if (settings['networks']) throw wrong(origin, key, 'does not go together with networks; make it an entry there');
    const isExternal = key === 'external_network';
    return [{ name, routesExternally: isExternal, isNatDestination: !isExternal }];
  });
}
