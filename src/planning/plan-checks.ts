/**
 * Plans the periodic check of READY nodes, and judges those that fail it. When nothing answers at a provider any
 * more, the fault may well be the network between it and us: then its nodes go one by one, and the launch that
 * replaces the first tells whether the others have to follow.
 */
import { CHECK_FAILURES_MAX } from '../lifecycle/limits.ts';
import type { NodeRecord } from '../lifecycle/records.ts';
import type { Draft } from './draft.ts';

/** What is known of the way to a provider's servers. */
interface Contact {
  /** When one of its servers last answered; 0: never. */
  answeredAt: number;
  /** A node was retired a moment ago or is being launched: what comes of that tells more. */
  isTried: boolean;
}

/** A node that was retired so long ago has been replaced, or will not be. */
const TRIAL_MS = 60_000;

const contactsOf = new WeakMap<Draft, ReadonlyMap<string, Contact>>();

export function planCheck(draft: Draft, node: NodeRecord): void {
  const { config, memory } = draft.world;
  const image = config.labels.get(node.label)?.image ?? '';
  // How to log in left the configuration with the image: nothing can be said about the node.
  if (config.providers.get(node.provider)?.images.has(image) !== true) return;
  const firedAt = memory.cron.firedAt.check;
  const isDue = firedAt !== null && Math.max(node.stateAt, node.checkedAt ?? 0) < firedAt;
  if (!isDue && node.checkFailures === 0) return;
  draft.order({ kind: 'check-node', subject: `node:${node.id}`, reason: 'check-due', nodeId: node.id });
}

/** Whether the node failed its check often enough, and there is no reason to doubt that it is the node's fault. */
export function isUnreachable(draft: Draft, node: NodeRecord): boolean {
  if (node.checkFailures < CHECK_FAILURES_MAX) return false;
  const contact = contactWith(draft, node.provider);
  const checkedSince = draft.world.memory.cron.firedAt.check;
  if (checkedSince !== null && contact.answeredAt >= checkedSince) return true;
  if (contact.isTried) {
    draft.note(
      `node ${node.id}`,
      `does not answer, and neither does any other server at ${node.provider} now: it stays`,
    );
    return false;
  }
  contact.isTried = true;
  return true;
}

function contactWith(draft: Draft, provider: string): Contact {
  let contacts = contactsOf.get(draft);
  if (contacts === undefined) contactsOf.set(draft, (contacts = findContacts(draft)));
  return contacts.get(provider) ?? { answeredAt: 0, isTried: false };
}

function findContacts({ world: { nodes, now } }: Draft): ReadonlyMap<string, Contact> {
  const contacts = new Map<string, Contact>();
  for (const node of nodes) {
    const contact = contacts.get(node.provider) ?? { answeredAt: 0, isTried: false };
    contacts.set(node.provider, contact);
    const answers = [node, ...node.subnodes].map(({ reachableAt }) => reachableAt ?? 0);
    contact.answeredAt = Math.max(contact.answeredAt, node.checkedAt ?? 0, ...answers);
    contact.isTried ||= node.state === 'building' || (node.state === 'delete' && now < node.stateAt + TRIAL_MS);
  }
  return contacts;
}
