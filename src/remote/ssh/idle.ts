import type { Deadlines } from '../../lib/deadlines.ts';
import type { LoginTarget } from '../shell.ts';
import type { Connection } from './connection.ts';

export interface IdleConnections {
  /** A connection for this user that nobody uses; null: none. */
  take(target: LoginTarget, username: string): Connection | null;
  /** Keeps a connection until it is taken, lost, or the time is over. Only one for each user is kept. */
  keep(target: LoginTarget, connection: Connection): void;
}

/** Connections between two calls that follow each other, as those of a launch do. */
export function createIdleConnections(limit: Deadlines): IdleConnections {
  const idle = new Map<string, { connection: Connection; release: () => void }>();

  const keyOf = ({ address, privateKeyPath }: LoginTarget, username: string): string =>
    JSON.stringify([address, username, privateKeyPath]);

  return {
    take: (target, username) => {
      const key = keyOf(target, username);
      const found = idle.get(key);
      if (!found) return null;
      found.release();
      const { connection } = found;
      if (target.hostKey === null || target.hostKey === connection.hostKey) return connection;
      // Whoever answers at the address now has to show its key.
      connection.close();
      return null;
    },
    keep: (target, connection) => {
      const key = keyOf(target, connection.username);
      if (!connection.isOpen) return;
      if (idle.has(key)) {
        connection.close();
        return;
      }
      const ends = [connection.onEnd(() => release()), limit.start(() => connection.close())];
      const release = (): void => {
        idle.delete(key);
        for (const end of ends) end();
      };
      idle.set(key, { connection, release });
    },
  };
}
