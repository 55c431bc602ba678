import { describe, expect, it } from 'vitest';
import { NodepoolError } from '../../../src/lib/errors.ts';
import { aLabel, aProvider, aTarget } from '../../support/builders.ts';
import { NOW, openScene, REQUESTS, type Scene } from './scene.ts';

const HOUR_MS = 3_600_000;
const KEY = { 'Idempotency-Key': 'build-4711' };

async function open(scene: Scene, wish: object = {}): Promise<number> {
  const { status, body } = await scene.call('POST', REQUESTS, { body: { label: 'small', ...wish } });
  expect(status).toBe(201);
  return body.id;
}

describe('a request for nodes', () => {
  it('is granted at once when there are enough, with all that is needed to log in', async () => {
    const scene = await openScene();
    const ids = await scene.ready(2);
    const wish = { label: 'small', count: 2, priority: 5, ttl: 600, requestor: 'change 7', reason: 'a test' };
    const { status, headers, body } = await scene.call('POST', REQUESTS, { body: wish });
    const server = {
      ip: '203.0.113.7',
      ip_private: null,
      port: 22,
      username: 'jenkins',
      host_keys: ['ssh-ed25519 AAAAC3Nz'],
      server_id: null,
    };
    const node = { label: 'small', provider: 'cloud', az: 'az1', image: 'ubuntu', image_version: 1768478400 };
    expect([status, headers.get('Location')]).toEqual([201, `${REQUESTS}/${body.id}`]);
    expect(body).toEqual({
      id: body.id,
      ...wish,
      state: 'granted',
      end_reason: null,
      created_at: '2026-01-15T12:00:00.000Z',
      granted_at: '2026-01-15T12:00:00.000Z',
      expires_at: '2026-01-15T12:10:00.000Z',
      ended_at: null,
      nodes: ids.map((id) => ({ id, ...node, state: 'used', hostname: `small-${id}`, ...server, subnodes: [] })),
    });
    expect(scene.changes()).toBe(1);
  });

  it('waits when there are not, and says why as soon as the plan does', async () => {
    const scene = await openScene();
    await scene.ready(1);
    const id = await open(scene, { count: 2 });
    const before = await scene.call('GET', `${REQUESTS}/${id}`);
    expect(before.body).toMatchObject({ state: 'waiting', nodes: [], requestor: 'zuul', ttl: (4 * HOUR_MS) / 1000 });
    expect(before.body).not.toHaveProperty('waiting');
    const counts = { position: 1, nodesAhead: 0, ready: 1, building: 1 };
    scene.explanations.set(id, { ...counts, why: ['cloud is full'], expectedAt: NOW + 60_000 });
    const { body } = await scene.call('GET', `${REQUESTS}/${id}`);
    expect(body.waiting).toEqual({
      position: 1,
      nodes_ahead: 0,
      ready: 1,
      building: 1,
      why: ['cloud is full'],
      expected_at: '2026-01-15T12:01:00.000Z',
    });
  });

  it('repeated with its key is the same request, however often and at once', async () => {
    const scene = await openScene();
    await scene.ready(3);
    const repeated = Array.from({ length: 20 }, () =>
      scene.call('POST', REQUESTS, { body: { label: 'small' }, headers: KEY }),
    );
    const answers = await Promise.all(repeated);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([...Array<number>(19).fill(200), 201]);
    expect(scene.changes()).toBe(1);
    const { nodes, requests } = await scene.store.readPool();
    expect([requests.length, nodes.filter(({ state }) => state === 'used').length]).toEqual([1, 1]);
  });

  it('without a ttl is the same request also when the default has changed before it is repeated', async () => {
    const scene = await openScene();
    const repeat = () => scene.call('POST', REQUESTS, { body: { label: 'small' }, headers: KEY });
    const { body } = await repeat();
    scene.configure({ requests: { ttlMs: HOUR_MS, maxTtlMs: 2 * HOUR_MS } });
    const repeated = await repeat();
    expect([repeated.status, repeated.body]).toEqual([200, body]);
    expect(body.ttl).toBe((4 * HOUR_MS) / 1000);
  });

  it('with the key of another wish is refused, and one of another token is not', async () => {
    const scene = await openScene();
    await scene.call('POST', REQUESTS, { body: { label: 'small' }, headers: KEY });
    const other = await scene.call('POST', REQUESTS, { body: { label: 'small', count: 2 }, headers: KEY });
    expect([other.status, other.body.error.code]).toEqual([409, 'conflict']);
    const token = await scene.token(['admin']);
    const foreign = await scene.call('POST', REQUESTS, { body: { label: 'small', count: 2 }, headers: KEY, token });
    expect(foreign.status).toBe(201);
    expect(scene.changes()).toBe(2);
  });

  it('that can never be had is refused with what is wrong about it', async () => {
    const scene = await openScene({ labels: [aLabel(), aLabel({ name: 'off', minReady: -1 })] });
    const refusals: readonly [wish: object, message: string][] = [
      [{ label: 'smal' }, 'there is no label "smal" (did you mean small?)'],
      [{ label: 'off' }, 'label off is disabled: its min-ready is -1'],
      [{ label: 'small', count: 0 }, 'count must be at least 1'],
      [{ label: 'small', count: 97 }, 'label small can have 96 nodes at once, not 97'],
      [{ label: 'small', priority: 101 }, 'priority must be between -100 and 100'],
      [{ label: 'small', ttl: 0 }, 'ttl must be between 1 and 604800 seconds'],
      [{ label: 'small', ttl: 9_000_000_000_000_000 }, 'ttl must be between 1 and 604800 seconds'],
      [{ label: 'small', requestor: '' }, 'requestor must have 1 to 255 characters'],
      [{ label: 'small', reason: 'two\nlines' }, 'reason must be one line without control characters'],
    ];
    for (const [wish, message] of refusals) {
      const { status, body } = await scene.call('POST', REQUESTS, { body: wish });
      expect([status, body.error.code]).toEqual([422, 'refused']);
      expect(body.error.message).toContain(message);
    }
    expect([scene.changes(), (await scene.store.readPool()).requests]).toEqual([0, []]);
  });

  it('is refused where all nodes are handed over to others', async () => {
    const scene = await openScene({ targets: [aTarget({ assignViaGearman: true })] });
    const { status } = await scene.call('POST', REQUESTS, { body: { label: 'small' } });
    expect(status).toBe(422);
  });

  it('keeps text of any script as it is', async () => {
    const scene = await openScene();
    const reason = "Grüße 🚀 '; DROP TABLE request; --";
    const id = await open(scene, { reason });
    expect((await scene.call('GET', `${REQUESTS}/${id}`)).body.reason).toBe(reason);
  });
});

describe('the end of a request', () => {
  it('gives its nodes back, and is the same when it is asked for again', async () => {
    const scene = await openScene();
    await scene.ready(1);
    const id = await open(scene);
    const first = await scene.call('DELETE', `${REQUESTS}/${id}`);
    expect([first.status, first.body.state, first.body.end_reason]).toEqual([200, 'ended', 'released']);
    await scene.clock.advance(1000);
    const second = await scene.call('DELETE', `${REQUESTS}/${id}?result=failure`);
    expect([second.status, second.body]).toEqual([200, first.body]);
    expect(scene.changes()).toBe(2);
    expect((await scene.store.readPool()).nodes.map(({ state }) => state)).toEqual(['delete']);
  });

  it('after a failure leaves the nodes to the rules', async () => {
    const scene = await openScene();
    await scene.ready(1);
    const id = await open(scene);
    const { body } = await scene.call('DELETE', `${REQUESTS}/${id}?result=failure`);
    expect(body.end_reason).toBe('failed');
    expect((await scene.store.readPool()).nodes[0]).toMatchObject({ state: 'used', jobResult: 'FAILURE' });
  });

  it('takes back one that waits', async () => {
    const scene = await openScene();
    const id = await open(scene);
    const { body } = await scene.call('DELETE', `${REQUESTS}/${id}?result=success`);
    expect(body.end_reason).toBe('cancelled');
  });
});

describe('an extension', () => {
  it('lets the lease end later, or earlier, from now on', async () => {
    const scene = await openScene();
    await scene.ready(1);
    const id = await open(scene, { ttl: 60 });
    await scene.clock.advance(30_000);
    const usual = await scene.call('POST', `${REQUESTS}/${id}/extend`);
    expect([usual.status, usual.body.expires_at]).toEqual([200, '2026-01-15T16:00:30.000Z']);
    const short = await scene.call('POST', `${REQUESTS}/${id}/extend`, { body: { ttl: 10 } });
    expect([short.status, short.body.expires_at]).toEqual([200, '2026-01-15T12:00:40.000Z']);
    expect(scene.changes()).toBe(3);
  });

  it('is refused for what has no lease: while it waits, when it has run out, when the request has ended', async () => {
    const scene = await openScene();
    const waiting = await open(scene, { count: 2 });
    const extend = (id: number) => scene.call('POST', `${REQUESTS}/${id}/extend`, { body: {} });
    expect([(await extend(waiting)).status, (await extend(waiting)).body.error.message]).toEqual([
      409,
      `request ${waiting} has no nodes yet`,
    ]);
    await scene.call('DELETE', `${REQUESTS}/${waiting}`);
    await scene.ready(1);
    const granted = await open(scene, { ttl: 60 });
    await scene.clock.advance(60_000);
    expect((await extend(granted)).body.error.message).toBe(`the lease of request ${granted} has run out`);
    await scene.call('DELETE', `${REQUESTS}/${granted}`);
    expect((await extend(granted)).body.error).toEqual({
      code: 'conflict',
      message: `request ${granted} has ended: released`,
    });
  });

  it('for longer than the configuration allows is refused as such', async () => {
    const scene = await openScene();
    await scene.ready(1);
    const id = await open(scene);
    expect((await scene.call('POST', `${REQUESTS}/${id}/extend`, { body: { ttl: 604_801 } })).status).toBe(422);
  });
});

describe('the list of requests', () => {
  const view = (list: { requests: readonly { id: number }[] }): number[] => list.requests.map(({ id }) => id);
  const list = async (scene: Scene, query = ''): Promise<number[]> =>
    view((await scene.call<{ requests: { id: number }[] }>('GET', `${REQUESTS}${query}`)).body);

  it('has those that wait in the order of their turns, those with nodes, and those that ended last', async () => {
    const labels = [aLabel(), aLabel({ name: 'large' })];
    const scene = await openScene({ labels, providers: [aProvider()] });
    await scene.ready(1);
    const granted = await open(scene);
    const late = await open(scene);
    const early = await open(scene, { priority: 1 });
    const [first, second] = [await open(scene, { label: 'large' }), await open(scene, { label: 'large' })];
    for (const id of [first, second]) {
      await scene.clock.advance(1000);
      await scene.call('DELETE', `${REQUESTS}/${id}`);
    }
    expect(await list(scene)).toEqual([early, late, granted, second, first]);
    expect(await list(scene, '?state=waiting')).toEqual([early, late]);
    expect(await list(scene, '?state=granted')).toEqual([granted]);
    expect(await list(scene, '?state=ended&limit=1')).toEqual([second]);
    expect(await list(scene, '?label=large')).toEqual([second, first]);
    expect(await list(scene, '?limit=2')).toEqual([early, late]);
    expect(await list(scene, '?limit=4')).toEqual([early, late, granted, second]);
  });

  it('shows nodes, also those that were held after the end', async () => {
    const scene = await openScene();
    const [node = 0] = await scene.ready(1);
    const id = await open(scene);
    await scene.store.moveNode({ id: node, from: 'used', to: 'hold', by: 'operator', patch: { heldFrom: 'used' } });
    await scene.call('DELETE', `${REQUESTS}/${id}`);
    type List = { requests: { nodes: { id: number; state: string }[] }[] };
    const { body } = await scene.call<List>('GET', `${REQUESTS}?state=ended`);
    expect(body.requests[0]!.nodes).toMatchObject([{ id: node, state: 'hold' }]);
  });
});

describe('the daemon', () => {
  it('says that it is alive, and whether it looks after its pool, without a token', async () => {
    const scene = await openScene();
    const ask = (path: string) => scene.call('GET', path, { token: null });
    expect([(await ask('/healthz')).status, (await ask('/readyz')).status]).toEqual([200, 200]);
    scene.setUnready('the database does not answer');
    const unready = await ask('/readyz');
    expect([unready.status, unready.body]).toEqual([
      503,
      { error: { code: 'unavailable', message: 'the database does not answer' } },
    ]);
    expect((await ask('/healthz')).status).toBe(200);
  });

  it('says when its database is away', async () => {
    const scene = await openScene();
    await scene.call('GET', REQUESTS);
    scene.breakDatabase(new NodepoolError('database-unavailable', 'the database at db.example.org does not answer'));
    const { status, headers, body } = await scene.call('GET', REQUESTS);
    expect([status, headers.get('Retry-After')]).toEqual([503, '2']);
    expect(body.error).toEqual({ code: 'unavailable', message: 'the database does not answer; try again' });
    scene.breakDatabase(null);
    expect((await scene.call('GET', REQUESTS)).status).toBe(200);
  });

  it.each([new Error('a mistake of ours'), new NodepoolError('database-unusable', 'the database has lost tables')])(
    'hides what else went wrong, and logs it: %s',
    async (error) => {
      const scene = await openScene();
      await scene.call('GET', REQUESTS);
      scene.breakDatabase(error);
      const { status, text } = await scene.call('GET', REQUESTS);
      expect([status, text.includes(error.message)]).toEqual([500, false]);
      expect(scene.lines.filter((line) => line.startsWith('error') && line.includes(error.message)).length).toBe(1);
    },
  );
});
