import { NodepoolError } from '../lib/errors.ts';
import type { Store } from '../store/store.ts';
import { explainReason } from './explain-event.ts';
import { toPlainLine } from './output/table.ts';

/**
 * Why a build or an upload did not become an image, as an error to be thrown. `what` begins its sentence: "the build of
 * ubuntu at cloud, image 3, failed". Further lines of the detail, such as the end of a log, stand below it.
 */
export async function describeBuildFailure(
  store: Store,
  { kind, id, what }: { kind: 'image' | 'disk-image'; id: number; what: string },
): Promise<NodepoolError> {
  const events = await store.events.of(kind, id);
  const end = events.findLast((event) => event.kind === 'build-failed' || event.kind === 'retired');
  const why = end === undefined || end.reason === null ? 'it was deleted' : explainReason(end.reason);
  const [first = '', ...more] = (end?.detail ?? '').trimEnd().split('\n').map(toPlainLine);
  const detail = first === '' ? '' : ` (${first})`;
  const below = more.map((line) => `\n    ${line}`.trimEnd()).join('');
  return new NodepoolError('refused', `${what}: ${why}${detail}${below}`);
}
