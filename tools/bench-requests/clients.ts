/** Clients of the HTTP interface: each asks for a node, waits until it has it, and gives it back. */
import { Pool } from 'undici';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import type { RequestView } from '../../src/requests/view.ts';
import { createSecret, hashSecret } from '../../src/requests/tokens.ts';
import { createStore } from '../../src/store/create-store.ts';
import { median, percentile } from '../bench/measure.ts';
import type { BenchSite } from '../bench/site.ts';

export interface ClientsOptions {
  readonly site: BenchSite;
  readonly port: number;
  readonly label: string;
  readonly clients: number;
}

export interface Clients {
  /** Figures of `grants` grants. `perSecond` of them are begun in a second, whether or not earlier ones have ended. */
  run(load: { readonly grants: number; readonly perSecond: number }): Promise<Readonly<Record<string, number>>>;
  /** Nodes that were granted more than once so far, and all that were granted. */
  doubles(): number;
  granted(): number;
  close(): Promise<void>;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** A request that waits is looked at this often. */
const LOOK_EVERY_MS = 20;

export async function openClients({ site, port, label, clients }: ClientsOptions): Promise<Clients> {
  const token = createSecret(systemRandom);
  const store = createStore({ knex: site.knex, clock: systemClock, random: systemRandom });
  await store.tokens.add({ name: 'bench', scopes: ['requests'], expiresAt: null }, hashSecret(token));
  const http = new Pool(`http://127.0.0.1:${port}`, { connections: clients, pipelining: 1 });
  const seen = new Map<number, number>();
  const call = async (method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<RequestView> => {
    const answer = await http.request({
      method,
      path,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`${method} ${path} answered ${answer.statusCode}: ${text}`);
    return JSON.parse(text) as RequestView;
  };

  const once = async (): Promise<{ ms: number; waited: boolean }> => {
    const startedAt = performance.now();
    let request = await call('POST', '/api/v1/requests', { label });
    const ms = performance.now() - startedAt;
    const waited = request.state === 'waiting';
    while (request.state === 'waiting') {
      await pause(LOOK_EVERY_MS);
      request = await call('GET', `/api/v1/requests/${request.id}`);
    }
    for (const { id } of request.nodes) seen.set(id, (seen.get(id) ?? 0) + 1);
    await call('DELETE', `/api/v1/requests/${request.id}`);
    return { ms, waited };
  };

  return {
    run: (load) => runLoad(once, { ...load, clients }),
    doubles: () => [...seen.values()].filter((count) => count > 1).length,
    granted: () => seen.size,
    close: () => http.close(),
  };
}

interface Load {
  readonly grants: number;
  readonly perSecond: number;
  readonly clients: number;
}

async function runLoad(
  once: () => Promise<{ ms: number; waited: boolean }>,
  { grants, perSecond, clients }: Load,
): Promise<Readonly<Record<string, number>>> {
  const times: number[] = [];
  let waits = 0;
  let begun = 0;
  const startedAt = performance.now();
  const work = async (): Promise<void> => {
    while (begun < grants) {
      const dueAt = startedAt + (begun * 1000) / perSecond;
      begun += 1;
      const early = dueAt - performance.now();
      if (early > 0) await pause(early);
      const { ms, waited } = await once();
      if (waited) waits += 1;
      else times.push(ms);
    }
  };
  await Promise.all(Array.from({ length: clients }, work));
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    'grants per second': grants / seconds,
    'granted at once p50 ms': median(times),
    'granted at once p99 ms': percentile(times, 0.99),
    'granted at once, longest ms': percentile(times, 1),
    'had to wait for a node': waits,
  };
}
