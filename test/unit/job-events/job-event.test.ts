import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_MESSAGE_BYTES, parseJobEvent, UNKNOWN_BRANCH } from '../../../src/job-events/job-event.ts';

const RUNS = { numRuns: 2000, seed: 20_160_101 };

/** As the plugin sends it; what is undefined is left out, as the plugin does it. */
function message({ event = 'onFinalized', name = 'gate-unit' as unknown, ...build }: Record<string, unknown>): string {
  const told = { number: 7, phase: 'FINISHED', status: 'SUCCESS', url: 'job/gate-unit/7/', node_name: 'n1', ...build };
  return `${event as string} ${JSON.stringify({ name, url: 'job/gate-unit/', build: told })}`;
}

const problemOf = (text: string | Buffer): unknown => (parseJobEvent(text) as { problem?: string }).problem;

describe('a message', () => {
  it('of the plugin becomes an event', () => {
    const text =
      'onFinalized {"name":"gate-unit","url":"job/gate-unit/","build":{"full_url":"http://jenkins01/job/gate-unit/7/",' +
      '"number":7,"phase":"FINISHED","status":"FAILURE","url":"job/gate-unit/7/","parameters":{"ZUUL_CHANGES":' +
      '"openstack/cinder:master:refs/changes/05/60105/3","ZUUL_URL":"http://zuul/p?a\\u003db","ZUUL_BRANCH":"stable/juno"},' +
      '"node_name":"trusty-rax-17","node_description":"{\\"az\\": \\"a\\"}","host_name":"jenkins01"}}';
    const event = {
      kind: 'finalized',
      job: 'gate-unit',
      nodename: 'trusty-rax-17',
      status: 'FAILURE',
      branch: 'stable/juno',
    };
    expect(parseJobEvent(text)).toEqual(event);
    expect(parseJobEvent(Buffer.from(text))).toEqual(event);
  });

  it.each([
    ['onStarted', 'started'],
    ['onCompleted', 'completed'],
    ['onFinalized', 'finalized'],
  ])('%s is a build that is %s', (event, kind) => {
    expect(parseJobEvent(message({ event }))).toMatchObject({ kind });
  });

  it.each([undefined, null])('without a status (%s) has none', (status) => {
    expect(parseJobEvent(message({ event: 'onStarted', status }))).toMatchObject({ kind: 'started', status: null });
  });

  it.each([undefined, null, {}, [], 'master', { ZUUL_BRANCH: null }, { ZUUL_BRANCH: '' }, { ZUUL_BRANCH: 'a\nb' }])(
    'with parameters that have no branch (%j) is about the unknown one',
    (parameters) => {
      expect(parseJobEvent(message({ parameters }))).toMatchObject({ kind: 'finalized', branch: UNKNOWN_BRANCH });
    },
  );

  it('about a build on no node, or on Jenkins itself, is ignored', () => {
    expect(parseJobEvent(message({ node_name: undefined }))).toEqual({ ignored: 'it names no node' });
    expect(parseJobEvent(message({ node_name: null }))).toEqual({ ignored: 'it names no node' });
    expect(parseJobEvent(message({ node_name: '' }))).toEqual({ ignored: 'the build is on Jenkins itself' });
  });

  it('in another encoding than UTF-8 still tells of its node', () => {
    const latin1 = Buffer.from(message({ node_description: 'größe' }), 'latin1');
    expect(parseJobEvent(latin1)).toMatchObject({ kind: 'finalized', nodename: 'n1' });
  });

  it.each([
    ['', 'has no blank after the name of an event'],
    ['onStarted', 'has no blank after the name of an event'],
    [' {}', 'has an event that is not known'],
    ['onDeleted {}', 'has an event that is not known'],
    ['constructor {}', 'has an event that is not known'],
    ['onStarted ', 'has something other than JSON after the name of the event'],
    ['onStarted {"name":', 'has something other than JSON after the name of the event'],
    ['onStarted [1]', 'has JSON that is not an object'],
    ['onStarted null', 'has JSON that is not an object'],
    ['onStarted {}', 'has no build'],
    ['onStarted {"name":"a","build":[]}', 'has no build'],
    [message({ node_name: 7 }), 'has a node name that cannot be one'],
    [message({ node_name: 'n'.repeat(256) }), 'has a node name that cannot be one'],
    [message({ node_name: 'n\u0000' }), 'has a node name that cannot be one'],
    [message({ name: null }), 'has no name of a job, or one that cannot be one'],
    [message({ name: '' }), 'has no name of a job, or one that cannot be one'],
    [message({ name: ['gate'] }), 'has no name of a job, or one that cannot be one'],
    [message({ status: 1 }), 'has a status that cannot be one'],
    [message({ status: { name: 'SUCCESS' } }), 'has a status that cannot be one'],
  ])('%j %s', (text, problem) => {
    expect(problemOf(text)).toBe(problem);
  });

  it('may have 1 MiB, and no more', () => {
    const [short, filler] = [message({ node_description: '' }), MAX_MESSAGE_BYTES];
    const longest = message({ node_description: 'x'.repeat(filler - short.length) });
    expect(longest).toHaveLength(MAX_MESSAGE_BYTES);
    expect(parseJobEvent(longest)).toMatchObject({ nodename: 'n1' });
    expect(problemOf(longest.replace('"n1"', '"n11"'))).toBe('is longer than 1 MiB');
  });

  it('may be nested as deeply as it likes', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(problemOf(`onStarted ${deep}`)).toBe('has JSON that is not an object');
    expect(parseJobEvent(message({}).replace('"gate-unit"', `"gate-unit","more":${deep}`))).toMatchObject({
      nodename: 'n1',
    });
  });
});

/** What is near to a good message, and what is far from it. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
  fc.tuple(fc.constantFrom('onStarted ', 'onFinalized ', 'onDeleted '), fc.json()).map(([event, json]) => event + json),
  fc
    .record({ node_name: fc.jsonValue(), status: fc.jsonValue(), name: fc.jsonValue(), parameters: fc.jsonValue() })
    .map(message),
  fc
    .tuple(
      fc.record({ node_name: fc.string({ minLength: 1 }), name: fc.string({ minLength: 1 }) }),
      fc.nat(),
      fc.nat({ max: 255 }),
    )
    .map(([told, at, byte]) => {
      const text = Buffer.from(message(told));
      text[at % text.length] = byte;
      return text;
    }),
);

describe('any bytes', () => {
  it('are an event of printable names, or ignored, or malformed in one of few ways', () => {
    const problems = new Set<string>();
    let [events, ignored] = [0, 0];
    fc.assert(
      fc.property(bytes, (text) => {
        const parsed = parseJobEvent(text);
        if ('problem' in parsed) return void problems.add(parsed.problem);
        if ('ignored' in parsed) return void (ignored += 1);
        events += 1;
        const { kind, job, nodename, status, branch, ...more } = parsed;
        expect(['started', 'completed', 'finalized']).toContain(kind);
        for (const name of [job, nodename, status ?? 'none', branch]) expect(name).toMatch(/^\P{Cc}{1,255}$/u);
        expect(more).toEqual({});
      }),
      RUNS,
    );
    // Each answer was given, and texts of problems tell kinds apart, not messages.
    expect([events, ignored].every((count) => count > 20)).toBe(true);
    expect(problems.size).toBeGreaterThan(5);
    expect(problems.size).toBeLessThan(12);
  });
});
