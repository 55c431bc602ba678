import { defineConfig } from 'vitest/config';

// `unit` needs nothing; `store` and `system` use a private MariaDB that the set-up starts once for the whole run.
const root = new URL('..', import.meta.url).pathname;
const databaseSetup = 'test/support/mariadb-setup.ts';

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
          globalSetup: [databaseSetup],
          testTimeout: 60_000,
        },
      },
    ],
  },
});
