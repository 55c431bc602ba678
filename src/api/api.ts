/** The HTTP interface of the daemon: asks for nodes, keeps them, gives them back, and tells what becomes of them. */
import type { Config } from '../config/types.ts';
import { createApp, type AppDeps } from './app.ts';
import { Listener } from './listener.ts';

export interface Api {
  /** Called on each pass: listens where the configuration says. A place that cannot be had is tried again. */
  configure(config: Config): void;
  /** Where it listens now; null: nowhere yet. */
  address(): { readonly host: string; readonly port: number } | null;
  close(): Promise<void>;
}

export function createApi(deps: AppDeps): Api {
  const { app, endStreams } = createApp(deps);
  const listener = new Listener({ fetch: app.fetch, clock: deps.clock, log: deps.log });
  return {
    configure: ({ api }) => listener.configure(api),
    address: () => listener.address(),
    close: async () => {
      endStreams();
      await listener.close();
    },
  };
}
