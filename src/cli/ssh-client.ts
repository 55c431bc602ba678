/** Logging in to nodes as the daemon does: with their user and key, and only if they show the host key on record. */
import { constants } from 'node:fs';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config/types.ts';
import { NodepoolError } from '../lib/errors.ts';
import type { NodeRecord } from '../lifecycle/records.ts';
import { quote } from '../remote/quote.ts';
import type { Session } from './session.ts';

export interface Login {
  readonly address: string;
  readonly username: string;
  readonly image: string;
  readonly privateKey: string;
  /** As `ssh-ed25519 AAAA...`; null: nobody has seen it. */
  readonly hostKey: string | null;
  /** What the host key is filed under: addresses are used again and again. */
  readonly alias: string;
}

/** How to log in to a node. Throws `refused` when that is not known. */
export function loginTo(config: Config, node: NodeRecord): Login {
  const { id, ip, provider, label, state, hostKey } = node;
  const image = config.providers.get(provider)?.images.get(config.labels.get(label)?.image ?? '');
  if (image === undefined) {
    const text = `the configuration does not say any more how to log in to node ${id}: it has no image for label ${label} at provider ${provider}`;
    throw new NodepoolError('refused', text);
  }
  if (ip === null) throw new NodepoolError('refused', `node ${id} is ${state} and has no address yet`);
  const { username, privateKey, name } = image;
  return { address: ip, username, image: name, privateKey, hostKey, alias: `node-${id}` };
}

export interface Remote {
  /** Words that ssh hands on to the node's shell; none: a session. */
  readonly command: readonly string[];
  /** What runs there gets a terminal, and with it Ctrl-C. A session gets one anyway. */
  readonly hasTerminal?: boolean;
}

/** Runs ssh on the streams of this process and answers its exit code. Throws `refused` when it, or the key, is not there. */
export async function runOverSsh(session: Session, login: Login, { command, hasTerminal }: Remote): Promise<number> {
  await requireKey(login);
  // Without the second option ssh says that the connection is closed.
  const terminal = hasTerminal === true ? ['-t', '-o', 'LogLevel=ERROR'] : [];
  return withKnownHosts(login, (file) => attach(session, [...terminal, ...argumentsOf(login, file), ...command]));
}

/** The same as a command line for a shell, which needs no file beside it. */
export function sshCommandLine(login: Login, command: readonly string[]): string {
  return ['ssh', ...selfContained(login), ...command].map(quote).join(' ');
}

/** Throws `refused` when the key for nodes of a label cannot be read, before a node is taken that it is needed for. */
export async function requireKeys({ labels, providers }: Config, label: string): Promise<void> {
  const { image = '', providers: names = [] } = labels.get(label) ?? {};
  const keys = names.flatMap((name) => providers.get(name)?.images.get(image)?.privateKey ?? []);
  for (const privateKey of new Set(keys)) await requireKey({ privateKey, image });
}

async function requireKey({ privateKey, image }: Pick<Login, 'privateKey' | 'image'>): Promise<void> {
  try {
    await access(privateKey, constants.R_OK);
  } catch (cause) {
    const text = `the private key ${privateKey} cannot be read: check private-key of image ${image}, and who you are`;
    throw new NodepoolError('refused', text, { cause });
  }
}

/** The arguments of ssh up to the address; what follows is the command. */
function argumentsOf(login: Login, knownHosts: string): string[] {
  return sshArguments(login, [strictness(login), `UserKnownHostsFile="${knownHosts.replaceAll('%', '%%')}"`]);
}

/** The same, needing no file beside them. */
function selfContained(login: Login): string[] {
  const { alias, hostKey } = login;
  const known = hostKey === null ? [] : [`KnownHostsCommand=/bin/echo ${alias} ${hostKey}`];
  return sshArguments(login, [strictness(login), 'UserKnownHostsFile=/dev/null', ...known]);
}

/** A node of the original has no host key on record: the first one that it shows is taken. */
function strictness({ hostKey }: Login): string {
  return `StrictHostKeyChecking=${hostKey === null ? 'accept-new' : 'yes'}`;
}

function sshArguments({ privateKey, username, alias, address }: Login, checks: readonly string[]): string[] {
  // A node that does not let in, or dies without a word, is noticed within two minutes.
  const patience = ['ConnectTimeout=60', 'ServerAliveInterval=30'];
  const options = ['IdentitiesOnly=yes', `HostKeyAlias=${alias}`, ...patience, ...checks];
  return ['-i', privateKey, '-l', username, ...options.flatMap((option) => ['-o', option]), '--', address];
}

/** Hands `use` a file that knows the node, and nobody else, for as long as that runs. */
async function withKnownHosts<T>({ alias, hostKey }: Login, use: (file: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'nodepool-ssh-'));
  try {
    const file = join(directory, 'known_hosts');
    await writeFile(file, hostKey === null ? '' : `${alias} ${hostKey}\n`, { mode: 0o600 });
    return await use(file);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Ctrl-C is for what runs on the node; this process stays to clean up. */
async function attach({ context }: Session, args: readonly string[]): Promise<number> {
  const ignore = context.onInterrupt(() => undefined);
  try {
    return await context.runAttached('ssh', args);
  } finally {
    ignore();
  }
}
