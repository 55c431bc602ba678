import { existsSync, readFileSync } from 'node:fs';

/** The version in package.json, which lies at another distance from the sources than from the built program. */
export function readVersion(): string {
  let directory = new URL('.', import.meta.url);
  while (!existsSync(new URL('package.json', directory))) directory = new URL('..', directory);
  const { version } = JSON.parse(readFileSync(new URL('package.json', directory), 'utf8')) as { version: string };
  return version;
}
