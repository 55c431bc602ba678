/**
 * Who holds a lease: `<host id>/<pid>/<random>`. A host id stands for one pid namespace in one boot of one
 * machine, so that a daemon can tell at once, without waiting for the lease to expire, that a holder on its
 * own host is dead; of holders elsewhere it knows nothing.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Random } from '../lib/random.ts';
import { isAlive } from './process-table.ts';

export interface HolderIdentity {
  readonly holder: string;
  /** Whether `other` is certainly dead. False when that cannot be known from here. */
  isDeadHolder(other: string): boolean;
}

export interface HolderDeps {
  readonly hostId: string;
  readonly pid: number;
  readonly random: Random;
  readonly isAlive: (pid: number) => boolean;
}

/** The identity of this process on this host. */
export function thisHolder(random: Random): HolderIdentity {
  return createHolder({ hostId: readHostId(), pid: process.pid, random, isAlive });
}

export function createHolder(deps: HolderDeps): HolderIdentity {
  const holder = `${deps.hostId}/${deps.pid}/${deps.random.hex(4)}`;
  return {
    holder,
    isDeadHolder: (other) => {
      const parts = /^([^/]+)\/(\d+)\/[^/]+$/.exec(other);
      if (other === holder || parts?.[1] !== deps.hostId) return false;
      const pid = Number(parts[2]);
      // Our own pid under another name: a process before us had it, and is gone.
      return pid === deps.pid || !deps.isAlive(pid);
    },
  };
}

function readHostId(): string {
  const facts = [
    hostname(),
    readOrEmpty(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    readOrEmpty(() => readlinkSync('/proc/self/ns/pid')),
  ];
  return createHash('sha256').update(facts.join('\n')).digest('hex').slice(0, 12);
}

function readOrEmpty(read: () => string): string {
  try {
    return read().trim();
  } catch {
    // Not Linux: the host name has to do.
    return '';
  }
}
