import type { Clock } from '../../lib/clock.ts';
import type { Flavor } from '../provider.ts';
import { listAll } from './pages.ts';
import { numberOf, requireText, textOf, type Json } from './parse.ts';
import { remember, type Remembered } from './remember.ts';
import type { Session } from './session.ts';

const MAX_AGE_MS = 10 * 60_000;

/** The flavors that the project may use. */
export function createFlavors({ session, clock }: { session: Session; clock: Clock }): Remembered<readonly Flavor[]> {
  return remember({
    clock,
    maxAgeMs: MAX_AGE_MS,
    read: async (signal) => {
      const flavors = await listAll(session, { service: 'compute', path: '/flavors/detail', key: 'flavors', signal });
      return flavors.filter((flavor) => flavor['OS-FLV-DISABLED:disabled'] !== true).map(readFlavor);
    },
  });
}

function readFlavor(flavor: Json): Flavor {
  const id = requireText(flavor, 'id');
  return {
    id,
    name: textOf(flavor.name) ?? id,
    ramMb: numberOf(flavor.ram) ?? 0,
    cores: numberOf(flavor.vcpus) ?? 0,
    diskGb: numberOf(flavor.disk) ?? 0,
  };
}
