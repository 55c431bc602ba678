import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import type { DatabaseConfig } from '../../src/config/types.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { connect } from '../../src/store/connect.ts';
import { awaitReady, findFreePort } from './server-process.ts';

export type MysqlConfig = DatabaseConfig & { kind: 'mysql' };

/** A database of a server on this machine; `mysql` is always there. */
export function mariadbConfig(port: number, database: string): MysqlConfig {
  return { kind: 'mysql', host: '127.0.0.1', port, socketPath: null, user: 'root', password: '', database };
}

/** Makes an empty database with a name of its own. */
export async function createMariadbDatabase(port: number): Promise<MysqlConfig> {
  const name = `test_${systemRandom.hex(6)}`;
  await administer(port, `CREATE DATABASE ${name}`);
  return mariadbConfig(port, name);
}

export async function administer(port: number, sql: string): Promise<void> {
  const knex = connect(mariadbConfig(port, 'mysql'));
  try {
    await knex.raw(sql);
  } finally {
    await knex.destroy();
  }
}

/** Starts a server with its default settings, for measurements; `stop` removes it. */
export async function startMariadb(): Promise<{ createDatabase(): Promise<MysqlConfig>; stop(): Promise<void> }> {
  const server = await MariadbServer.create();
  await server.start();
  return { createDatabase: () => createMariadbDatabase(server.port), stop: () => server.remove() };
}

/** Nothing in it has to outlive the machine: no waiting for the disk. */
export const WITHOUT_DURABILITY = ['--innodb-flush-log-at-trx-commit=0', '--innodb-doublewrite=0', '--skip-log-bin'];

/** A MariaDB server with a data directory of its own. User `root` without password, from 127.0.0.1 only. */
export class MariadbServer {
  readonly port: number;
  readonly #directory: string;
  #process: ChildProcess | null = null;

  private constructor(directory: string, port: number) {
    this.#directory = directory;
    this.port = port;
  }

  /** Makes the data directory; nothing runs yet. */
  static async create(): Promise<MariadbServer> {
    const server = new MariadbServer(await mkdtemp(join(tmpdir(), 'nodepool-mariadb-')), await findFreePort());
    await mkdir(server.#temporary);
    const options = ['--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve'];
    await run(programPath('mariadb-install-db') ?? 'mariadb-install-db', [...server.#options(), ...options], {
      ...process.env,
      TMPDIR: server.#temporary,
    });
    return server;
  }

  /** Resolves when it takes connections. */
  async start(options: readonly string[] = []): Promise<void> {
    const place = [
      `--tmpdir=${this.#temporary}`,
      `--socket=${this.#directory}/socket`,
      `--port=${this.port}`,
      '--bind-address=127.0.0.1',
      '--skip-name-resolve',
    ];
    const child = spawn(programPath('mariadbd') ?? 'mariadbd', [...this.#options(), ...place, ...options], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = child;
    // The teardown stops it; this is for a run that ends without one.
    process.once('exit', () => child.kill('SIGKILL'));
    await awaitReady('mariadbd', child.stderr, (line) => line.includes('ready for connections'));
  }

  /** Kept data: it can be started again. */
  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Of its own: a server deletes at its start what another like it has in the same one. */
  get #temporary(): string {
    return join(this.#directory, 'tmp');
  }

  #options(): string[] {
    const user = userInfo().uid === 0 ? ['--user=root'] : [];
    return ['--no-defaults', `--datadir=${this.#directory}/data`, ...user];
  }
}

/** Where the program lies; null: not installed. Debian keeps servers in a directory that a user's PATH may lack. */
export function programPath(name: string): string | null {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/bin', '/usr/local/sbin'];
  return directories.map((directory) => join(directory, name)).find((path) => existsSync(path)) ?? null;
}

/** Runs a program to its end. Throws with the end of its output when it fails. */
export async function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${program} failed: ${output.trim().slice(-500)}`);
}
