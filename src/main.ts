/** Composition root of the daemon: puts its parts together, runs them, and gives everything back at the end. */
import { writeSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from './config/types.ts';
import type { ApiStart } from './api-main.ts';
import { startApiThread } from './api/api-thread.ts';
import { locateConfig } from './config/locate.ts';
import { removeRuntimeFile, sweepRuntimeFiles, writeRuntimeFile } from './config/runtime-file.ts';
import { ensureStateDirectory, stateDirectory } from './config/state-directory.ts';
import { createConfigSource, type ConfigSource } from './config/watch.ts';
import { createGearmanDemand } from './demand/gearman-demand.ts';
import { createJobNews } from './daemon/job-news.ts';
import type { EngineDeps } from './daemon/deps.ts';
import { createEngine, type Engine } from './daemon/run-engine.ts';
import { createGearmanServers } from './gearman/gearman-servers.ts';
import { createDiskImages } from './images/create-disk-images.ts';
import type { DiskImages } from './images/disk-images.ts';
import { noDiskImages } from './images/no-disk-images.ts';
import { createJobEvents } from './job-events/job-events.ts';
import { systemClock as clock } from './lib/clock.ts';
import type { Log } from './lib/log.ts';
import { systemRandom as random } from './lib/random.ts';
import type { Metrics } from './metrics/metrics.ts';
import { createMetrics } from './metrics/statsd.ts';
import { createConductor, STOP_LIMIT_MS, type Conductor } from './process/conduct.ts';
import { createConfigRefresh } from './process/config-refresh.ts';
import { reportStart, startDetached } from './process/detach.ts';
import { describeFailure } from './process/failure.ts';
import { thisHolder } from './process/holder.ts';
import { createLog, type DaemonLog } from './process/log.ts';
import type { LogSettings } from './process/log-settings.ts';
import { NODE_FLAGS } from './process/node-flags.ts';
import { warnOfOldNode } from './process/node-version.ts';
import { parseDaemonOptions, programName, type DaemonOptions } from './process/options.ts';
import { logSettings, pidFilePath } from './process/paths.ts';
import { writePidFile } from './process/pid-file.ts';
import { isDaemon } from './process/process-table.ts';
import { createReleasers, type Releasers } from './process/releasers.ts';
import { createServiceManager } from './process/service-manager.ts';
import { listenForSignals } from './process/signals.ts';
import { watchTerminal } from './process/terminal.ts';
import { endOnUncaught } from './process/uncaught.ts';
import { packageRoot, readVersion } from './process/version.ts';
import { createDrivers } from './providers/drivers.ts';
import { createProviders } from './providers/registry.ts';
import { TASK_NAMES } from './providers/supervised.ts';
import { createEcdsaKeyMaker, createKeyMaker } from './remote/key-pair.ts';
import { createTemplateKeys } from './remote/template-keys.ts';
import { connect } from './store/connect.ts';
import { createStore } from './store/create-store.ts';
import { migrate } from './store/migrate.ts';
import type { Store } from './store/store.ts';
import { createTargets } from './targets/targets.ts';

const print = (descriptor: 1 | 2, text: string): void => void writeSync(descriptor, text);

async function main(args: readonly string[]): Promise<number> {
  const version = readVersion();
  const program = programName(process.argv[1] ?? '');
  const output = { out: (text: string) => print(1, text), err: (text: string) => print(2, text) };
  const parsed = parseDaemonOptions(args, { program, version, ...output });
  if ('exitCode' in parsed) return parsed.exitCode;
  const { options } = parsed;
  try {
    // Found once, before a detached daemon leaves the directory that a relative path starts from.
    const stateDir = stateDirectory({ env: process.env });
    ensureStateDirectory(stateDir);
    if (options.foreground || options.detached) await runDaemon(options, { stateDir, version });
    else return await detach(options, { stateDir, args });
    return 0;
  } catch (error) {
    const { message, exitCode } = describeFailure(error);
    if (options.detached) await reportStart({ started: false, exitCode, message }, process);
    else print(2, `${program}: ${message}\n`);
    return exitCode;
  }
}

/** Starts the daemon as a process of its own, and answers when it works or has failed. */
async function detach(
  options: DaemonOptions,
  { stateDir, args }: { stateDir: string; args: readonly string[] },
): Promise<number> {
  const { file } = logSettings(options, stateDir);
  const script = process.argv[1] ?? '';
  const command = [process.execPath, ...NODE_FLAGS, ...process.execArgv, script, '--detached', ...args];
  const { pid, report } = await startDetached({ command, outputFile: file, signals: process });
  if (report.started) {
    print(1, `${options.program} runs as process ${pid} and logs to ${file ?? 'nowhere'}\n`);
    return 0;
  }
  print(2, `${options.program}: ${report.message}\n`);
  return report.exitCode;
}

interface Start {
  readonly stateDir: string;
  readonly version: string;
}

/** The life of the daemon. Rejects with what kept it from starting. */
async function runDaemon(options: DaemonOptions, { stateDir, version }: Start): Promise<void> {
  const settings = logSettings(options, stateDir);
  const log = await createLog(settings, process.env);
  const releasers = createReleasers();
  try {
    const source = openConfig(options, { stateDir, log });
    const refreshConfig = createConfigRefresh(source, log.child('config'));
    const conductor = createConductor({
      clock,
      log,
      service: createServiceManager({ env: process.env, pid: process.pid, clock, log: log.child('service') }),
      reloadConfig: () => refreshConfig({ force: true }),
      reopenLog: () => log.reopen(),
    });
    takeProcess(log, conductor);
    leaveTraces(options, { stateDir, source });
    const engine = await assemble({ options, stateDir, version, settings, source, refreshConfig, log, releasers });
    log.info({ version, config: source.current().path, pid: process.pid }, 'started');
    warnOfOldNode(process.versions.node, log.child('process'));
    if (options.detached) await letGo();
    await conductor.conduct(engine);
  } catch (error) {
    // On standard output the sentence that is still to come would stand twice.
    if (settings.file !== null) log.error({ err: error }, 'the daemon ends');
    throw error;
  } finally {
    await releasers.releaseAll(log);
  }
  log.info({}, 'stopped');
}

function openConfig(options: DaemonOptions, { stateDir, log }: { stateDir: string; log: Log }): ConfigSource {
  const env = { ...process.env, NODEPOOL_STATE_DIR: stateDir };
  const { path, securePath } = locateConfig({ env, config: options.config, secure: options.secure });
  return createConfigSource({ path, securePath, env, fake: options.fake, log: log.child('config') });
}

/** From here on signals do what they mean to a daemon, and the process never outlives its errors. */
function takeProcess(log: DaemonLog, conductor: Conductor): void {
  endOnUncaught(process, log);
  const exit = (code: number): never => process.exit(code);
  listenForSignals(process, { ...conductor, exit, lostTerminal: watchTerminal() });
  conductor.stopSignal.addEventListener('abort', () => {
    void clock.sleep(STOP_LIMIT_MS).then(() => {
      log.warn({}, 'not everything ended in time; the next start goes on from the database');
      exit(0);
    });
  });
}

/** The pid file and the note for the command line, both gone when the process ends, however it does. */
function leaveTraces(options: DaemonOptions, { stateDir, source }: { stateDir: string; source: ConfigSource }): void {
  const { pid } = process;
  const pidPath = pidFilePath(options, stateDir);
  if (pidPath !== null) {
    const pidFile = writePidFile(pidPath, { pid, isDaemon });
    process.on('exit', () => pidFile.remove());
  }
  const { path: config } = source.current();
  sweepRuntimeFiles(stateDir, isDaemon);
  process.on('exit', () => removeRuntimeFile(stateDir, pid));
  writeRuntimeFile(stateDir, { pid, config, secure: options.secure, fake: options.fake });
}

interface Parts {
  readonly options: DaemonOptions;
  readonly stateDir: string;
  readonly version: string;
  /** Of the log. */
  readonly settings: LogSettings;
  readonly source: ConfigSource;
  readonly refreshConfig: () => Promise<void>;
  readonly log: Log;
  readonly releasers: Releasers;
}

/** Database, clouds and metrics, and the engine on top. */
async function assemble(parts: Parts): Promise<Engine> {
  const { options, stateDir, source, refreshConfig, log, releasers } = parts;
  const store = await openStore(source, releasers);
  const metrics = createMetrics({ env: process.env, log: log.child('metrics'), clock });
  releasers.push('metrics', () => metrics.close());
  const providers = createProviders({
    factories: createDrivers({ clock, random, log, env: process.env, home: homedir(), cwd: process.cwd() }),
    clock,
    onCall: ({ provider, call, ms }) => metrics.cloudCall({ provider, task: TASK_NAMES[call], ms }),
    log: log.child('providers'),
  });
  const surroundings: Surroundings = { ...parts, store, metrics, wake: () => engine.wake() };
  const followers: Follower[] = [];
  const engine: Engine = createEngine({
    store,
    config: () => source.current(),
    refreshConfig,
    providers,
    clock,
    random,
    log: log.child('engine'),
    metrics,
    keys: createKeyMaker(),
    templateKeys: createTemplateKeys({ directory: join(stateDir, 'keys'), keys: createEcdsaKeyMaker() }),
    diskImages: openDiskImages(options, log.child('images')),
    workers: options.workers,
    host: hostname(),
    stateDir,
    ...thisHolder(random),
    switches: options.switches,
    scope: null,
    env: process.env,
    ...openHandOver(surroundings),
    followers,
  });
  // As in the original, who deletes nothing takes no notice of jobs.
  if (options.switches.deletes) followers.push(followJobs(surroundings));
  if (options.api) followers.push(openApi(surroundings, engine));
  return engine;
}

interface Surroundings extends Parts {
  readonly store: Store;
  readonly metrics: Metrics;
  /** Has the engine look at what is new. */
  readonly wake: () => void;
}

/** What works beside the loop, and follows the configuration. */
type Follower = EngineDeps['followers'][number];

/** What asks for nodes, and who gets them. */
function openHandOver({ log, releasers, metrics, wake }: Surroundings): Pick<EngineDeps, 'demand' | 'targets'> {
  const gearman = createGearmanServers({ clock, random, log: log.child('gearman') });
  releasers.push('gearman', () => gearman.close());
  const demand = createGearmanDemand({ clock, log: log.child('gearman'), servers: gearman, onChange: wake });
  releasers.push('demand', () => demand.close());
  const targets = createTargets({
    clock,
    log: log.child('targets'),
    gearman,
    onCall: ({ target, task, ms }) => metrics.cloudCall({ provider: target, task, ms }),
  });
  releasers.push('targets', () => targets.close());
  return { demand, targets };
}

/** Takes down what publishers tell of jobs. */
function followJobs({ store, source, metrics, log, releasers, wake }: Surroundings): Follower {
  const config = (): Config => source.current();
  const news = createJobNews({ store, config, clock, log: log.child('jobs'), metrics, onNews: wake });
  // What came before the listeners are closed is still written.
  releasers.push('job news', () => news.settled());
  const events = createJobEvents({ clock, log: log.child('events'), onEvent: news.take });
  releasers.push('job events', () => events.close());
  return events;
}

function openApi(surroundings: Surroundings, engine: Engine): Follower {
  const { version, settings, source, log, releasers, wake } = surroundings;
  const start: ApiStart = { config: source.current(), version, logSettings: settings };
  const api = startApiThread({
    entry: new URL(`api-main${extname(import.meta.url)}`, import.meta.url),
    start,
    clock,
    log: log.child('api'),
    explain: (requestId) => engine.explain(requestId),
    unready: () => engine.unready(),
    onChange: wake,
    // It ends the daemon, as it does in this thread.
    onError: (error) => {
      throw error;
    },
  });
  releasers.push('HTTP interface', () => api.close());
  return api;
}

/** A rehearsal has stand-ins for the programs, so that it runs on any machine. */
function openDiskImages({ fake, builder }: DaemonOptions, log: Log): DiskImages {
  if (!builder) return noDiskImages('the daemon runs with --no-builder');
  const standIn = (name: string): string => fileURLToPath(new URL(`tools/fake-builder/${name}`, packageRoot()));
  const programs = fake
    ? { builder: standIn('disk-image-create'), qemuImg: standIn('qemu-img') }
    : { builder: null, qemuImg: 'qemu-img' };
  return createDiskImages({ clock, random, log, env: process.env, programs });
}

async function openStore(source: ConfigSource, releasers: Releasers): Promise<Store> {
  const knex = connect(source.current().database);
  releasers.push('database connections', () => knex.destroy());
  await migrate({ knex, clock, random });
  const store = createStore({ knex, clock, random });
  releasers.push('store', () => store.close());
  return store;
}

/** Lets the process that waited for the start go, and the directory that it was started in. */
async function letGo(): Promise<void> {
  process.chdir('/');
  await reportStart({ started: true }, process);
}

// Handles that are still open, as of a database that does not answer, must not keep the process alive.
process.exit(await main(process.argv.slice(2)));
