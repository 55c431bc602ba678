import type { Clock } from '../../lib/clock.ts';
import { createDeadlines } from '../../lib/deadlines.ts';
import type { Shell } from '../shell.ts';
import { awaitBanner, type Dial } from './socket.ts';

const LIMIT_MS = 2000;

/** Resolves when somebody speaks SSH at the address. There is no login, nor anything else that costs CPU. */
export function createKnock({ clock, dial }: { clock: Clock; dial: Dial }): Shell['knock'] {
  const limit = createDeadlines(clock, LIMIT_MS);
  return async (address, signal) => {
    const socket = await dial(address);
    await awaitBanner(socket, { address, limit, overdue: `nobody speaks SSH at ${address} within 2 s`, signal });
    socket.destroy();
  };
}
