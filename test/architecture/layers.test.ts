import { describe, expect, it } from 'vitest';
import { filesBelow, importsOf, partOf, read, type Import } from './source-tree.ts';

/** What those who do the work, and all above them, may import. */
const BELOW_ACTIONS = ['images', 'planning', 'lifecycle', 'config', 'lib', 'providers', 'store', 'remote', 'metrics'];

/**
 * The parts of the program, and what each may import beside itself. A part not listed here has no place in the
 * program. `type:` allows types alone.
 */
const EDGES: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  config: ['lib'],
  lifecycle: ['config', 'lib', 'type:providers'],
  planning: ['lifecycle', 'config', 'lib', 'type:providers'],
  remote: ['config', 'lib'],
  providers: ['remote', 'config', 'lib'],
  store: ['lifecycle', 'config', 'lib', 'migrations'],
  metrics: ['lifecycle', 'config', 'lib'],
  process: ['config', 'lib', 'type:planning'],
  images: ['lifecycle', 'config', 'lib'],
  gearman: ['config', 'lib'],
  demand: ['gearman', 'config', 'lib'],
  'job-events': ['config', 'lib'],
  targets: ['gearman', 'lifecycle', 'config', 'lib'],
  requests: ['lifecycle', 'config', 'lib', 'type:planning', 'type:store'],
  api: ['requests', 'lifecycle', 'config', 'lib', 'type:planning', 'type:store'],
  actions: ['requests', 'type:targets', ...BELOW_ACTIONS],
  daemon: ['actions', 'requests', 'demand', 'type:targets', 'type:job-events', ...BELOW_ACTIONS],
  cli: ['daemon', 'actions', 'requests', 'demand', 'gearman', 'targets', 'process', ...BELOW_ACTIONS],
  main: [
    'api',
    'type:api-main',
    'daemon',
    'actions',
    'demand',
    'gearman',
    'targets',
    'job-events',
    'process',
    ...BELOW_ACTIONS,
  ],
  'api-main': ['api', 'process', 'store', 'lib', 'type:config'],
  migrations: ['lifecycle', 'lib', 'type:store'],
};

/** Which parts know a package. Exchanging one means changing these parts and no other. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@hono/node-server': ['api'],
  '@hono/zod-openapi': ['api'],
  '@photostructure/sqlite': ['store'],
  commander: ['cli', 'process'],
  croner: ['lib'],
  hono: ['api'],
  'hot-shots': ['metrics'],
  knex: ['store', 'migrations'],
  mysql2: ['store'],
  'node-ssh': ['remote'],
  pino: ['process'],
  'pino-pretty': ['process'],
  ssh2: ['remote'],
  undici: ['providers', 'targets'],
  yaml: ['config', 'cli', 'process'],
  zeromq: ['job-events'],
  zod: ['config'],
};

const sources = [...filesBelow('src'), ...filesBelow('migrations')].filter((path) => path.endsWith('.ts'));
const imports = sources.flatMap(importsOf);
const show = ({ from, to }: Import): string => `${from} -> ${to}`;

function isAllowed({ from, to, isTypeOnly }: Import): boolean {
  const [importer, imported] = [partOf(from), partOf(to)];
  const allowed = EDGES[importer] ?? [];
  return importer === imported || allowed.includes(imported) || (isTypeOnly && allowed.includes(`type:${imported}`));
}

describe('imports', () => {
  it('are found', () => {
    // The checks below would pass on an empty list.
    expect(imports.length).toBeGreaterThan(200);
    expect(importsOf('src/metrics/statsd.ts')).toContainEqual({
      from: 'src/metrics/statsd.ts',
      to: 'src/metrics/metrics.ts',
      isOurs: true,
      isTypeOnly: true,
    });
  });

  it('go only down the table of parts', () => {
    const ours = imports.filter(({ isOurs }) => isOurs);
    expect(ours.filter((edge) => !isAllowed(edge)).map(show)).toEqual([]);
  });

  it('know no part that the table does not', () => {
    expect([...new Set(sources.map(partOf))].filter((part) => !(part in EDGES))).toEqual([]);
  });

  it('keep every package to the parts that know it', () => {
    const foreign = imports.filter(({ isOurs, to }) => !isOurs && !to.startsWith('node:'));
    const used = foreign.filter(({ isTypeOnly }) => !isTypeOnly);
    expect(used.filter(({ from, to }) => !PACKAGES[to]?.includes(partOf(from))).map(show)).toEqual([]);
  });

  it('never lead from the program into its tests or tools', () => {
    expect(imports.filter(({ isOurs, to }) => isOurs && !/^(src|migrations)\//.test(to)).map(show)).toEqual([]);
  });

  it('name built-in modules with node:', () => {
    const bare = imports.filter(({ isOurs, to }) => !isOurs && !to.startsWith('node:') && !(to in PACKAGES));
    expect(bare.map(show)).toEqual([]);
  });

  it('bring no I/O into planning and lifecycle', () => {
    const deciding = imports.filter(({ from }) => ['planning', 'lifecycle'].includes(partOf(from)));
    expect(deciding.filter(({ isOurs, isTypeOnly }) => !isOurs && !isTypeOnly).map(show)).toEqual([]);
  });
});

describe('dependencies', () => {
  it('are all used', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    // Some are loaded by name: the driver of a database, a formatter of log lines.
    const text = sources.map(read).join('\n');
    expect(Object.keys(dependencies).filter((name) => !new RegExp(`['/]${name}['/]`).test(text))).toEqual([]);
  });

  it('are pinned exactly', () => {
    const manifest = JSON.parse(read('package.json')) as Record<
      'dependencies' | 'devDependencies',
      Record<string, string>
    >;
    const versions = Object.values({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });
});
