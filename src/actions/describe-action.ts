/** A planned action in words, for `nodepool plan` and the log. */
import type { Action, Launch } from '../planning/actions.ts';

export function describeAction(action: Action): string {
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
    case 'delete-leaked-server':
      return `delete leaked server ${action.serverId} (${action.owner}) at ${action.provider}`;
    case 'delete-leaked-image':
      return `delete leaked image ${action.cloudImageId} (${action.owner}) at ${action.provider}`;
    case 'answer-intent':
      return `answer ${action.intent.kind} of the command line`;
    default:
      return `${action.kind.replaceAll('-', ' ')} (${action.subject})`;
  }
}

function describeLaunches(launches: readonly Launch[]): string {
  const counts = new Map<string, number>();
  for (const { label, provider, target, az } of launches) {
    const place = `${label} at ${provider}${az === null ? '' : ` (${az})`} for ${target}`;
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  return [...counts].map(([place, count]) => `${count} of ${place}`).join(', ');
}
