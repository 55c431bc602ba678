import { existsSync, readFileSync } from 'node:fs';

/** The directory of package.json, which lies at another distance from the sources than from the built program. */
export function packageRoot(): URL {
  let directory = new URL('.', import.meta.url);
  while (!existsSync(new URL('package.json', directory))) directory = new URL('..', directory);
  return directory;
}

/** The version in package.json. */
export function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('package.json', packageRoot()), 'utf8')) as { version: string };
  return version;
}
