/** Servers that there are at Nova. */
import { isNodepoolError } from '../../lib/errors.ts';
import type { ServerId } from '../../lib/ids.ts';
import { listAll } from './pages.ts';
import { objectOf } from './parse.ts';
import { parseServer, type ServerFacts } from './parse-server.ts';
import { remove } from './remove.ts';
import type { Session } from './session.ts';

export interface Servers {
  list(signal: AbortSignal): Promise<readonly ServerFacts[]>;
  delete(id: ServerId, signal: AbortSignal): Promise<void>;
  readConsole(id: ServerId, signal: AbortSignal): Promise<string>;
}

/** What listings are better for: servers of a cell that is down (2.69), and sizes of servers (2.47). */
export const LISTING_MICROVERSIONS: readonly string[] = ['2.69', '2.47'];

const CONSOLE_LINES = 200;

export function createServers(session: Session): Servers {
  const list = async (signal: AbortSignal): Promise<readonly ServerFacts[]> => {
    const microversion = await session.bestMicroversion(LISTING_MICROVERSIONS, signal);
    // No `limit`: with one, Nova leaves out the servers of a cell that is down, without a word.
    const servers = await listAll(session, {
      service: 'compute',
      path: '/servers/detail',
      key: 'servers',
      ...(microversion === null ? {} : { microversion }),
      signal,
    });
    return servers.map(parseServer);
  };

  const readConsole = async (id: ServerId, signal: AbortSignal): Promise<string> => {
    const body = { 'os-getConsoleOutput': { length: CONSOLE_LINES } };
    try {
      const path = `/servers/${encodeURIComponent(id)}/action`;
      const answer = await session.send({ service: 'compute', method: 'POST', path, body, signal });
      const { output } = objectOf(answer.body);
      return typeof output === 'string' ? output : '';
    } catch (error) {
      // It has not begun to boot, or its hypervisor has no consoles.
      if (isNodepoolError(error, 'conflict', 'rejected')) return '';
      throw error;
    }
  };

  return {
    list,
    delete: (id, signal) => remove(session, { service: 'compute', path: `/servers/${encodeURIComponent(id)}`, signal }),
    readConsole,
  };
}
