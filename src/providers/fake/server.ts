import type { ServerId } from '../../lib/ids.ts';
import type { RemoteFile } from '../../remote/shell.ts';
import type { Server, ServerSpec, ServerStatus } from '../provider.ts';
import { hostKeyOf } from './host-key.ts';
import { lastChangeAt, phaseAt, type Timeline } from './timeline.ts';

/**
 * What is wrong with a server: it ends in ERROR, nobody answers, another server answers in its place, nobody is let in,
 * or commands fail.
 */
export type Trouble = 'error' | 'unreachable' | 'host-key-changed' | 'login-refused' | 'command-failed';

/** A server of the fake cloud, with the disk that its shell writes to. */
export interface FakeServer extends Timeline {
  readonly id: ServerId;
  readonly spec: ServerSpec;
  readonly ip: string;
  readonly ipPrivate: string;
  /** It is not reached at `ip` before; Infinity: it waits for a floating IP. */
  addressAt: number;
  /** SSH answers from then on. */
  readonly sshAt: number;
  trouble: Trouble | null;
  /** In the order in which they were written. */
  readonly files: RemoteFile[];
  readonly commands: string[];
}

/** The status that the cloud gives it at `time`; null before it was made and when it is gone. */
export function statusAt(server: FakeServer, time: number): ServerStatus | null {
  const phase = phaseAt(server, time);
  if (phase === 'pending') return 'building';
  if (phase === 'settled') return server.trouble === 'error' ? 'error' : 'active';
  return phase;
}

/** All that makes its entry in a listing look different; null: it has none. */
export function appearanceAt(server: FakeServer, time: number): string | null {
  const status = statusAt(server, time);
  return status && (time < server.addressAt ? `${status} without address` : status);
}

/** When its entry changes for the last time, as far as is known now. */
export function lastServerChangeAt(server: FakeServer): number {
  return Number.isFinite(server.addressAt) ? Math.max(lastChangeAt(server), server.addressAt) : lastChangeAt(server);
}

/** The server as a listing shows it. As in OpenStack it has no addresses before it is up, and none in ERROR. */
export function renderServer(server: FakeServer, time: number): Server {
  const status = statusAt(server, time) ?? 'unknown';
  const hasAddress = time >= server.settledAt && server.trouble !== 'error';
  return Object.freeze({
    id: server.id,
    name: server.spec.name,
    status,
    ip: hasAddress && time >= server.addressAt ? server.ip : null,
    ipPrivate: hasAddress ? server.ipPrivate : null,
    tags: server.spec.tags,
    wantsFloatingIp: status === 'active' && time < server.addressAt,
    fault: status === 'error' ? 'the fake cloud made this server fail' : null,
    size: null,
  });
}

/** The key that whoever answers at its address shows. */
export function shownHostKey({ id, trouble }: FakeServer): string {
  return hostKeyOf(trouble === 'host-key-changed' ? `another in place of ${id}` : id);
}

/** Its console at `time`: a few lines of a boot, and at their end its host key as cloud-init writes it. */
export function consoleAt(server: FakeServer, time: number): string {
  const { name } = server.spec;
  const booting = [`Booting ${name}`, 'Starting network'];
  const up = [
    '-----BEGIN SSH HOST KEY KEYS-----',
    `${hostKeyOf(server.id)} root@${name}`,
    '-----END SSH HOST KEY KEYS-----',
    `${name} login:`,
  ];
  const lines = [...(time >= server.settledAt ? booting : []), ...(time >= server.sshAt ? up : [])];
  return lines.map((line) => `${line}\n`).join('');
}
