import type { ServerId } from '../../lib/ids.ts';
import type { RemoteFile } from '../../remote/shell.ts';
import type { Server, ServerSpec, ServerStatus } from '../provider.ts';
import { phaseAt, type Timeline } from './timeline.ts';

/** What is wrong with a server: it ends in ERROR, nobody answers, nobody is let in, or commands fail. */
export type Trouble = 'error' | 'unreachable' | 'login-refused' | 'command-failed';

/** A server of the fake cloud, with the disk that its shell writes to. */
export interface FakeServer extends Timeline {
  readonly id: ServerId;
  readonly spec: ServerSpec;
  readonly ip: string;
  readonly ipPrivate: string;
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

/** The server as a listing shows it. As in OpenStack it has no addresses before it is up, and none in ERROR. */
export function renderServer(server: FakeServer, time: number): Server {
  const status = statusAt(server, time) ?? 'unknown';
  const hasAddress = time >= server.settledAt && server.trouble !== 'error';
  return Object.freeze({
    id: server.id,
    name: server.spec.name,
    status,
    ip: hasAddress ? server.ip : null,
    ipPrivate: hasAddress ? server.ipPrivate : null,
    tags: server.spec.tags,
    fault: status === 'error' ? 'the fake cloud made this server fail' : null,
    az: server.spec.az ?? 'nova',
  });
}
