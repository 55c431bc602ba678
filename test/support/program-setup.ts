/** Builds the program once for a project's tests that run it as a process. Without changes the compiler writes nothing. */
import { fileURLToPath } from 'node:url';
import { run } from './mariadb.ts';

export default function setup(): Promise<void> {
  return run(process.execPath, [fileURLToPath(new URL('../../tools/prepare.mjs', import.meta.url))]);
}
