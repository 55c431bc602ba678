import type { FakeCloud } from './fake/cloud.ts';
import { createFakeDriver } from './fake/index.ts';
import { createOpenStackDriver, type OpenStackDriverDeps } from './openstack/index.ts';
import type { DriverFactory } from './provider.ts';

export interface DriversDeps extends OpenStackDriverDeps {
  /** Clouds of the fake by provider name, for whoever wants to look into them. */
  readonly clouds?: Map<string, FakeCloud>;
}

/** All drivers, by the name that the key `driver` of a provider gives them. */
export function createDrivers({ clouds, log, ...rest }: DriversDeps): Readonly<Record<string, DriverFactory>> {
  return {
    fake: createFakeDriver({ ...rest, log: log.child('fake'), ...(clouds && { clouds }) }),
    openstack: createOpenStackDriver({ ...rest, log: log.child('openstack') }),
  };
}
