import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NodepoolError } from '../../../src/lib/errors.ts';
import type { RequestView } from '../../../src/requests/view.ts';
import type { ApiToken } from '../../support/api-pool.ts';
import { REQUESTS, openScene, type Scene } from './scene.ts';

const LOOK_MS = 250;
const EVENTS = '/api/v1/events';

/** What a client has received so far. */
class Listener {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  text = '';
  hasEnded = false;

  constructor(response: Response) {
    expect(response.status).toBe(200);
    expect(response.headers.get('Content-Type')).toBe('text/event-stream');
    this.#reader = response.body!.getReader();
    void this.#read();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) break;
      this.text += decoder.decode(value);
    }
    this.hasEnded = true;
  }

  get views(): RequestView[] {
    return [...this.text.matchAll(/^event: request\nid: (\d+)\ndata: (.*)\n\n/gm)].map(([, id, data]) => {
      const view = JSON.parse(data!) as RequestView;
      expect(view.id).toBe(Number(id));
      return view;
    });
  }

  get states(): string[] {
    return this.views.map(({ id, state }) => `${id} ${state}`);
  }

  close(): Promise<void> {
    return this.#reader.cancel();
  }
}

async function listen(scene: Scene, path: string, token = scene.user): Promise<Listener> {
  const listener = new Listener(await scene.fetch(path, token));
  onTestFinished(() => listener.close());
  await settle();
  return listener;
}

async function listenOften(scene: Scene, times: number, token: ApiToken): Promise<Listener[]> {
  const listeners = [];
  for (let count = 0; count < times; count++) listeners.push(new Listener(await scene.fetch(EVENTS, token)));
  return listeners;
}

/** Lets what is under way go on until it waits for the clock. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 50; turns++) await turn();
}

async function look(scene: Scene): Promise<void> {
  await scene.clock.advance(LOOK_MS);
  await settle();
}

async function open(scene: Scene, wish: object = {}, token = scene.user): Promise<number> {
  return (await scene.call('POST', REQUESTS, { body: { label: 'small', ...wish }, token })).body.id;
}

describe('following a request', () => {
  it('begins with its present state, goes on with each change, and ends when it has ended', async () => {
    const scene = await openScene();
    const id = await open(scene);
    const listener = await listen(scene, `${REQUESTS}/${id}/events`);
    expect(listener.states).toEqual([`${id} waiting`]);
    const [node = 0] = await scene.ready(1);
    await scene.store.requests.grant([{ requestId: id, nodeIds: [node] }]);
    await look(scene);
    expect(listener.views.at(-1)).toMatchObject({ state: 'granted', nodes: [{ id: node, ip: '203.0.113.7' }] });
    await scene.store.requests.extend(id, scene.clock.now() + 1000);
    await look(scene);
    await scene.call('DELETE', `${REQUESTS}/${id}`);
    await look(scene);
    expect(listener.states).toEqual([`${id} waiting`, `${id} granted`, `${id} granted`, `${id} ended`]);
    expect(listener.views.at(-1)).toEqual((await scene.call('GET', `${REQUESTS}/${id}`)).body);
    expect(listener.hasEnded).toBe(true);
  });

  it('that has ended already is one event', async () => {
    const scene = await openScene();
    const id = await open(scene);
    await scene.call('DELETE', `${REQUESTS}/${id}`);
    const listener = await listen(scene, `${REQUESTS}/${id}/events`);
    expect([listener.states, listener.hasEnded]).toEqual([[`${id} ended`], true]);
    // As a browser that was told so comes again.
    const again = await scene.call('GET', `${REQUESTS}/${id}/events`, { headers: { 'Last-Event-ID': String(id) } });
    expect(again.status).toBe(204);
  });

  it('tells of changes of its nodes, and of no others', async () => {
    const scene = await openScene();
    const [node = 0] = await scene.ready(1);
    const id = await open(scene);
    const listener = await listen(scene, `${REQUESTS}/${id}/events`);
    await open(scene);
    await scene.ready(1);
    await look(scene);
    expect(listener.views.length).toBe(1);
    await scene.store.moveNode({ id: node, from: 'used', to: 'delete', by: 'operator' });
    await look(scene);
    expect(listener.views.at(-1)).toMatchObject({ id, state: 'granted', nodes: [] });
  });

  it('ends when its row was deleted by hand', async () => {
    const scene = await openScene();
    const id = await open(scene);
    const listener = await listen(scene, `${REQUESTS}/${id}/events`);
    await scene.call('DELETE', `${REQUESTS}/${id}`);
    await scene.store.requests.purge(scene.clock.now() + 1);
    await look(scene);
    expect([listener.states, listener.hasEnded]).toEqual([[`${id} waiting`], true]);
  });

  it('is not possible for who may not see it', async () => {
    const scene = await openScene();
    const id = await open(scene);
    const other = await scene.token(['requests']);
    const { status } = await scene.call('GET', `${REQUESTS}/${id}/events`, { token: other });
    expect([status, (await scene.call('GET', `${REQUESTS}/99/events`)).status]).toEqual([404, 404]);
  });

  it('says why it waits at that time', async () => {
    const scene = await openScene();
    const id = await open(scene);
    const counts = { position: 1, nodesAhead: 0, ready: 0, building: 0, expectedAt: null };
    for (const why of ['cloud is full', 'cloud rests']) {
      scene.explanations.set(id, { ...counts, why: [why] });
      const listener = await listen(scene, `${REQUESTS}/${id}/events`);
      expect(listener.views[0]!.waiting!.why).toEqual([why]);
    }
  });
});

describe('following all requests', () => {
  it('begins with those that wait or have nodes, and tells of each that comes and goes', async () => {
    const scene = await openScene();
    const reader = await scene.token(['read']);
    await scene.ready(1);
    const [granted, waiting] = [await open(scene), await open(scene)];
    const ended = await open(scene);
    await scene.call('DELETE', `${REQUESTS}/${ended}`);
    const listener = await listen(scene, EVENTS, reader);
    expect(listener.states).toEqual([`${granted} granted`, `${waiting} waiting`]);
    const late = await open(scene);
    await scene.call('DELETE', `${REQUESTS}/${waiting}`);
    await look(scene);
    expect(listener.states.slice(2).toSorted()).toEqual([`${waiting} ended`, `${late} waiting`].toSorted());
    expect(listener.hasEnded).toBe(false);
  });

  it('tells also of one that came and ended between two looks', async () => {
    const scene = await openScene();
    await scene.ready(1);
    const listener = await listen(scene, EVENTS, await scene.token(['read']));
    const id = await open(scene);
    await scene.call('DELETE', `${REQUESTS}/${id}`);
    await look(scene);
    await look(scene);
    expect(listener.states).toEqual([`${id} ended`]);
  });

  it('shows to each only what it may see', async () => {
    const scene = await openScene();
    const other = await scene.token(['requests']);
    const foreign = await open(scene, {}, other);
    const own = await open(scene);
    const listeners = [await listen(scene, EVENTS), await listen(scene, EVENTS, other)];
    const [late, lateForeign] = [await open(scene), await open(scene, {}, other)];
    await look(scene);
    expect(listeners.map(({ views }) => views.map(({ id }) => id))).toEqual([
      [own, late],
      [foreign, lateForeign],
    ]);
  });

  it('keeps a client that reads nothing no more than the newest state of each request', async () => {
    const scene = await openScene();
    await scene.ready(1);
    const id = await open(scene);
    const response = await scene.fetch(EVENTS, scene.user);
    for (let round = 1; round <= 20; round++) {
      await scene.store.requests.extend(id, scene.clock.now() + round * 60_000);
      await look(scene);
    }
    const listener = new Listener(new Response(response.body, { headers: response.headers }));
    await settle();
    const newest = (await scene.call('GET', `${REQUESTS}/${id}`)).body;
    expect(listener.views.length).toBeLessThan(5);
    expect(listener.views.at(-1)).toEqual(newest);
    await listener.close();
    expect(scene.clock.nextAt()).toBeNull();
  });

  it('says every 15 seconds that it is still there', async () => {
    const scene = await openScene();
    const listener = await listen(scene, EVENTS);
    await scene.clock.advance(14_900);
    await settle();
    expect(listener.text).toBe('');
    await scene.clock.advance(15_200);
    await settle();
    expect(listener.text).toBe(':\n\n:\n\n');
  });

  it('ends when the token is taken away', async () => {
    const scene = await openScene();
    const listener = await listen(scene, EVENTS);
    const other = await listen(scene, EVENTS, await scene.token(['read']));
    await scene.store.tokens.remove(scene.user.id);
    await scene.clock.advance(15_000);
    await settle();
    expect([listener.hasEnded, other.hasEnded]).toEqual([true, false]);
  });

  it('survives that the database is away for a while', async () => {
    const scene = await openScene();
    const listener = await listen(scene, EVENTS);
    scene.breakDatabase(new NodepoolError('database-unavailable', 'gone'));
    await scene.clock.advance(60_000);
    await settle();
    expect(listener.text).toBe(':\n\n'.repeat(4));
    scene.breakDatabase(null);
    const id = await open(scene);
    await look(scene);
    expect(listener.states).toEqual([`${id} waiting`]);
  });

  it('is refused while the database is away, and takes up no place', async () => {
    const scene = await openScene();
    await scene.call('GET', REQUESTS);
    scene.breakDatabase(new NodepoolError('database-unavailable', 'gone'));
    expect((await scene.call('GET', EVENTS)).status).toBe(503);
    expect(scene.clock.nextAt()).toBeNull();
  });
});

describe('the watch', () => {
  it('looks only while somebody listens', async () => {
    const scene = await openScene();
    expect(scene.clock.nextAt()).toBeNull();
    const [first, second] = [await listen(scene, EVENTS), await listen(scene, EVENTS)];
    expect(scene.clock.nextAt()).toBe(scene.clock.now() + LOOK_MS);
    await first.close();
    expect(scene.clock.nextAt()).not.toBeNull();
    await second.close();
    expect(scene.clock.nextAt()).toBeNull();
    const id = await open(scene);
    expect((await listen(scene, EVENTS)).states).toEqual([`${id} waiting`]);
  });

  it('takes a hundred listeners of a token, and one more when one has gone', async () => {
    const scene = await openScene({ api: { host: '127.0.0.1', port: 0, rateLimit: 0 } });
    const listeners = await listenOften(scene, 100, scene.user);
    const { status, headers, body } = await scene.call('GET', EVENTS);
    expect([status, headers.get('Retry-After'), body.error.code]).toEqual([429, '1', 'too-many-requests']);
    await listen(scene, EVENTS, await scene.token(['requests']));
    await listeners[0]!.close();
    await listen(scene, EVENTS);
    for (const listener of listeners) await listener.close();
  });

  it('takes two hundred listeners of all tokens, and one more when one has gone', async () => {
    const scene = await openScene({ api: { host: '127.0.0.1', port: 0, rateLimit: 0 } });
    const [other, late] = [await scene.token(['read']), await scene.token(['read'])];
    const listeners = [...(await listenOften(scene, 100, scene.user)), ...(await listenOften(scene, 100, other))];
    const { status, headers, body } = await scene.call('GET', EVENTS, { token: late });
    expect([status, headers.get('Retry-After'), body.error.code]).toEqual([503, '1', 'unavailable']);
    await listeners[0]!.close();
    await listen(scene, EVENTS, late);
    for (const listener of listeners) await listener.close();
  });

  it('gives the place of a listener away whose events cannot be shown', async () => {
    const scene = await openScene();
    await open(scene);
    const broken = new Error('no plan');
    scene.explanations.get = () => {
      throw broken;
    };
    const response = await scene.fetch(EVENTS, scene.user);
    await expect(response.text()).rejects.toBe(broken);
    expect(scene.clock.nextAt()).toBeNull();
  });

  it('opens no stream for HEAD, which nobody would end', async () => {
    const scene = await openScene();
    const id = await open(scene);
    for (const path of [EVENTS, `${REQUESTS}/${id}/events`]) {
      const response = await scene.fetch(path, scene.user, 'HEAD');
      expect([response.status, response.body]).toEqual([200, null]);
    }
    expect(scene.clock.nextAt()).toBeNull();
  });
});
