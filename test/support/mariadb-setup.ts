/** Makes room for the databases of a project's tests: a directory, and a MariaDB, which is installed if it must and can be. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { needPackage } from './debian-package.ts';
import { MariadbServer, WITHOUT_DURABILITY } from './mariadb.ts';

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
  await needPackage('mariadb-server', 'MariaDB', PROGRAMS);
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
