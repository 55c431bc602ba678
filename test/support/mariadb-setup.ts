/** Makes room for the databases of a project's tests: a directory, and a MariaDB, which is installed if it must and can be. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { MariadbServer, programPath, run, WITHOUT_DURABILITY } from './mariadb.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Port of the server on 127.0.0.1. */
    mariadbPort: number;
    /** For SQLite files; deleted in the end. */
    sqliteDirectory: string;
  }
}

const PROGRAMS = ['mariadbd', 'mariadb-install-db'];

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (!isInstalled()) await install();
  const server = await MariadbServer.create();
  const directory = await mkdtemp(join(tmpdir(), 'nodepool-sqlite-'));
  const remove = async (): Promise<void> => {
    await rm(directory, { recursive: true, force: true });
    await server.remove();
  };
  try {
    await server.start(WITHOUT_DURABILITY);
  } catch (error) {
    await remove();
    throw error;
  }
  project.provide('mariadbPort', server.port);
  project.provide('sqliteDirectory', directory);
  return remove;
}

function isInstalled(): boolean {
  return PROGRAMS.every((program) => programPath(program) !== null);
}

async function install(): Promise<void> {
  const apt = programPath('apt-get');
  if (userInfo().uid !== 0 || apt === null) {
    throw new Error(
      'The tests need MariaDB: install the package mariadb-server (it need not run), then start them again.',
    );
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run(apt, ['update'], env);
  await withoutServices(() => run(apt, ['install', '--yes', '--no-install-recommends', 'mariadb-server'], env));
}

/** Packages start their services unless this file says no. */
const POLICY = '/usr/sbin/policy-rc.d';

async function withoutServices(work: () => Promise<void>): Promise<void> {
  if (existsSync(POLICY)) return work();
  await writeFile(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await work();
  } finally {
    await rm(POLICY);
  }
}
