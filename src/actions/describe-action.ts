/** A planned action in words, for `nodepool plan` and the log. */
import type { NodeGrant } from '../lifecycle/hand-out.ts';
import type { Action, ActionKind, ActionOf, Launch } from '../planning/actions.ts';

const ACCESSORY_WORDS = { keypair: 'key pair', 'floating-ip': 'floating IP', port: 'port' } as const;

type Words = { readonly [K in ActionKind]?: (action: ActionOf<K>) => string };

/** For what its kind and subject do not say enough about. */
const WORDS: Words = {
  'launch-nodes': ({ launches }) => `launch ${describeLaunches(launches)}`,
  'create-server': ({ subject, slot, attempt }) =>
    `create the server of ${subject} at ${slot.provider} (attempt ${attempt + 1})`,
  'adopt-server': ({ subject, slot, serverId }) => `adopt server ${serverId} for ${subject} at ${slot.provider}`,
  'delete-server': ({ subject, slot, serverIds }) =>
    `delete server ${serverIds.join(', ')} of ${subject} at ${slot.provider}`,
  'build-image': ({ image, provider }) => `build image ${image} at ${provider}`,
  'open-disk-image': ({ image }) => `build disk image ${image}`,
  'open-upload': ({ diskImageId, image, provider }) => `upload build ${diskImageId} as image ${image} to ${provider}`,
  'withdraw-image': ({ imageId, detail }) => `withdraw image ${imageId}: ${detail}`,
  'attach-floating-ip': ({ subject, slot, serverId }) =>
    `give server ${serverId} of ${subject} at ${slot.provider} a floating IP`,
  'grant-requests': ({ grants }) => grants.map(describeGrant).join(', '),
  'end-requests': ({ endings }) => `end ${endings.map(({ id, reason }) => `request ${id} (${reason})`).join(', ')}`,
  'hold-node': ({ nodeId, jobId }) => `hold node ${nodeId} by job rule ${jobId}`,
  'register-node': ({ nodeId }) => `register node ${nodeId} at its target`,
  'unregister-node': ({ nodeId }) => `take node ${nodeId} from its target`,
  'start-test': ({ nodeId }) => `start the acceptance test of node ${nodeId}`,
  'pass-test': ({ nodeId }) => `let jobs find node ${nodeId}, which has passed its test`,
  'note-job': ({ nodeId, seen }) => `note that a job on node ${nodeId} has ${seen}`,
  'check-target': ({ target }) => `ask the Jenkins of target ${target} how it is`,
  'answer-intent': ({ intent }) => `answer ${intent.kind} of the command line`,
};

export function describeAction(action: Action): string {
  if ('owner' in action) return `delete leaked ${describeLeak(action)} (${action.owner}) at ${action.provider}`;
  // The table pairs each kind with its words; the pairing is lost on a union.
  const describe = WORDS[action.kind] as ((action: Action) => string) | undefined;
  return describe?.(action) ?? `${action.kind.replaceAll('-', ' ')} (${action.subject})`;
}

function describeGrant({ requestId, nodeIds }: NodeGrant): string {
  return `grant node ${nodeIds.join(', ')} to request ${requestId}`;
}

export type LeakDeletion = ActionOf<'delete-leaked-server' | 'delete-leaked-image' | 'delete-accessory'>;

/** What is left over: its kind, and its id, name or address. */
export function describeLeak(action: LeakDeletion): string {
  if (action.kind === 'delete-leaked-server') return `server ${action.serverId}`;
  if (action.kind === 'delete-leaked-image') return `image ${action.cloudImageId}`;
  const { kind, name } = action.accessory;
  return `${ACCESSORY_WORDS[kind]} ${name}`;
}

function describeLaunches(launches: readonly Launch[]): string {
  const counts = new Map<string, number>();
  for (const { label, provider, target, az } of launches) {
    const place = `${label} at ${provider}${az === null ? '' : ` (${az})`} for ${target}`;
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  return [...counts].map(([place, count]) => `${count} of ${place}`).join(', ');
}
