import type { Config } from '../../src/config/types.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { createSecret, hashSecret, type Scope } from '../../src/requests/tokens.ts';
import type { Store, TokenRecord } from '../../src/store/store.ts';
import { aConfig } from './builders.ts';
import { openMemoryStore } from './memory-store.ts';

/** A pool on an embedded database in memory, for the HTTP interface to work on. */
export interface ApiPool {
  readonly store: Store;
  readonly config: Config;
  /** Makes a token, and answers it with its secret. */
  token(scopes: readonly Scope[], options?: { name?: string; expiresAt?: number }): Promise<ApiToken>;
  /** Makes READY nodes and answers their ids. */
  ready(count: number, node?: { label?: string; subnodes?: number }): Promise<number[]>;
  close(): Promise<void>;
}

export interface ApiToken extends TokenRecord {
  readonly secret: string;
  /** The header that proves it. */
  readonly headers: { readonly Authorization: string };
}

const LAUNCHER = 'host/2/launcher';

export async function openApiPool({ clock, config = aConfig() }: { clock: Clock; config?: Config }): Promise<ApiPool> {
  const { store } = await openMemoryStore({ clock });
  const image = { provider: 'cloud', image: 'ubuntu', hostname: 'template', version: 1768478400, reason: 'operator' };
  const imageId = (await store.createImage(image))!;

  const launch = async (count: number, { label = 'small', subnodes = 0 }): Promise<number[]> => {
    const before = new Set((await store.readPool()).nodes.map(({ id }) => id));
    const leases = await store.leases.keep(LAUNCHER, ['supply'], 15_000, () => true);
    const node = { label, provider: 'cloud', target: 'zuul', az: 'az1', imageId, subnodes, reason: 'min-ready' };
    await store.launchNodes(
      Array.from({ length: count }, () => node),
      leases.get('supply')!,
    );
    await store.leases.release(LAUNCHER);
    return (await store.readPool()).nodes.filter(({ id }) => !before.has(id)).map(({ id }) => id);
  };

  return {
    store,
    config,
    token: async (scopes, { name = scopes.join('+'), expiresAt } = {}) => {
      const secret = createSecret(systemRandom);
      const token = await store.tokens.add({ name, scopes, expiresAt: expiresAt ?? null }, hashSecret(secret));
      return { ...token, secret, headers: { Authorization: `Bearer ${secret}` } };
    },
    ready: async (count, node = {}) => {
      const ids = await launch(count, node);
      const patch = (id: number) => ({ hostname: `small-${id}`, ip: '203.0.113.7', hostKey: 'ssh-ed25519 AAAAC3Nz' });
      await Promise.all(
        ids.map((id) => store.moveNode({ id, from: 'building', to: 'ready', by: 'launch', patch: patch(id) })),
      );
      return ids;
    },
    close: () => store.close(),
  };
}
