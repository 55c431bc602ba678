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

/** Jenkins servers that have nothing to log in to nodes with. */
export function findShutOut({ targets }: Config, named: readonly Named[], file: YamlFile): readonly Problem[] {
  const isShutOut = ({ name }: Named): boolean => {
    const jenkins = targets.get(name)?.jenkins;
    return jenkins?.url != null && jenkins.credentialsId === null;
  };
  const message =
    'its Jenkins is not told with which credentials to log in to nodes; give their id as credentials in secure.conf';
  return named.filter(isShutOut).map(({ path }) => file.problem([...path, 'name'], message));
}
