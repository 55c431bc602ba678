import { isNodepoolError } from '../../lib/errors.ts';
import type { ApiRequest, Session } from './session.ts';

/** Sends DELETE for a resource; that it is gone already is success. */
export async function remove(
  session: Session,
  request: Pick<ApiRequest, 'service' | 'path' | 'signal'>,
): Promise<void> {
  try {
    await session.send({ ...request, method: 'DELETE' });
  } catch (error) {
    // What was asked for is so.
    if (!isNodepoolError(error, 'not-found')) throw error;
  }
}
