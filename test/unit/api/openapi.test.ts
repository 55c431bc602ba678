import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createApp } from '../../../src/api/app.ts';
import { ERROR_STATUS } from '../../../src/api/http-error.ts';
import { openScene, REQUESTS, type Answer, type Scene } from './scene.ts';

type Schema = Readonly<Record<string, unknown>>;
interface Described {
  readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  readonly headers?: Readonly<Record<string, Schema>>;
}
interface Operation {
  readonly security?: unknown;
  readonly responses: Readonly<Record<string, Described>>;
}
interface Document {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly components: { readonly schemas: Readonly<Record<string, Schema>>; readonly securitySchemes: unknown };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const read = async (scene: Scene): Promise<Document> =>
  (await scene.call<Document>('GET', '/api/v1/openapi.json', { token: null })).body;

/** The schema without references into the document, which allows no keys that it does not name. */
function close(schema: Schema, { components }: Document): z.ZodType {
  const text = JSON.stringify({ ...schema, $defs: components.schemas }).replaceAll('#/components/schemas/', '#/$defs/');
  const strict = JSON.parse(text, (_, value: Schema) =>
    value !== null && typeof value === 'object' && value.type === 'object'
      ? { ...value, additionalProperties: false }
      : value,
  ) as Parameters<typeof z.fromJSONSchema>[0];
  return z.fromJSONSchema(strict);
}

describe('the OpenAPI document', () => {
  it('has every route and no other', async () => {
    const scene = await openScene();
    const { paths } = await read(scene);
    const described = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const { routes } = createApp(scene.deps).app;
    const served = routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
    expect(described.toSorted()).toEqual([...new Set(served)].toSorted());
    expect(described.length).toBe(10);
  });

  it('says which version it is of, and what needs a token: exactly what is refused without one', async () => {
    const scene = await openScene();
    const document = await read(scene);
    expect([document.openapi, document.info.version]).toEqual(['3.1.0', '1.2.3']);
    expect(document.components.securitySchemes).toEqual({ bearer: { type: 'http', scheme: 'bearer' } });
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, { security, responses }] of Object.entries(operations)) {
        const { status } = await scene.call(method.toUpperCase(), path.replace('{id}', '1'), { token: null });
        expect([path, status === 401, '401' in responses]).toEqual([path, security === undefined, status === 401]);
      }
    }
  });

  it('describes what is answered', async () => {
    const scene = await openScene();
    const document = await read(scene);
    await scene.ready(3);
    const reader = await scene.token(['read']);
    const calls: [path: string, method: string, Answer<unknown>][] = [];
    const call = async (path: string, method: string, ...rest: Parameters<Scene['call']>): Promise<void> => {
      calls.push([path, method, await scene.call(...rest)]);
    };
    const one = `${REQUESTS}/{id}`;
    const body = { label: 'small', count: 2 };
    const headers = { 'Idempotency-Key': 'key' };
    await call(REQUESTS, 'post', 'POST', REQUESTS, { body, headers });
    await call(REQUESTS, 'post', 'POST', REQUESTS, { body, headers });
    await call(REQUESTS, 'post', 'POST', REQUESTS, { body });
    const [granted, waiting] = [0, 2].map((index) => (calls[index]![2].body as { id: number }).id) as [number, number];
    await call(REQUESTS, 'post', 'POST', REQUESTS, { body: {} });
    await call(REQUESTS, 'post', 'POST', REQUESTS, { body: { label: 'small', count: 1 }, headers });
    await call(REQUESTS, 'post', 'POST', REQUESTS, { body: { label: 'large' } });
    await call(REQUESTS, 'post', 'POST', REQUESTS, { body, headers: { 'Content-Type': 'text/plain' } });
    await call(REQUESTS, 'post', 'POST', REQUESTS, { body: 'x'.repeat(70_000) });
    await call(REQUESTS, 'post', 'POST', REQUESTS, { body, token: reader });
    scene.explanations.set(waiting, {
      position: 1,
      nodesAhead: 0,
      ready: 1,
      building: 0,
      why: ['full'],
      expectedAt: null,
    });
    await call(one, 'get', 'GET', `${REQUESTS}/${waiting}`);
    await call(`${one}/extend`, 'post', 'POST', `${REQUESTS}/${granted}/extend`, { body: { ttl: 5 } });
    await call(`${one}/extend`, 'post', 'POST', `${REQUESTS}/${waiting}/extend`);
    await call(one, 'delete', 'DELETE', `${REQUESTS}/${granted}`);
    await call(one, 'delete', 'DELETE', `${REQUESTS}/99`);
    await call(REQUESTS, 'get', 'GET', REQUESTS);
    await call(REQUESTS, 'get', 'GET', REQUESTS, { token: null });
    await call('/healthz', 'get', 'GET', '/healthz');
    scene.setUnready('not yet');
    await call('/readyz', 'get', 'GET', '/readyz');

    const statuses = calls.map(([path, method, { status, body: answer, headers: given }]) => {
      const { content, headers: described = {} } = document.paths[path]![method]!.responses[status]!;
      const telling = ['Location', 'Retry-After', 'WWW-Authenticate'].filter((name) => given.has(name));
      expect([path, method, status, Object.keys(described)]).toEqual([path, method, status, telling]);
      const result = close(content['application/json']!.schema, document).safeParse(answer);
      expect([path, method, status, result.error?.issues]).toEqual([path, method, status, undefined]);
      return status;
    });
    const expected = [201, 200, 201, 400, 409, 422, 415, 413, 403, 200, 200, 409, 200, 404, 200, 401, 200, 503];
    expect(statuses).toEqual(expected);
  });

  it('would not pass with another answer', async () => {
    const document = await read(await openScene());
    const { content } = document.paths['/healthz']!.get!.responses[200]!;
    const schema = close(content['application/json']!.schema, document);
    const verdicts = [{ status: 'ok' }, { status: 'ill' }, {}, { status: 'ok', more: 1 }].map(
      (body) => schema.safeParse(body).success,
    );
    expect(verdicts).toEqual([true, false, false, false]);
  });

  it('has a status for every code of an error that a route can answer with', async () => {
    const { paths } = await read(await openScene());
    const described = new Set(
      Object.values(paths).flatMap((operations) =>
        Object.values(operations).flatMap(({ responses }) => Object.keys(responses).map(Number)),
      ),
    );
    // What is answered before there is a route, or by the server beneath.
    const elsewhere = [405, 408, 417, 431];
    expect(Object.values(ERROR_STATUS).filter((status) => !described.has(status))).toEqual(elsewhere);
  });
});
