import { it } from 'vitest';
import { killAtEveryEffect } from '../support/every-crash.ts';

// Late listings do not concern the database: `crash-sqlite.test.ts` has them.
it('a daemon on MariaDB killed at every effect leaks nothing, doubles nothing and refills the pool', async () => {
  await killAtEveryEffect('MariaDB', 0);
}, 3_600_000);
