/** Makes the configuration that the program works with out of a file that has been checked. */
import { dirname, resolve } from 'node:path';
import { byName, toMs, type TextAt } from './convert.ts';
import { deepFreeze } from './freeze.ts';
import { resolveDiskimage } from './resolve-diskimage.ts';
import { resolveProvider } from './resolve-provider.ts';
import { USUAL_TTL_S, type ConfigFile, type TargetEntry } from './schema.ts';
import type { SecureFile } from './secure-file.ts';
import type { ApiConfig, Config, DatabaseConfig, JenkinsConfig, RequestsConfig, TargetConfig } from './types.ts';

export interface ResolveInput {
  readonly entries: ConfigFile;
  /** Absolute path of the file. */
  readonly path: string;
  readonly database: DatabaseConfig;
  readonly secure: SecureFile;
  /** A rehearsal: the fake cloud everywhere, a directory of its own for disk images, and no outside services. */
  readonly rehearsal: { readonly imagesDir: string } | null;
  /** The directory of scripts exists, or its absence is no matter now. */
  readonly hasScripts: boolean;
  readonly textAt: TextAt;
}

const DAY_MS = 86_400_000;

export function resolveConfig(input: ResolveInput): Config {
  const { entries, path, database, secure, rehearsal, hasScripts, textAt } = input;
  const { providers } = entries;
  const fake = rehearsal !== null;
  const directory = dirname(path);
  const inDirectory = (value: string | undefined): string | null =>
    value === undefined ? null : resolve(directory, value);
  return deepFreeze({
    path,
    scriptDir: hasScripts ? inDirectory(entries['script-dir']) : null,
    elementsDir: inDirectory(entries['elements-dir']),
    imagesDir: rehearsal ? rehearsal.imagesDir : inDirectory(entries['images-dir']),
    buildLogDir: fake ? null : inDirectory(entries['build-log-dir']),
    imageFailureShare: entries['image-failure-share'],
    imageCanary: entries['image-canary'],
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
    providers: byName(providers.map((entry, index) => resolveProvider(entry, { index, fake, textAt }))),
    targets: byName(entries.targets.map((entry) => resolveTarget(entry, fake ? null : secure))),
    diskimages: byName(
      entries.diskimages.map((entry, index) => resolveDiskimage(entry, { index, directory, providers, textAt })),
    ),
    requests: resolveRequests(entries),
    api: resolveApi(entries, fake),
    eventRetentionMs: Math.round(entries['event-retention'] * DAY_MS),
  });
}

function resolveRequests({ requests: { ttl = USUAL_TTL_S, 'max-ttl': most } }: ConfigFile): RequestsConfig {
  return { ttlMs: toMs(Math.min(ttl, most)), maxTtlMs: toMs(most) };
}

/** The port belongs to the pool that the configuration is for: a rehearsal takes any. */
function resolveApi({ api }: ConfigFile, fake: boolean): ApiConfig {
  return { host: api.host, port: fake ? 0 : api.port, rateLimit: api['rate-limit'] };
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
