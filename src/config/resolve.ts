/** Makes the configuration that the program works with out of a file that has been checked. */
import { dirname, resolve } from 'node:path';
import { asWritten, byName, textMap, toMs, type TextAt } from './convert.ts';
import { deepFreeze } from './freeze.ts';
import { resolveProvider } from './resolve-provider.ts';
import type { ConfigFile, TargetEntry } from './schema.ts';
import type { SecureFile } from './secure-file.ts';
import type { Config, DatabaseConfig, DiskimageConfig, JenkinsConfig, TargetConfig } from './types.ts';

export interface ResolveInput {
  readonly entries: ConfigFile;
  /** Absolute path of the file. */
  readonly path: string;
  readonly database: DatabaseConfig;
  readonly secure: SecureFile;
  /** A rehearsal: the fake cloud everywhere, and no outside services. */
  readonly fake: boolean;
  /** The directory of scripts exists, or its absence is no matter now. */
  readonly hasScripts: boolean;
  readonly textAt: TextAt;
}

const DAY_MS = 86_400_000;

export function resolveConfig(input: ResolveInput): Config {
  const { entries, path, database, secure, fake, hasScripts, textAt } = input;
  const directory = (value: string | undefined): string | null =>
    value === undefined ? null : resolve(dirname(path), value);
  return deepFreeze({
    path,
    scriptDir: hasScripts ? directory(entries['script-dir']) : null,
    elementsDir: directory(entries['elements-dir']),
    imagesDir: directory(entries['images-dir']),
    database,
    cron: { imageUpdate: entries.cron['image-update'], cleanup: entries.cron.cleanup, check: entries.cron.check },
    zmqPublishers: fake ? [] : entries['zmq-publishers'],
    gearmanServers: fake ? [] : entries['gearman-servers'],
    labels: byName(
      entries.labels.map((label) => ({
        name: label.name,
        image: label.image,
        minReady: label['min-ready'],
        subnodes: label.subnodes,
        readyScript: label['ready-script'] ?? null,
        providers: label.providers.map(({ name }) => name),
      })),
    ),
    providers: byName(entries.providers.map((entry, index) => resolveProvider(entry, { index, fake, textAt }))),
    targets: byName(entries.targets.map((entry) => resolveTarget(entry, fake ? null : secure))),
    diskimages: byName(entries.diskimages.map((entry, index) => resolveDiskimage(entry, { index, textAt }))),
    eventRetentionMs: Math.round(entries['event-retention'] * DAY_MS),
  });
}

/** Without `secure`, in a rehearsal, nodes are handed over to nobody. */
function resolveTarget(entry: TargetEntry, secure: SecureFile | null): TargetConfig {
  return {
    name: entry.name,
    hostname: entry.hostname,
    subnodeHostname: entry['subnode-hostname'],
    rateMs: toMs(entry.rate),
    assignViaGearman: secure !== null && entry['assign-via-gearman'],
    jenkins: secure && jenkinsOf(entry, secure),
  };
}

function jenkinsOf({ name, jenkins }: TargetEntry, secure: SecureFile): JenkinsConfig | null {
  const secrets = secure.jenkins.get(name);
  if (!jenkins && !secrets) return null;
  const own = {
    url: orNull(jenkins?.url),
    user: orNull(jenkins?.user),
    apikey: orNull(jenkins?.apikey),
    credentialsId: orNull(jenkins?.['credentials-id']),
    testJob: orNull(jenkins?.['test-job']),
  };
  // secure.conf has the three that are needed, or was refused.
  return { ...own, ...secrets, credentialsId: secrets?.credentialsId ?? own.credentialsId };
}

function orNull(value: string | undefined): string | null {
  return value ?? null;
}

interface Place {
  readonly index: number;
  readonly textAt: TextAt;
}

function resolveDiskimage(entry: ConfigFile['diskimages'][number], { index, textAt }: Place): DiskimageConfig {
  const at = ['diskimages', index];
  return {
    name: entry.name,
    elements: entry.elements,
    release: asWritten(entry.release, [...at, 'release'], textAt),
    envVars: textMap(entry['env-vars'], [...at, 'env-vars'], textAt),
  };
}
