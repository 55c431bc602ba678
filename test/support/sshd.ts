import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { needPackage } from './debian-package.ts';
import { programPath, run } from './mariadb.ts';
import { awaitReady, findFreePort } from './server-process.ts';

export type KeyKind = 'rsa' | 'ecdsa' | 'ed25519';

export interface SshdOptions {
  readonly hostKeys?: readonly KeyKind[];
  /** The command behind SFTP; not given: the server's own. */
  readonly sftp?: string;
}

/**
 * The OpenSSH server of the system with a configuration, host keys and a port of its own. It lets in the user who runs
 * the tests, with the keys that {@link makeKey} makes.
 */
export class Sshd {
  /** Empty directory for the tests, which is removed in the end. */
  readonly directory: string;
  readonly username = userInfo().username;
  readonly #hostKeys: readonly KeyKind[];
  #port = 0;
  #process: ChildProcess | null = null;

  private constructor(directory: string, hostKeys: readonly KeyKind[]) {
    this.directory = directory;
    this.#hostKeys = hostKeys;
  }

  /** Resolves when it takes connections on {@link port} of 127.0.0.1. */
  static async start({ hostKeys = ['ed25519'], sftp = 'internal-sftp' }: SshdOptions = {}): Promise<Sshd> {
    await needPackage('openssh-server', 'the OpenSSH server', ['sshd', 'ssh-keygen']);
    const server = new Sshd(await mkdtemp(join(tmpdir(), 'nodepool-sshd-')), hostKeys);
    try {
      for (const kind of hostKeys) await keygen(server.#hostKeyPath(kind), ['-t', kind]);
      await server.#listen(sftp);
    } catch (error) {
      await server.remove();
      throw error;
    }
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** Makes a key that lets its holder in, and returns its path. `args` are options of ssh-keygen. */
  async makeKey(name: string, args: readonly string[]): Promise<string> {
    const path = join(this.directory, name);
    await keygen(path, args);
    const publicKey = await readFile(`${path}.pub`, 'utf8');
    await writeFile(join(this.directory, 'authorized_keys'), publicKey, { flag: 'a' });
    return path;
  }

  /** The public host key as `TYPE BASE64`. */
  async hostKey(kind: KeyKind): Promise<string> {
    const line = await readFile(`${this.#hostKeyPath(kind)}.pub`, 'utf8');
    return line.split(' ').slice(0, 2).join(' ');
  }

  /** Takes no more connections; those that are open go on. */
  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #listen(sftp: string): Promise<void> {
    this.#port = await findFreePort();
    const config = join(this.directory, 'sshd_config');
    const settings = [...this.#settings(), `Subsystem sftp ${sftp}`];
    await writeFile(config, settings.map((line) => `${line}\n`).join(''));
    // Debian makes it when the service starts.
    if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true });
    const child = spawn(programPath('sshd') ?? 'sshd', ['-D', '-e', '-f', config], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = child;
    // The teardown stops it; this is for a run that ends without one.
    process.once('exit', () => child.kill('SIGKILL'));
    await awaitReady('sshd', child.stderr, (line) => line.startsWith('Server listening'));
  }

  #settings(): readonly string[] {
    return [
      `Port ${this.#port}`,
      'ListenAddress 127.0.0.1',
      ...this.#hostKeys.map((kind) => `HostKey ${this.#hostKeyPath(kind)}`),
      `AuthorizedKeysFile ${join(this.directory, 'authorized_keys')}`,
      // The directory lies below one that everybody may write to.
      'StrictModes no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PidFile none',
      // What the user's shell does at a login is none of the tests' business.
      `SetEnv HOME=${this.directory}`,
      'MaxStartups 1000',
    ];
  }

  #hostKeyPath(kind: KeyKind): string {
    return join(this.directory, `host-${kind}`);
  }
}

/** Makes a key pair without a passphrase unless `args` say otherwise. */
async function keygen(path: string, args: readonly string[]): Promise<void> {
  const passphrase = args.includes('-N') ? [] : ['-N', ''];
  await run(programPath('ssh-keygen') ?? 'ssh-keygen', ['-q', '-C', '', '-f', path, ...passphrase, ...args]);
}
