/** A planned action in words, for `nodepool plan` and the log. */
import type { Action, ActionOf, Launch } from '../planning/actions.ts';
import type { Accessory } from '../providers/provider.ts';

const ACCESSORY_WORDS = { keypair: 'key pair', 'floating-ip': 'floating IP', port: 'port' } as const;

export function describeAction(action: Action): string {
  if ('owner' in action) return `delete leaked ${describeLeak(action)} (${action.owner}) at ${action.provider}`;
  switch (action.kind) {
    case 'launch-nodes':
      return `launch ${describeLaunches(action.launches)}`;
    case 'create-server':
      return `create the server of ${action.subject} at ${action.slot.provider} (attempt ${action.attempt + 1})`;
    case 'adopt-server':
      return `adopt server ${action.serverId} for ${action.subject} at ${action.slot.provider}`;
    case 'delete-server':
      return `delete server ${action.serverIds.join(', ')} of ${action.subject} at ${action.slot.provider}`;
    case 'build-image':
      return `build image ${action.image} at ${action.provider}`;
    case 'attach-floating-ip':
      return `give server ${action.serverId} of ${action.subject} at ${action.slot.provider} a floating IP`;
    case 'answer-intent':
      return `answer ${action.intent.kind} of the command line`;
    default:
      return `${action.kind.replaceAll('-', ' ')} (${action.subject})`;
  }
}

function describeLeak(action: ActionOf<'delete-leaked-server' | 'delete-leaked-image' | 'delete-accessory'>): string {
  if (action.kind === 'delete-leaked-server') return `server ${action.serverId}`;
  if (action.kind === 'delete-leaked-image') return `image ${action.cloudImageId}`;
  return describeAccessory(action.accessory);
}

/** In words: its kind, and its name or address. */
export function describeAccessory({ kind, name }: Pick<Accessory, 'kind' | 'name'>): string {
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
