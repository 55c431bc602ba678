import type { JenkinsStatus } from '../targets/jenkins/jenkins.ts';

/** Takes down what targets answered, for the next pass to plan on. */
export interface TargetRecorder {
  recordStatus(target: string, takenAt: number, status: JenkinsStatus): void;
  /** It did not answer as it should. */
  recordProblem(target: string, problem: { error: string; now: number }): void;
  /** A launcher of the target took a node, or (with an error) refused it. */
  recordOffer(target: string, offer: { error: string | null; now: number }): void;
}
