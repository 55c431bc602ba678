/** Who gives nodes to those who use them: a target does by itself, or requests do. */
import type { Config, TargetConfig } from '../config/types.ts';

/** Whether nodes are given to the target as soon as they are READY: then they are no more to be granted to requests. */
export function isServed({ jenkins, assignViaGearman }: TargetConfig): boolean {
  return hasJenkins(jenkins) || assignViaGearman;
}

/** Whether there is a Jenkins that can be reached. */
export function hasJenkins(jenkins: TargetConfig['jenkins']): boolean {
  return jenkins?.url != null && jenkins.user !== null && jenkins.apikey !== null;
}

/** Names of the targets whose nodes are granted to requests. */
export function openTargets({ targets }: Pick<Config, 'targets'>): readonly string[] {
  return [...targets.values()].filter((target) => !isServed(target)).map(({ name }) => name);
}
