import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createConfigSource, type ConfigSource } from '../../../src/config/watch.ts';
import { logLines, type Log } from '../../../src/lib/log.ts';
import { aDirectory, BARE_SYSTEM, writeIn } from './files.ts';

const GOOD = 'targets: [{ name: one }]\n';
const OTHER = 'targets: [{ name: one }, { name: two }]\n';
const BROKEN = 'targets: [{ nam: one }]\n';
const SECURE = '[database]\ndburi: sqlite:////a\n';

interface Watched {
  readonly source: ConfigSource;
  /** Level and message, and the problems if there are any. */
  readonly lines: string[];
  readonly directory: string;
  write(yaml: string): void;
  /** Looks at the files. */
  look(): Promise<string>;
}

function watch(yaml = GOOD): Watched {
  const directory = aDirectory({ 'nodepool.yaml': yaml, 'secure.conf': SECURE });
  const lines: string[] = [];
  const source = createConfigSource({
    ...BARE_SYSTEM,
    path: join(directory, 'nodepool.yaml'),
    securePath: join(directory, 'secure.conf'),
    log: recorder(lines, directory),
  });
  return {
    source,
    lines,
    directory,
    write: (content) => void writeIn(directory, 'nodepool.yaml', content),
    look: () => source.check(),
  };
}

function recorder(lines: string[], directory: string): Log {
  return logLines(({ level, fields, message }) => {
    const { problems = [] } = fields as { problems?: readonly string[] };
    lines.push([`${level}: ${message}`, ...problems].join('\n').replaceAll(`${directory}/`, ''));
  });
}

const targets = ({ source }: Watched): string[] => [...source.current().targets.keys()];

describe('a configuration under watch', () => {
  it('is the same object for as long as its files are the same', async () => {
    const watched = watch();
    const first = watched.source.current();

    expect(await watched.look()).toBe('unchanged');
    expect(watched.source.current()).toBe(first);
    expect(watched.lines).toEqual([]);
  });

  it('is replaced when the file changes', async () => {
    const watched = watch();
    watched.write(OTHER);

    expect(await watched.look()).toBe('changed');
    expect(targets(watched)).toEqual(['one', 'two']);
    expect(await watched.look()).toBe('unchanged');
    expect(watched.lines).toEqual([]);
  });

  it('is replaced when secure.conf changes', async () => {
    const watched = watch();
    writeIn(watched.directory, 'secure.conf', SECURE.replace('/a', '/other'));

    expect(await watched.look()).toBe('changed');
    expect(watched.source.current().database).toEqual({ kind: 'sqlite', file: '/other' });
  });

  it('is replaced when another file takes its place', async () => {
    const watched = watch();
    renameSync(writeIn(watched.directory, 'new.yaml', OTHER), join(watched.directory, 'nodepool.yaml'));

    expect(await watched.look()).toBe('changed');
  });

  it('stays the same object when the file is written with the same content', async () => {
    const watched = watch();
    const first = watched.source.current();
    watched.write(`# nothing new\n${GOOD}`);

    expect(await watched.look()).toBe('unchanged');
    expect(watched.source.current()).toBe(first);
  });

  it('is read also when that is asked for', async () => {
    const watched = watch();
    watched.write(OTHER);

    expect(await watched.source.check({ force: true })).toBe('changed');
  });
});

describe('a configuration that breaks', () => {
  const PROBLEM = [
    'error: the configuration nodepool.yaml has 2 problems; the last good one stays in force',
    'nodepool.yaml:1:11: targets[0].name: is missing; give it a text',
    'nodepool.yaml:1:13: targets[0].nam: is not a known key; did you mean name?',
  ].join('\n');

  it('is reported once with all problems, and the last good one stays', async () => {
    const watched = watch();
    const first = watched.source.current();
    watched.write(BROKEN);

    expect([await watched.look(), await watched.look()]).toEqual(['broken', 'broken']);
    expect(watched.source.current()).toBe(first);
    expect(watched.lines).toEqual([PROBLEM]);
  });

  it('is reported again when that is asked for, or when it breaks anew', async () => {
    const watched = watch();
    watched.write(BROKEN);
    await watched.look();

    expect(await watched.source.check({ force: true })).toBe('broken');
    watched.write(`${BROKEN}\n`);
    expect(await watched.look()).toBe('broken');
    expect(watched.lines).toEqual([PROBLEM, PROBLEM, PROBLEM]);
  });

  it('is in force again when it is mended', async () => {
    const watched = watch();
    watched.write(BROKEN);
    await watched.look();
    watched.write(OTHER);

    expect(await watched.look()).toBe('changed');
    expect(targets(watched)).toEqual(['one', 'two']);
  });

  it('and comes back as it was is said to be good, and nothing has changed', async () => {
    const watched = watch();
    watched.write(BROKEN);
    await watched.look();
    watched.write(GOOD);

    expect([await watched.look(), await watched.look()]).toEqual(['unchanged', 'unchanged']);
    expect(watched.lines.slice(1)).toEqual(['info: the configuration nodepool.yaml is as it was before']);
  });

  it('by being away for a while is tolerated in the same way', async () => {
    const watched = watch();
    rmSync(join(watched.directory, 'nodepool.yaml'));

    expect(await watched.look()).toBe('broken');
    expect(targets(watched)).toEqual(['one']);
    watched.write(OTHER);
    expect(await watched.look()).toBe('changed');
    expect(watched.lines[0]).toBe(
      'error: the configuration nodepool.yaml has a problem; the last good one stays in force\n' +
        'nodepool.yaml: does not exist; name an existing file',
    );
  });

  it('before the first good one is an error', () => {
    expect(() => watch(BROKEN)).toThrow(expect.objectContaining({ code: 'config' }));
  });
});

describe('warnings', () => {
  it('are logged once, and again only when they are new', async () => {
    const watched = watch(`${GOOD}zookeeper-servers: []\n`);
    watched.write(`${OTHER}zookeeper-servers: []\n`);
    await watched.look();
    watched.write(`${OTHER}dburi: sqlite:////b\nzookeeper-servers: []\n`);
    await watched.look();

    expect(watched.lines.filter((line) => line.startsWith('warn'))).toEqual([
      'warn: nodepool.yaml:2:1: zookeeper-servers: is obsolete: it has no effect; remove it, everything is kept in the database',
      'warn: nodepool.yaml:2:1: dburi: is obsolete: it belongs into secure.conf, as dburi in the section database',
      'warn: nodepool.yaml:3:1: zookeeper-servers: is obsolete: it has no effect; remove it, everything is kept in the database',
    ]);
  });
});
