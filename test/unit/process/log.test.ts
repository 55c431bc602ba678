import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodepoolError } from '../../../src/lib/errors.ts';
import { createLog, logTo } from '../../../src/process/log.ts';
import { DEFAULT_LOG_SETTINGS, type LogSettings } from '../../../src/process/log-settings.ts';

function record(settings: Partial<LogSettings> = {}) {
  const lines: Record<string, unknown>[] = [];
  const output = {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
    reopen: () => undefined,
  };
  return { lines, log: logTo(output, { ...DEFAULT_LOG_SETTINGS, ...settings }) };
}

describe('a log line', () => {
  it('is one JSON object with level, time, logger, fields and message', () => {
    const { lines, log } = record();
    log.child('engine').child('supply').warn({ node: 7 }, 'a message');
    expect(lines).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
        logger: 'nodepool.engine.supply',
        node: 7,
        msg: 'a message',
      },
    ]);
  });

  it('is printed from the level of its logger on', () => {
    const { lines, log } = record({ level: 'warn', levels: { 'nodepool.engine': 'debug', 'nodepool.store': 'off' } });
    log.info({}, 'not this');
    log.warn({}, 'root');
    log.child('engine').debug({}, 'engine');
    log.child('engine').child('lease').debug({}, 'below engine');
    log.child('engineer').info({}, 'not this: another name');
    log.child('store').error({}, 'not this: off');
    expect(lines.map(({ msg }) => msg)).toEqual(['root', 'engine', 'below engine']);
  });

  it('shows no secrets, wherever they are in the fields', () => {
    const { lines, log } = record();
    log.info(
      {
        password: 'p1',
        provider: { 'api-key': 'p2', privateKey: 'p3', list: [{ adminToken: 'p4' }], name: 'cloud' },
        map: new Map([['dburi', 'p5']]),
      },
      'connecting to mysql://nodepool:p6@db/nodepool',
    );
    expect(JSON.stringify(lines)).not.toMatch(/p[1-6]/);
    expect(lines[0]).toMatchObject({
      provider: { name: 'cloud', list: [{ adminToken: '[hidden]' }] },
      msg: 'connecting to mysql://nodepool:[hidden]@db/nodepool',
    });
  });

  it('leaves alone what only looks like a secret', () => {
    const { lines, log } = record();
    log.info({ tokens: 3, password: null, url: 'http://host:80/a@b', at: new Date(0) }, 'x');
    expect(lines[0]).toMatchObject({
      tokens: 3,
      password: null,
      url: 'http://host:80/a@b',
      at: '1970-01-01T00:00:00.000Z',
    });
  });

  it('ends where the fields are deeper than anybody reads', () => {
    const { lines, log } = record();
    const loop: Record<string, unknown> = { name: 'loop' };
    loop['self'] = loop;
    log.info({ loop }, 'x');
    expect(JSON.stringify(lines[0])).toContain('"self":"[...]"');
  });
});

describe('an error in a log line', () => {
  const refused = new NodepoolError('database-unavailable', 'the database\ndoes not answer', {
    cause: new Error('connect mysql://u:secret@db failed', { cause: new Error('ECONNREFUSED') }),
  });

  it('shows code, message and causes on one line each, without the stack', () => {
    const { lines, log } = record();
    log.error({ err: refused }, 'x');
    expect(lines[0]?.['err']).toEqual({
      code: 'database-unavailable',
      message: 'the database does not answer',
      cause: 'connect mysql://u:[hidden]@db failed; ECONNREFUSED',
    });
  });

  it('shows the stack too at level debug', () => {
    const { lines, log } = record({ level: 'debug' });
    log.error({ err: refused }, 'x');
    expect(lines[0]?.['err']).toMatchObject({ stack: expect.stringContaining('log.test.ts') as string });
  });

  it('shows the stack at any level when it is a mistake of ours', () => {
    const { lines, log } = record();
    log.error({ err: new TypeError('undefined is not a function') }, 'x');
    expect(lines[0]?.['err']).toMatchObject({ stack: expect.stringContaining('log.test.ts') as string });
  });
});

describe('a log file', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'nodepool-log-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  it('is opened again after it was moved away', async () => {
    const file = join(directory, 'daemon.log');
    const log = await createLog({ ...DEFAULT_LOG_SETTINGS, file }, {});
    log.info({}, 'first');
    renameSync(file, `${file}.1`);
    log.info({}, 'second');
    log.reopen();
    log.info({}, 'third');
    expect(readFileSync(`${file}.1`, 'utf8')).toMatch(/first.*\n.*second.*\n$/);
    expect(readFileSync(file, 'utf8')).toMatch(/^.*third.*\n$/);
  });

  it('is kept open when it cannot be opened again', async () => {
    const file = join(directory, 'inner', 'daemon.log');
    await expect(createLog({ ...DEFAULT_LOG_SETTINGS, file }, {})).rejects.toThrow(
      `cannot write the log file ${file}: no such file or directory`,
    );
    mkdirSync(join(directory, 'inner'));
    const log = await createLog({ ...DEFAULT_LOG_SETTINGS, file }, {});
    renameSync(join(directory, 'inner'), join(directory, 'moved'));
    expect(() => log.reopen()).toThrow('cannot write the log file');
    log.info({}, 'still here');
    expect(readFileSync(join(directory, 'moved', 'daemon.log'), 'utf8')).toContain('still here');
  });

  it('can be readable instead of JSON, without colours', async () => {
    const file = join(directory, 'daemon.log');
    const log = await createLog({ ...DEFAULT_LOG_SETTINGS, file, format: 'pretty' }, {});
    log.child('engine').info({ node: 7, name: 'a b', pid: 3, list: ['x'] }, 'ready \u001b[2J');
    log.error({ err: new TypeError('not a function') }, 'broken');
    const [first, second, third] = readFileSync(file, 'utf8').split('\n');
    expect(first).toMatch(/^\[[\d:.]+\] INFO: nodepool\.engine: ready {2}\[2J node=7 name="a b" pid=3 list=\["x"\]$/);
    expect(second).toMatch(/ ERROR: nodepool: broken err=\{"message":"not a function"\}$/);
    expect(third).toBe('TypeError: not a function');
  });
});
