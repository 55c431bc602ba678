import type { JenkinsStatus } from '../targets/jenkins/jenkins.ts';

/** Takes down what the Jenkins of a target answered, for the next pass to plan on. */
export interface TargetRecorder {
  recordStatus(target: string, takenAt: number, status: JenkinsStatus): void;
  /** It did not answer as it should. */
  recordProblem(target: string, problem: { error: string; now: number }): void;
}
