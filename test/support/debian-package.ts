import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { programPath, run } from './mariadb.ts';

/**
 * Sees to it that `programs` are there: as root by installing `packageName` without starting its services, otherwise by
 * saying what is needed, `what` being the name that people know it by.
 */
export async function needPackage(packageName: string, what: string, programs: readonly string[]): Promise<void> {
  if (programs.every((program) => programPath(program) !== null)) return;
  if (userInfo().uid !== 0 || programPath('apt-get') === null) {
    throw new Error(
      `The tests need ${what}: install the package ${packageName} (it need not run), then start them again.`,
    );
  }
  await run('flock', [LOCK, 'sh', '-c', INSTALL, packageName], { ...process.env, DEBIAN_FRONTEND: 'noninteractive' });
}

/** Held by one of us at a time: test files run side by side, and two would take away each other's `policy-rc.d`. */
const LOCK = join(tmpdir(), 'nodepool-tests-install.lock');

/**
 * Installs the package that is its `$0`. Packages start their services unless a file says no. What others do with packages,
 * such as the machine's own upkeep, is waited for, and what was cut off is finished first.
 */
const INSTALL = `set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap "rm -f $policy" EXIT
  printf '#!/bin/sh\\nexit 101\\n' >$policy
  chmod 755 $policy
fi
patient="-o DPkg::Lock::Timeout=600"
apt-get $patient update
dpkg --configure -a
apt-get $patient install --yes --no-install-recommends "$0"
`;
