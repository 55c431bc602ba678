import { isNodepoolError } from '../lib/errors.ts';
import { silentLog } from '../lib/log.ts';
import { createDrivers, type DriversDeps } from '../providers/drivers.ts';
import type { Finding } from '../providers/provider.ts';
import { createProviders, type Providers } from '../providers/registry.ts';
import type { InspectProviders } from './context.ts';

/** Inspects providers with the daemon's own drivers, all at once. */
export async function inspectHere(
  { providers, log, signal }: Parameters<InspectProviders>[0],
  tools: Omit<DriversDeps, 'log' | 'clouds'>,
): ReturnType<InspectProviders> {
  const drivers = createProviders({
    factories: createDrivers({ ...tools, log }),
    clock: tools.clock,
    onCall: () => undefined,
    // What it would say of a driver that cannot be made comes back as a finding.
    log: silentLog,
  });
  drivers.configure({ providers });
  const names = [...providers.keys()];
  return new Map(
    await Promise.all(names.map(async (name) => [name, await inspectOne(drivers, name, signal)] as const)),
  );
}

async function inspectOne(drivers: Providers, name: string, signal: AbortSignal): Promise<readonly Finding[]> {
  try {
    return (await drivers.get(name)?.inspect(signal)) ?? [];
  } catch (error) {
    if (signal.aborted || !isNodepoolError(error)) throw error;
    return [{ level: 'error', about: 'cloud', text: error.message }];
  }
}
