/** What is wrong, or suspicious, in how targets get their nodes. */
import { checkJenkinsUrl } from './addresses.ts';
import type { Named, TargetOutline } from './outline.ts';
import { oneLine, type Problem } from './problems.ts';
import type { SecureFile } from './secure-file.ts';
import type { Config, JenkinsConfig, TargetConfig } from './types.ts';
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
    if (jenkins === null) continue;
    const missing = LOGIN.filter((key) => jenkins[key] === null);
    if (missing.length > 0) {
      yield file.problem([...path, 'jenkins'], describeUntold({ name, jenkins, assignViaGearman }, missing), 'key');
    } else if (jenkins.credentialsId === null) yield file.problem([...path, 'name'], SHUT_OUT);
  }
}

/** What a Jenkins is logged in to with. A section of secure.conf has all, or is refused. */
const LOGIN = ['url', 'user', 'apikey'] as const;

/** The original gave such nodes to nobody: those with a test-job it deleted after five minutes, again and again. */
function describeUntold(
  { name, jenkins, assignViaGearman }: Pick<TargetConfig, 'name' | 'assignViaGearman'> & { jenkins: JenkinsConfig },
  missing: readonly string[],
): string {
  const meanwhile = assignViaGearman ? 'they are only offered through Gearman' : 'they are granted to requests';
  const untested = jenkins.testJob === null ? '' : ', without test-job';
  return (
    `has no ${missing.join(', no ')}, so no Jenkins gets the nodes of this target: ${meanwhile}${untested}; ` +
    `add a section [jenkins "${oneLine(name)}"] with url, user and apikey to secure.conf`
  );
}

/** Its nodes are not granted to requests either, as they are meant for Gearman. */
const UNSERVED =
  'there is no Gearman server, so the nodes of this target are never handed over, and no request gets them either; ' +
  'add one to gearman-servers, or remove this';

/** Our side can log in to Jenkins, but Jenkins cannot log in to nodes. */
const SHUT_OUT =
  'its Jenkins is not told with which credentials to log in to nodes; give their id as credentials in secure.conf';
