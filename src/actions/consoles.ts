/** What servers write on their consoles: why they do not come up, and which host keys they have. */
import { isNodepoolError, NodepoolError } from '../lib/errors.ts';
import type { ServerId } from '../lib/ids.ts';
import { withTimeLimit } from '../lib/time-limit.ts';
import { CONSOLE_LIMIT_MS } from '../lifecycle/limits.ts';
import type { Reason } from '../planning/actions.ts';
import { hostKeysOf } from '../remote/console-host-keys.ts';
import type { ActionContext } from './context.ts';

/** What one process remembers of consoles. */
export interface ConsoleMemory {
  /** Images whose consoles showed no host keys: they are not asked again. */
  readonly withoutKeys: Set<string>;
  /** Consoles of failed servers that are being read, by provider. */
  readonly underWay: Map<string, number>;
}

export function createConsoleMemory(): ConsoleMemory {
  return { withoutKeys: new Set(), underWay: new Map() };
}

/** As much as is kept of a console. */
const LINES_KEPT = 60;
const CHARACTERS_KEPT = 8192;
/** Launches that fail together say the same: a few consoles are enough, and listings do not wait behind them. */
const READ_AT_ONCE = 3;

interface FailedServer {
  readonly provider: string;
  /** null: none whose console tells more. */
  readonly serverId: ServerId | null;
  /** Whose history tells. */
  readonly subject: { readonly kind: 'node' | 'image'; readonly id: number; readonly name: string };
  readonly reason: Reason;
}

/** Keeps the end of a failed server's console with the events of its record, if the cloud has it. */
export async function keepConsole(
  context: ActionContext,
  { provider, serverId, subject, reason }: FailedServer,
  signal: AbortSignal,
): Promise<void> {
  const { underWay } = context.consoles;
  const count = underWay.get(provider) ?? 0;
  if (serverId === null || count >= READ_AT_ONCE) return;
  underWay.set(provider, count + 1);
  try {
    const detail = endOf(await readConsole(context, { provider, serverId }, signal));
    if (detail !== '') await context.store.events.add({ ...subject, provider }, { kind: 'console', reason, detail });
  } catch (error) {
    // The failure is on record already: this would only have explained it.
    if (!isNodepoolError(error)) throw error;
  } finally {
    underWay.set(provider, (underWay.get(provider) ?? 1) - 1);
  }
}

interface FirstLogin {
  readonly provider: string;
  readonly serverId: ServerId | null;
  /** What it was booted from: servers of one image show the same on their consoles. */
  readonly image: string;
  /** What it showed, as `ssh-ed25519 AAAA...`. */
  readonly hostKey: string;
}

/**
 * Compares the key of a first login with those that the server has written on its console, where it does so. Rejects
 * with `host-key-changed` when it is none of these; a console that cannot be read proves nothing.
 */
export async function confirmHostKey(
  context: ActionContext,
  { provider, serverId, image, hostKey }: FirstLogin,
  signal: AbortSignal,
): Promise<void> {
  const { withoutKeys } = context.consoles;
  const origin = `${provider}/${image}`;
  if (serverId === null || withoutKeys.has(origin)) return;
  const text = await readConsole(context, { provider, serverId }, signal).catch((error: unknown) => {
    if (isNodepoolError(error) && error.code !== 'aborted') return null;
    throw error;
  });
  if (text === null) return;
  const keys = hostKeysOf(text);
  if (keys.length === 0) withoutKeys.add(origin);
  // Images may be told not to write keys of some types.
  const alike = keys.filter((key) => typeOf(key) === typeOf(hostKey));
  if (alike.length === 0 || alike.includes(hostKey)) return;
  const message = `the server answers with host key ${hostKey}, but its console shows ${alike.join(', ')}`;
  throw new NodepoolError('host-key-changed', message);
}

function typeOf(key: string): string {
  return key.slice(0, key.indexOf(' '));
}

function readConsole(
  { provider: find, clock }: ActionContext,
  { provider, serverId }: { provider: string; serverId: ServerId },
  signal: AbortSignal,
): Promise<string> {
  const limit = { clock, ms: CONSOLE_LIMIT_MS, what: 'reading the console' };
  return withTimeLimit(limit, signal, (own) => find(provider).cloud.readConsole(serverId, own));
}

/** The last lines, without what would do something to a terminal. */
function endOf(console: string): string {
  const lines = console
    .replaceAll(/\p{Cc}\[[\d;?]*[A-Za-z]/gu, '')
    .split(/\r*\n/)
    .map((line) => line.replaceAll(/[^\P{Cc}\t]/gu, '').trimEnd());
  return lines.join('\n').trim().split('\n').slice(-LINES_KEPT).join('\n').slice(-CHARACTERS_KEPT);
}
