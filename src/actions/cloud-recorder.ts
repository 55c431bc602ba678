import type { CloudImage, CloudLimits, Server } from '../providers/provider.ts';

/** Takes down what a cloud answered, for the next pass to plan on. */
export interface CloudRecorder {
  recordServers(provider: string, takenAt: number, items: readonly Server[]): void;
  recordImages(provider: string, takenAt: number, items: readonly CloudImage[]): void;
  /** The last listing failed: what the cloud holds is unknown until one succeeds. */
  recordFailure(provider: string, kind: 'servers' | 'images', failure: { error: string; now: number }): void;
  recordLimits(provider: string, readAt: number, limits: CloudLimits): void;
}
