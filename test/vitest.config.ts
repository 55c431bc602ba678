import { defineConfig } from 'vitest/config';

// `unit` needs nothing; `store` and `system` use a private MariaDB, and `system` the built program. Both are made once
// for the whole run.
const root = new URL('..', import.meta.url).pathname;
const databaseSetup = 'test/support/mariadb-setup.ts';
const programSetup = 'test/support/program-setup.ts';

export default defineConfig({
  root,
  test: {
    reporters: ['default', './test/support/closing-line-reporter.ts'],
    projects: [
      { root, test: { name: 'unit', include: ['test/{unit,contract,architecture}/**/*.test.ts'] } },
      {
        root,
        test: {
          name: 'store',
          include: ['test/store/**/*.test.ts'],
          globalSetup: [databaseSetup],
          testTimeout: 30_000,
        },
      },
      {
        root,
        test: {
          name: 'system',
          include: ['test/{system,cli}/**/*.test.ts'],
          globalSetup: [databaseSetup, programSetup],
          testTimeout: 60_000,
        },
      },
    ],
  },
});
