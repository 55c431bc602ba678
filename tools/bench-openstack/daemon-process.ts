/**
 * The daemon as `src/main.ts` puts it together, for the bench: `daemon-process.js CONFIG SSH_PORT`. Servers are logged in
 * to at another port than 22, and how long the event loop is blocked is watched.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { stateDirectory } from '../../src/config/state-directory.ts';
import { createConfigSource } from '../../src/config/watch.ts';
import { createEngine } from '../../src/daemon/run-engine.ts';
import { noDemand } from '../../src/demand/no-demand.ts';
import { noDiskImages } from '../../src/images/no-disk-images.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { systemRandom as random } from '../../src/lib/random.ts';
import { createMetrics } from '../../src/metrics/statsd.ts';
import { thisHolder } from '../../src/process/holder.ts';
import { createLog } from '../../src/process/log.ts';
import { DEFAULT_LOG_SETTINGS } from '../../src/process/log-settings.ts';
import { createDrivers } from '../../src/providers/drivers.ts';
import type { DriverFactory } from '../../src/providers/provider.ts';
import { createProviders } from '../../src/providers/registry.ts';
import { createKeyMaker } from '../../src/remote/key-pair.ts';
import { createSshShell } from '../../src/remote/ssh/index.ts';
import { createTemplateKeys } from '../../src/remote/template-keys.ts';
import { connect } from '../../src/store/connect.ts';
import { createStore } from '../../src/store/create-store.ts';
import { noTargets } from '../../test/support/no-targets.ts';
import { watchLoop, type LoopFigures } from './loop-watch.ts';
import { answerQuestions } from './questions.ts';

export interface DaemonAnswers {
  /** Since it was asked last. */
  loop(): LoopFigures;
}

const { env } = process;
const [path = '', port = ''] = process.argv.slice(2);
const stateDir = stateDirectory({ env });
const log = await createLog({ ...DEFAULT_LOG_SETTINGS, file: join(stateDir, 'nodepoold.log') }, env);
const source = createConfigSource({ path, securePath: null, env, fake: false, log: log.child('config') });
const knex = connect(source.current().database);
const drivers = createDrivers({ clock, random, log, env, home: homedir(), cwd: process.cwd() });
const shell = createSshShell({ clock, env, log: log.child('openstack'), port: Number(port) });
const openstack: DriverFactory = (config) => ({ ...(drivers.openstack as DriverFactory)(config), shell });
const keys = createKeyMaker();
const engine = createEngine({
  store: createStore({ knex, clock, random }),
  config: () => source.current(),
  refreshConfig: () => source.check(),
  providers: createProviders({
    factories: { openstack },
    clock,
    onCall: () => undefined,
    log: log.child('providers'),
  }),
  clock,
  random,
  log: log.child('engine'),
  metrics: createMetrics({ env, log: log.child('metrics'), clock }),
  keys,
  templateKeys: createTemplateKeys({ directory: join(stateDir, 'keys'), keys }),
  diskImages: noDiskImages('the bench boots snapshots'),
  workers: { builds: 0, uploads: 0 },
  demand: noDemand,
  targets: noTargets,
  followers: [],
  host: 'bench',
  stateDir,
  ...thisHolder(random),
  switches: { launches: true, deletes: true, images: true },
  scope: null,
  env,
});
answerQuestions<DaemonAnswers>({ loop: watchLoop() });
const stopping = new AbortController();
process.on('SIGTERM', () => stopping.abort());
await engine.run(stopping.signal);
process.exit(0);
