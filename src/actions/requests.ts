/** Granting nodes to requests, and ending requests whose lease has run out or whose nodes are gone. */
import type { ActionOf } from '../planning/actions.ts';
import type { ActionContext, Rest } from './context.ts';

/** What cannot be granted was taken by somebody else, and the next plan knows. Should that not help, it is no hurry. */
const PAUSE_MS = 1000;

export async function grantRequests(
  { grants }: ActionOf<'grant-requests'>,
  { store, log, clock, world }: ActionContext,
): Promise<Rest | void> {
  const granted = new Set(await store.requests.grant(grants));
  const now = clock.now();
  for (const { id, label, requestor, createdAt } of world.requests) {
    if (!granted.has(id)) continue;
    log.info({ request: id, label, requestor, ms: now - createdAt }, 'request granted');
  }
  if (granted.size === 0) return { restMs: PAUSE_MS };
}

export async function endRequests({ endings }: ActionOf<'end-requests'>, { store, log }: ActionContext): Promise<void> {
  const ended = await Promise.all(endings.map((ending) => store.requests.end(ending)));
  endings.forEach(({ id, reason }, index) => {
    if (ended[index] === true) log.info({ request: id, reason }, 'request ended');
  });
}
