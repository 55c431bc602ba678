import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

// `unit` needs nothing; `store` and `system` use a private MariaDB, and `system` the built program. Both are made once
// for the whole run. Files of `unit` and `store` leave nothing behind in their process, so the next ones run in it: loading
// all modules anew for each took half of the time.
const root = new URL('..', import.meta.url).pathname;
const databaseSetup = 'test/support/mariadb-setup.ts';
const programSetup = 'test/support/program-setup.ts';

/** What `expect.poll` waits for is there at once, but the machine may stop for longer than the second that is usual. */
const patience = { expect: { poll: { timeout: 20_000 } } };

/** For what hangs: no test takes that long, on a machine ten times slower than ours. Hooks may install packages, too. */
const limits = { testTimeout: 300_000, hookTimeout: 300_000, ...patience };

/** A project whose tests share one cloud: one file at a time. */
const openstack = (name: string, include: string): TestProjectInlineConfiguration => ({
  root,
  test: {
    name,
    include: [include],
    globalSetup: [databaseSetup, programSetup, 'test/support/rig-setup.ts'],
    fileParallelism: false,
    // Tests wait for facts and give up by themselves. This is for one that hangs, on a machine ten times slower than ours.
    testTimeout: 3_600_000,
    hookTimeout: 1_200_000,
    ...patience,
  },
});

export default defineConfig({
  root,
  test: {
    // By default there is one less than there are cores. Most system tests wait for other processes.
    maxWorkers: 2,
    // Stopping the rig takes longer than the default, and what is cut off leaves its directories behind.
    teardownTimeout: 300_000,
    reporters: ['default', './test/support/closing-line-reporter.ts'],
    projects: [
      {
        root,
        test: {
          name: 'unit',
          include: ['test/{unit,contract,architecture}/**/*.test.ts'],
          isolate: false,
          ...limits,
        },
      },
      {
        root,
        test: {
          name: 'store',
          include: ['test/store/**/*.test.ts'],
          isolate: false,
          globalSetup: [databaseSetup],
          ...limits,
        },
      },
      {
        root,
        test: {
          name: 'system',
          include: ['test/{system,cli}/**/*.test.ts'],
          globalSetup: [databaseSetup, programSetup],
          ...limits,
        },
      },
      // Those below need the OpenStack rig, which they start: `npm run test:openstack` and its brothers run them.
      openstack('openstack', 'test/openstack/*.test.ts'),
      openstack('outages', 'test/openstack/outages/*.test.ts'),
      openstack('real', 'test/openstack/real/*.test.ts'),
      openstack('dib', 'test/dib/*.test.ts'),
    ],
  },
});
