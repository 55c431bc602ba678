/**
 * Every statsd key there is: the keys of the original (0.3.1), unchanged, so that its dashboards go on working, and few
 * more.
 * Nothing can be sent under a key that is not listed here. `README.md` beside this file shows the same table for
 * operators; a test compares the two.
 */
import { STATE_CODES, type NodeState } from '../lifecycle/node-states.ts';

/** `timing+counter`: a timing and an increment of 1 under the same key. */
export type MetricType = 'gauge' | 'timing' | 'counter' | 'timing+counter';

/** The part of the program that sends it. */
type Emitter = 'pool' | 'images' | 'jobs' | 'requests';

interface MetricEntry {
  /** Words in braces are filled in. */
  readonly key: string;
  readonly type: MetricType;
  readonly unit: 'servers' | 'requests' | 'ms' | 'bytes' | 'bytes per second' | 'events';
  readonly when: string;
  readonly emitter: Emitter;
}

export const CATALOGUE = {
  nodes: {
    key: 'nodepool.nodes.{state}',
    type: 'gauge',
    unit: 'servers',
    when: 'the pool changed; a node counts with its subnodes',
    emitter: 'pool',
  },
  targetNodes: {
    key: 'nodepool.target.{target}.nodes.{state}',
    type: 'gauge',
    unit: 'servers',
    when: 'the pool changed; nodes that no manager was assigned',
    emitter: 'pool',
  },
  managerNodes: {
    key: 'nodepool.manager.{manager}.nodes.{state}',
    type: 'gauge',
    unit: 'servers',
    when: 'the pool changed; nodes assigned to a manager, instead of their target',
    emitter: 'pool',
  },
  labelNodes: {
    key: 'nodepool.label.{label}.nodes.{state}',
    type: 'gauge',
    unit: 'servers',
    when: 'the pool changed',
    emitter: 'pool',
  },
  providerNodes: {
    key: 'nodepool.provider.{provider}.nodes.{state}',
    type: 'gauge',
    unit: 'servers',
    when: 'the pool changed',
    emitter: 'pool',
  },
  providerMaxServers: {
    key: 'nodepool.provider.{provider}.max_servers',
    type: 'gauge',
    unit: 'servers',
    when: 'the pool changed; 0 while max-servers is negative',
    emitter: 'pool',
  },
  launch: {
    key: 'nodepool.launch.{result}',
    type: 'timing+counter',
    unit: 'ms',
    when: 'the launch of a node or subnode ended; time since its row was made',
    emitter: 'pool',
  },
  launchProvider: {
    key: 'nodepool.launch.provider.{provider}.{result}',
    type: 'timing+counter',
    unit: 'ms',
    when: 'the same',
    emitter: 'pool',
  },
  launchZone: {
    key: 'nodepool.launch.provider.{provider}.{az}.{result}',
    type: 'timing+counter',
    unit: 'ms',
    when: 'the same, if a zone was chosen',
    emitter: 'pool',
  },
  launchImage: {
    key: 'nodepool.launch.image.{image}.{result}',
    type: 'timing+counter',
    unit: 'ms',
    when: 'the same, if the image is known',
    emitter: 'pool',
  },
  launchTarget: {
    key: 'nodepool.launch.target.{target}.{result}',
    type: 'timing+counter',
    unit: 'ms',
    when: 'the same, if no manager was assigned',
    emitter: 'pool',
  },
  launchManager: {
    key: 'nodepool.launch.manager.{manager}.{result}',
    type: 'timing+counter',
    unit: 'ms',
    when: 'the same, if a manager was assigned',
    emitter: 'pool',
  },
  delete: {
    key: 'nodepool.delete.{image}.{provider}.{target}',
    type: 'timing+counter',
    unit: 'ms',
    when: 'a node is gone; time since it was marked for deletion; an unknown image is `None`',
    emitter: 'pool',
  },
  imageUpdate: {
    key: 'nodepool.image_update.{image}.{provider}',
    type: 'timing+counter',
    unit: 'ms',
    when: 'a provider image became ready; time since its row was made',
    emitter: 'images',
  },
  imageUploadRate: {
    key: 'nodepool.image_upload.{image}.{provider}.rate',
    type: 'gauge',
    unit: 'bytes per second',
    when: 'a provider took a file of a disk image (not in the original)',
    emitter: 'images',
  },
  imageWithdrawn: {
    key: 'nodepool.image_withdrawn.{image}.{provider}',
    type: 'counter',
    unit: 'events',
    when: 'a provider image was withdrawn, by itself or by an operator (not in the original)',
    emitter: 'images',
  },
  task: {
    key: 'nodepool.task.{provider}.{task}',
    type: 'timing+counter',
    unit: 'ms',
    when: 'a call to a cloud ended, well or badly; without its wait for a turn',
    emitter: 'pool',
  },
  diskImageBuild: {
    key: 'nodepool.dib_image_build.{diskimage}',
    type: 'timing+counter',
    unit: 'ms',
    when: 'a disk image was built',
    emitter: 'images',
  },
  diskImageSize: {
    key: 'nodepool.dib_image_build.{diskimage}.{format}.size',
    type: 'gauge',
    unit: 'bytes',
    when: 'a disk image was built; bytes that the file takes up on disk',
    emitter: 'images',
  },
  waitingRequests: {
    key: 'nodepool.label.{label}.requests.waiting',
    type: 'gauge',
    unit: 'requests',
    when: 'the pool changed (not in the original)',
    emitter: 'requests',
  },
  requestGranted: {
    key: 'nodepool.request.{label}.granted',
    type: 'timing+counter',
    unit: 'ms',
    when: 'a request got its nodes; time since it was made; one that gets them and ends between two passes is not counted (not in the original)',
    emitter: 'requests',
  },
  jobRuntime: {
    key: 'nodepool.job.{job}.runtime',
    type: 'timing',
    unit: 'ms',
    when: 'a job ended with SUCCESS; time since its node was taken into use',
    emitter: 'jobs',
  },
  jobBranchRuntime: {
    key: 'nodepool.job.{job}.{branch}.runtime',
    type: 'timing',
    unit: 'ms',
    when: 'the same',
    emitter: 'jobs',
  },
  jobLabelRuntime: {
    key: 'nodepool.job.{job}.{branch}.{label}.runtime',
    type: 'timing',
    unit: 'ms',
    when: 'the same',
    emitter: 'jobs',
  },
  jobProviderRuntime: {
    key: 'nodepool.job.{job}.{branch}.{label}.{provider}.runtime',
    type: 'timing',
    unit: 'ms',
    when: 'the same',
    emitter: 'jobs',
  },
  jobBuilds: {
    key: 'nodepool.job.{job}.builds',
    type: 'counter',
    unit: 'events',
    when: 'a job ended with SUCCESS',
    emitter: 'jobs',
  },
  jobBranchBuilds: {
    key: 'nodepool.job.{job}.{branch}.builds',
    type: 'counter',
    unit: 'events',
    when: 'the same',
    emitter: 'jobs',
  },
  jobLabelBuilds: {
    key: 'nodepool.job.{job}.{branch}.{label}.builds',
    type: 'counter',
    unit: 'events',
    when: 'the same',
    emitter: 'jobs',
  },
  jobProviderBuilds: {
    key: 'nodepool.job.{job}.{branch}.{label}.{provider}.builds',
    type: 'counter',
    unit: 'events',
    when: 'the same',
    emitter: 'jobs',
  },
} as const satisfies Record<string, MetricEntry>;

export type MetricName = keyof typeof CATALOGUE;

/** Metrics of one type, by name. */
export type MetricOfType<T extends MetricType> = {
  [N in MetricName]: (typeof CATALOGUE)[N]['type'] extends T ? N : never;
}[MetricName];

/** The words in braces of a key. */
type FieldOf<Key extends string> = Key extends `${string}{${infer Field}}${infer Rest}` ? Field | FieldOf<Rest> : never;

/** What a key is made of: a value for each of its words in braces. */
export type MetricFields<N extends MetricName> = Readonly<Record<FieldOf<(typeof CATALOGUE)[N]['key']>, string>>;

/** The states in which nodes are counted. */
export const METRIC_STATES = Object.keys(STATE_CODES) as readonly NodeState[];

// Colons, bars, at signs and number signs end a statsd key; blanks and control characters end a line or are
// refused. Dots stay as they are, as in the original: they make one more level in the tree of keys.
const BREAKS_THE_WIRE = /[\u0000-\u0020\u007f:|@#]/g;

/** Keys cut at their fields: fixed texts at even places, names of fields at odd ones. */
const PARTS = new Map(Object.entries(CATALOGUE).map(([name, { key }]) => [name, key.split(/[{}]/)]));

/** The key of a metric, with every character that would break the statsd format replaced by `_`. */
export function metricKey<N extends MetricName>(name: N, fields: MetricFields<N>): string {
  const values: Readonly<Record<string, string>> = fields;
  let key = '';
  let isField = false;
  for (const part of PARTS.get(name) ?? []) {
    key += isField ? (values[part] ?? '').replace(BREAKS_THE_WIRE, '_') : part;
    isField = !isField;
  }
  return key;
}
