/** Key pairs at Nova. They belong to the user that the pool logs in as, not to the project. */
import { isNodepoolError } from '../../lib/errors.ts';
import { keypairName } from '../../lib/keypair-name.ts';
import type { KeypairSpec } from '../provider.ts';
import { listAll } from './pages.ts';
import { objectOf, requireObject, textOf } from './parse.ts';
import { remove } from './remove.ts';
import type { Session } from './session.ts';

export interface Keypairs {
  /** Their names, which are their ids. */
  list(signal: AbortSignal): Promise<readonly string[]>;
  create(spec: KeypairSpec, signal: AbortSignal): Promise<string>;
  /** The public key; null: there is none of that name. */
  find(name: string, signal: AbortSignal): Promise<string | null>;
  remove(name: string, signal: AbortSignal): Promise<void>;
}

export function createKeypairs(session: Session): Keypairs {
  const pathOf = (name: string): string => `/os-keypairs/${encodeURIComponent(name)}`;

  const find = async (name: string, signal: AbortSignal): Promise<string | null> => {
    try {
      const { body } = await session.send({ service: 'compute', method: 'GET', path: pathOf(name), signal });
      return textOf(requireObject(body, 'keypair').public_key) ?? '';
    } catch (error) {
      if (isNodepoolError(error, 'not-found')) return null;
      throw error;
    }
  };

  const post = async (name: string, publicKey: string, signal: AbortSignal): Promise<void> => {
    const body = { keypair: { name, public_key: publicKey } };
    await session.send({ service: 'compute', method: 'POST', path: '/os-keypairs', body, signal });
  };

  const create = async ({ publicKey, tags }: KeypairSpec, signal: AbortSignal): Promise<string> => {
    const name = keypairName(tags);
    try {
      await post(name, publicKey, signal);
    } catch (error) {
      if (!isNodepoolError(error, 'conflict')) throw error;
      // The name is taken: by an earlier attempt with this key, or by one whose private half was lost.
      if (isSameKey(await find(name, signal), publicKey)) return name;
      await removeByName(name, signal);
      await post(name, publicKey, signal);
    }
    return name;
  };

  const removeByName = (name: string, signal: AbortSignal): Promise<void> =>
    remove(session, { service: 'compute', path: pathOf(name), signal });

  return {
    list: async (signal) => {
      const pairs = await listAll(session, { service: 'compute', path: '/os-keypairs', key: 'keypairs', signal });
      return pairs.flatMap(({ keypair }) => textOf(objectOf(keypair).name) ?? []);
    },
    create,
    find,
    remove: removeByName,
  };
}

/** Type and key decide; the comment behind them does not. */
function isSameKey(found: string | null, wanted: string): boolean {
  const keyOf = (line: string): string => line.trim().split(/\s+/).slice(0, 2).join(' ');
  return found !== null && keyOf(found) === keyOf(wanted);
}
