/** What must hold at every moment, whatever daemons, clouds and databases do. */
import type { Site } from './site.ts';

/** Records with more than one server that is not being deleted. */
export function doubledServers({ clouds }: Site): readonly string[] {
  const servers = [...clouds.values()].flatMap((cloud) =>
    cloud.servers().filter(({ status }) => status !== 'deleting'),
  );
  const records = servers.flatMap(({ tags }) => tags?.record ?? []);
  return records.filter((record, index) => records.indexOf(record) !== index);
}

/** Servers of a cloud, those that are being deleted too: they still count against a quota. */
export function serverCount({ clouds }: Site, provider: string): number {
  return clouds.get(provider)?.servers().length ?? 0;
}
