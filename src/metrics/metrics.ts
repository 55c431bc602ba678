/** What the program has to say to whoever draws its graphs. Keys live in `catalogue.ts`; nothing else knows statsd. */
import type { Config } from '../config/types.ts';
import type { ImageFile, NodeRecord, RequestRecord } from '../lifecycle/records.ts';

export interface Metrics {
  /** A launch of a node or subnode ended; `result` is `ready` or `error.<metric>`. `ms` since its row was made. */
  launchEnded(launch: {
    result: string;
    provider: string;
    az: string | null;
    image: string | null;
    target: string;
    manager: string | null;
    ms: number;
  }): void;
  /** A node's row is gone; `ms` since it was marked for deletion. */
  nodeDeleted(node: { image: string | null; provider: string; target: string; ms: number }): void;
  /** A provider image became ready; `ms` since its row was made. */
  imageUpdated(image: { image: string; provider: string; ms: number }): void;
  /** A disk image was built; `ms` since its row was made. */
  diskImageBuilt(build: { diskimage: string; ms: number; files: readonly ImageFile[] }): void;
  /** A provider took a file of a disk image. */
  imageUploaded(upload: { image: string; provider: string; bytesPerSecond: number }): void;
  /** A provider image was withdrawn: its nodes failed, or an operator went back. */
  imageWithdrawn(image: { image: string; provider: string }): void;
  /** One call to a cloud ended, well or badly. */
  cloudCall(call: { provider: string; task: string; ms: number }): void;
  /** A request got its nodes; `ms` since it was made. */
  requestGranted(request: { label: string; ms: number }): void;
  /** A job ended with SUCCESS; `ms` since its node was taken into use. */
  jobSucceeded(job: { job: string; branch: string; label: string; provider: string; ms: number }): void;
  /** The pool as it stands: sends all gauges, zeros included, also for names that have left the configuration. */
  pool(config: Config, nodes: readonly NodeRecord[], requests: readonly RequestRecord[]): void;
  close(): Promise<void>;
}
