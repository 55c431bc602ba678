import { existsSync } from 'node:fs';
import { writeFile, rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { programPath, run } from './mariadb.ts';

/**
 * Sees to it that `programs` are there: as root by installing `packageName` without starting its services, otherwise by
 * saying what is needed, `what` being the name that people know it by.
 */
export async function needPackage(packageName: string, what: string, programs: readonly string[]): Promise<void> {
  if (programs.every((program) => programPath(program) !== null)) return;
  const apt = programPath('apt-get');
  if (userInfo().uid !== 0 || apt === null) {
    throw new Error(
      `The tests need ${what}: install the package ${packageName} (it need not run), then start them again.`,
    );
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run(apt, ['update'], env);
  await withoutServices(() => run(apt, ['install', '--yes', '--no-install-recommends', packageName], env));
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
