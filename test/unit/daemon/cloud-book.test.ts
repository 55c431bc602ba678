import { expect, it } from 'vitest';
import { createCloudBook } from '../../../src/daemon/cloud-book.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { Provider } from '../../../src/providers/provider.ts';
import { NOW } from '../../support/builders.ts';

const PROVIDERS = [['cloud', { traits: {} } as Provider]] as const;

it('takes a listing for unknown that was taken before the clock was set back, and any other for known', () => {
  const book = createCloudBook(silentLog);
  book.recordServers('cloud', NOW, []);
  book.recordLimits('cloud', NOW, { servers: 5 });
  expect(book.view(PROVIDERS, NOW).get('cloud')).toMatchObject({ servers: { known: true }, limits: { servers: 5 } });
  const back = book.view(PROVIDERS, NOW - 3_600_000).get('cloud');
  expect(back).toMatchObject({ servers: { known: false, retryAt: 0 }, limits: null });
});
