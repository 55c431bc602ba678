/** What is wrong, or suspicious, in how targets get their nodes. */
import { checkJenkinsUrl } from './addresses.ts';
import type { Named, TargetOutline } from './outline.ts';
import type { Problem } from './problems.ts';
import type { SecureFile } from './secure-file.ts';
import type { Config } from './types.ts';
import type { YamlFile } from './yaml-file.ts';

/** Wrong addresses of Jenkins servers. One that secure.conf replaces is of no matter. */
export function findBadUrls(targets: readonly TargetOutline[], secure: SecureFile, file: YamlFile): readonly Problem[] {
  return targets.flatMap(({ name, path, jenkinsUrl }) => {
    const message = jenkinsUrl === null || secure.jenkins.has(name) ? null : checkJenkinsUrl(jenkinsUrl);
    return message === null ? [] : [file.problem([...path, 'jenkins', 'url'], message)];
  });
}

/** What is suspicious about targets in a configuration without problems. */
export function* findSuspicious(
  { targets, gearmanServers }: Config,
  named: readonly Named[],
  file: YamlFile,
): Generator<Problem, void> {
  for (const { name, path } of named) {
    const { jenkins = null, assignViaGearman = false } = targets.get(name) ?? {};
    if (assignViaGearman && gearmanServers.length === 0) {
      yield file.problem([...path, 'assign-via-gearman'], UNSERVED, 'key');
    }
    if (jenkins?.url != null && jenkins.credentialsId === null) yield file.problem([...path, 'name'], SHUT_OUT);
  }
}

/** Its nodes are not granted to requests either, as they are meant for Gearman. */
const UNSERVED =
  'there is no Gearman server, so the nodes of this target are never handed over, and no request gets them either; ' +
  'add one to gearman-servers, or remove this';

/** Our side can log in to Jenkins, but Jenkins cannot log in to nodes. */
const SHUT_OUT =
  'its Jenkins is not told with which credentials to log in to nodes; give their id as credentials in secure.conf';
