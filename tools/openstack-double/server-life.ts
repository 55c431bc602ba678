/** What Nova says of a server at some time, and the troubles that can come over one. */
import { existsAt, type Moment, type Port, type Server } from './records.ts';
import type { Behaviour } from './settings.ts';

export type ServerStatus = 'BUILD' | 'ACTIVE' | 'ERROR';

/** null: it is not there. */
export function statusAt(server: Server, time: Moment): ServerStatus | null {
  if (!existsAt(server, time)) return null;
  if (server.failedAt <= time) return 'ERROR';
  return server.activeAt <= time ? 'ACTIVE' : 'BUILD';
}

export function taskAt(server: Server, time: Moment): string | null {
  if (server.deletingFrom <= time && time < server.deletingUntil) return 'deleting';
  if (statusAt(server, time) === 'BUILD') return 'spawning';
  return server.savingFrom <= time && time < server.savingUntil ? 'image_uploading' : null;
}

/** The ports whose addresses Nova shows. */
export function shownPorts(server: Server, time: Moment): readonly Port[] {
  return server.addressAt <= time ? server.ports.filter((port) => existsAt(port, time)) : [];
}

/** The latest of its moments that has passed. */
export function changedAt(server: Server, time: Moment): Moment {
  const moments = [server.activeAt, server.failedAt, server.deletingFrom, server.deletingUntil, server.savingFrom];
  return Math.max(server.createdAt, ...moments.filter((moment) => moment <= time));
}

/** Begins a deletion, which ends with the server unless a trouble says otherwise. */
export function startDeletion(server: Server, now: Moment, deleteMs: number): void {
  if (server.deletingFrom <= now && now < server.deletingUntil) return;
  server.deletingFrom = now;
  // Nova gives up an image that it had not finished.
  if (server.saved && server.saved.activeAt > now) server.saved.goneAt = Math.min(server.saved.goneAt, now);
  server.deletingUntil = server.isStuckInDeletion ? Infinity : now + deleteMs;
  if (server.isStuckInDeletion) return;
  if (server.refusals > 0) {
    server.refusals -= 1;
    server.failedAt = Math.min(server.failedAt, server.deletingUntil);
    server.fault = { code: 400, message: 'Failed to terminate instance: the double refuses its deletion' };
    return;
  }
  endServer(server, server.deletingUntil);
}

function endServer(server: Server, at: Moment): void {
  server.goneAt = Math.min(server.goneAt, at);
  if (!server.leavesPorts) endPorts(server, server.goneAt);
}

function endPorts(server: Server, at: Moment): void {
  for (const port of server.ports) port.goneAt = Math.min(port.goneAt, at);
}

export type Trouble =
  /** Goes to ERROR `afterMs` from now; absent: when it would have become ACTIVE, or at once where it is. */
  | { readonly kind: 'error'; readonly fault?: string; readonly code?: number; readonly afterMs?: number }
  /** Never leaves BUILD. */
  | { readonly kind: 'stuck-building' }
  /** Nova never shows an address. */
  | { readonly kind: 'no-address' }
  /** So many deletions, or all, are accepted and then fail: the server is in ERROR. */
  | { readonly kind: 'refuses-deletion'; readonly times?: number }
  /** Keeps the task `deleting` for ever once its deletion was asked for. */
  | { readonly kind: 'stuck-deleting' }
  /** Is gone without anybody having deleted it, `afterMs` from now. */
  | { readonly kind: 'vanish'; readonly afterMs?: number }
  /** Its ports stay when it has gone. */
  | { readonly kind: 'leaves-ports' }
  /** Its cell is down for so long: it is listed as UNKNOWN with hardly anything from 2.69 on, and not at all before. */
  | { readonly kind: 'cell-down'; readonly forMs?: number };

export function afflict(server: Server, trouble: Trouble, now: Moment): void {
  switch (trouble.kind) {
    case 'error':
      fail(server, trouble, now);
      break;
    case 'stuck-building':
      neverSettle(server);
      break;
    case 'no-address':
      server.addressAt = Infinity;
      break;
    case 'refuses-deletion':
      server.refusals = trouble.times ?? Infinity;
      break;
    case 'stuck-deleting':
      server.isStuckInDeletion = true;
      break;
    case 'vanish':
      endServer(server, now + (trouble.afterMs ?? 0));
      break;
    case 'leaves-ports':
      server.leavesPorts = true;
      break;
    case 'cell-down':
      server.hiddenUntil = now + (trouble.forMs ?? Infinity);
  }
}

function fail(server: Server, trouble: Extract<Trouble, { kind: 'error' }>, now: Moment): void {
  const settlesAt = server.activeAt > now && server.activeAt < Infinity ? server.activeAt : now;
  server.failedAt = trouble.afterMs === undefined ? settlesAt : now + trouble.afterMs;
  const message = trouble.fault ?? `Build of instance ${server.id} aborted: the double lets it fail`;
  server.fault = { code: trouble.code ?? 500, message };
  if (server.failedAt > server.activeAt) return;
  // A build that fails gives its addresses back.
  neverSettle(server);
  endPorts(server, server.failedAt);
}

function neverSettle(server: Server): void {
  if (server.addressAt >= server.activeAt) server.addressAt = Infinity;
  server.activeAt = Infinity;
}

/** The moments of a server made at `now`; `fraction`: a random number for the spread. */
export function drawLife(
  behaviour: Behaviour,
  now: Moment,
  fraction: number,
): { readonly activeAt: Moment; readonly addressAt: Moment } {
  const activeAt = now + behaviour.bootMs + Math.floor(behaviour.bootSpreadMs * fraction);
  return { activeAt, addressAt: behaviour.addressMs === null ? activeAt : now + behaviour.addressMs };
}
