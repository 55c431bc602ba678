/** Composition root of the HTTP interface, which runs in a thread of its own (`api/thread-link.ts` says why). */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { createApi } from './api/api.ts';
import { linkDaemon } from './api/thread-link.ts';
import type { Config } from './config/types.ts';
import { systemClock as clock } from './lib/clock.ts';
import { systemRandom as random } from './lib/random.ts';
import { forwardLog } from './process/forward-log.ts';
import type { LogSettings } from './process/log-settings.ts';
import { connect } from './store/connect.ts';
import { createStore } from './store/create-store.ts';

export interface ApiStart {
  readonly config: Config;
  readonly version: string;
  readonly logSettings: LogSettings;
}

/** The logger of the daemon that has the lines of this thread. */
const LOGGER = 'nodepool.api';

function serve(port: MessagePort, { config: first, version, logSettings }: ApiStart): void {
  let config = first;
  const store = createStore({ knex: connect(config.database), clock, random });
  const close = async (): Promise<void> => {
    try {
      await api.close();
      await store.close();
    } catch (error) {
      // The process ends: what could not be given back ends with it.
      log.warn({ err: error }, 'could not close well');
    }
    port.close();
  };
  const configure = (newer: Config): void => {
    config = newer;
    api.configure(config);
  };
  const daemon = linkDaemon(port, { configure, close: () => void close() }, clock);
  const log = forwardLog(LOGGER, logSettings, daemon.log);
  process.removeAllListeners('warning');
  process.on('warning', ({ name, message }) => log.warn({ name }, message));
  const api = createApi({ ...daemon, store, config: () => config, clock, log, version });
  api.configure(config);
}

if (parentPort !== null) serve(parentPort, workerData as ApiStart);
