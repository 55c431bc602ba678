/** Builders of what concerns targets that hand nodes out, and jobs. */
import type { JenkinsConfig, TargetConfig } from '../../src/config/types.ts';
import type { JobRecord } from '../../src/lifecycle/records.ts';
import type { Agent, TargetAnswer, TargetView } from '../../src/planning/world.ts';
import { aTarget, createIds, NOW, type Ids } from './builders.ts';

const sharedIds = createIds();

/** A rule that holds one node on which any job fails, for good. */
export function aJobRule(overrides: Partial<JobRecord> = {}, ids: Ids = sharedIds): JobRecord {
  return {
    id: overrides.id ?? ids(),
    name: '*',
    label: null,
    holdOnFailure: 1,
    reason: null,
    holdMs: null,
    expiresAt: null,
    ...overrides,
  };
}

/** One that hands its nodes to a Jenkins. */
export function aJenkinsTarget(
  overrides: Partial<TargetConfig> = {},
  jenkins: Partial<JenkinsConfig> = {},
): TargetConfig {
  const access = { url: 'https://jenkins.example.org/', user: 'nodepool', apikey: 'secret' };
  const own = { ...access, credentialsId: null, testJob: null, ...jenkins };
  return aTarget({ name: 'jenkins', jenkins: own, ...overrides });
}

/** What is known of a target with a Jenkins that was asked just now: its answer, or why there is none. */
export function aTargetView(answer: Partial<TargetAnswer> | null = {}, problem: string | null = null): TargetView {
  const given = answer && { takenAt: NOW, isQuietingDown: false, agents: new Map<string, Agent>(), ...answer };
  return { answer: given, problem, dueAt: NOW + 10_000, refusal: null };
}
