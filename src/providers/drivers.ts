import { createFakeDriver } from './fake/index.ts';
import { createOpenStackDriver, type OpenStackDriverDeps } from './openstack/index.ts';
import type { DriverFactory } from './provider.ts';

/** What the drivers need beside the configuration of a provider. */
export type DriversDeps = OpenStackDriverDeps;

/** All drivers, by the name that the key `driver` of a provider gives them. */
export function createDrivers({ log, ...rest }: DriversDeps): Readonly<Record<string, DriverFactory>> {
  return {
    fake: createFakeDriver({ ...rest, log: log.child('fake') }),
    openstack: createOpenStackDriver({ ...rest, log: log.child('openstack') }),
  };
}
