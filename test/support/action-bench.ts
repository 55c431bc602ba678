/** What a handler works with, in a test: a world, a cloud and a shell of one's own, and all that it writes, to look at. */
import type { ActionContext, Handler, Rest } from '../../src/actions/context.ts';
import { createConsoleMemory } from '../../src/actions/consoles.ts';
import { HANDLERS } from '../../src/actions/handlers.ts';
import { NodepoolError } from '../../src/lib/errors.ts';
import { silentLog, type Log } from '../../src/lib/log.ts';
import type { FailurePlace } from '../../src/lifecycle/records.ts';
import type { Action } from '../../src/planning/actions.ts';
import type { World } from '../../src/planning/world.ts';
import type { TargetRecorder } from '../../src/actions/target-recorder.ts';
import type { Targets } from '../../src/targets/targets.ts';
import { hostKeyOf } from '../../src/providers/fake/host-key.ts';
import type { SupervisedCloud, SupervisedProvider } from '../../src/providers/supervised.ts';
import type { Shell } from '../../src/remote/shell.ts';
import type { Store } from '../../src/store/store.ts';
import { aTraits } from './builders.ts';
import { FakeDiskImages } from './disk-images.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { createSeededRandom } from './seeded-random.ts';
import { keysOn } from './site.ts';

/** One write of a handler: what it was called, and with what. */
export interface Write {
  readonly call: string;
  readonly args: readonly unknown[];
}

export interface ActionBench {
  readonly context: ActionContext;
  readonly clock: FakeClock;
  /** All writes to the store, in order. */
  readonly writes: readonly Write[];
  /** The writes of one kind, their arguments. */
  argumentsOf(call: string): (readonly unknown[])[];
  /** Calls to the cloud, the shell and targets, and what the books were told, in order, by name. */
  readonly calls: readonly string[];
  /** Places whose failures were counted. */
  readonly failures: readonly FailurePlace[];
  /** Places whose failures were forgotten. */
  readonly cleared: readonly FailurePlace[];
  /** Keys of templates on this host. */
  readonly keys: Map<string, string>;
  readonly diskImages: FakeDiskImages;
  /** What the metrics were told, in order. */
  readonly metrics: readonly Write[];
  /** Performs the action. */
  perform(action: Action, signal?: AbortSignal): Promise<Rest | void>;
}

export interface BenchOptions {
  readonly cloud?: Partial<SupervisedCloud>;
  readonly shell?: Partial<Shell>;
  readonly store?: Partial<Store>;
  readonly targets?: Partial<Targets>;
  readonly targetBook?: Partial<TargetRecorder>;
  /** Where the program keeps its own. */
  readonly stateDir?: string;
  readonly log?: Log;
}

/** A handler's surroundings. What the options leave out succeeds: writes win, calls answer nothing. */
export function anActionBench(world: World, options: BenchOptions = {}): ActionBench {
  // No log of a build can be written there, not even by root.
  const { cloud = {}, shell = {}, store = {}, targets = {}, targetBook = {}, stateDir = '/dev/null' } = options;
  const { log = silentLog } = options;
  const clock = createFakeClock(world.now);
  const writes: Write[] = [];
  const calls: string[] = [];
  const failures: FailurePlace[] = [];
  const cleared: FailurePlace[] = [];
  const metrics: Write[] = [];
  const diskImages = new FakeDiskImages({ clock });
  const keys = new Map<string, string>();
  const note = (name: string): void => void calls.push(name);
  const provider: SupervisedProvider = {
    cloud: recorded({ createServer: createAtOnce, readConsole: () => Promise.resolve(''), ...cloud }, note),
    shell: recorded({ probe: anyLogin, ...shell }, note),
    traits: aTraits(),
    inspect: () => Promise.resolve([]),
  };
  const context: ActionContext = {
    store: writer(store, writes),
    clock,
    log,
    metrics: notes(metrics),
    random: createSeededRandom(1),
    diskImages,
    host: 'here',
    stateDir,
    keys: { make: () => Promise.resolve({ privateKey: 'private\n', publicKey: 'public\n' }) },
    templateKeys: keysOn(keys),
    env: {},
    failures: {
      record: (place) => Promise.resolve(void failures.push(place)),
      clear: (place) => Promise.resolve(void cleared.push(place)),
      errorAt: () => null,
    },
    book: recorded({}, note),
    targets: recorded(targets, note),
    targetBook: recorded(targetBook, note),
    consoles: createConsoleMemory(),
    world,
    plan: { actions: [], notes: [], memory: world.memory, nextWakeAt: world.now },
    provider: () => provider,
    lease: () => null,
  };
  return {
    context,
    clock,
    writes,
    argumentsOf: (name) => writes.filter(({ call }) => call === name).map(({ args }) => args),
    calls,
    failures,
    cleared,
    keys,
    diskImages,
    metrics,
    perform: async (action, signal = new AbortController().signal) =>
      (HANDLERS[action.kind] as Handler<Action>)(action, context, signal),
  };
}

const createAtOnce: SupervisedCloud['createServer'] = async (_spec, _signal, admitted) => {
  await admitted();
  return 'new-server' as Awaited<ReturnType<SupervisedCloud['createServer']>>;
};

/** What servers show that are logged in to. */
export const HOST_KEY = hostKeyOf('own');

const anyLogin: Shell['probe'] = ({ usernames }) =>
  Promise.resolve({ username: usernames[0] ?? '', hostKey: HOST_KEY });

type Method = (...args: unknown[]) => unknown;

/** An object whose methods are all there: those given, others that resolve with nothing. */
function recorded<T extends object>(methods: Partial<T>, note: (name: string) => void): T {
  return new Proxy(methods, {
    get: (target, key) => {
      const own = Reflect.get(target, key) as Method | undefined;
      return (...args: unknown[]) => {
        note(String(key));
        return own === undefined ? Promise.resolve() : own(...args);
      };
    },
  }) as T;
}

/** Takes everything down that it is told. */
function notes<T extends object>(taken: Write[]): T {
  const take =
    (call: string): Method =>
    (...args) =>
      void taken.push({ call, args });
  return new Proxy({} as T, { get: (_, key) => take(String(key)) });
}

/** A store that notes its writes, and takes them all unless a method given says otherwise. */
function writer(methods: Partial<Store>, writes: Write[]): Store {
  const write =
    (call: string, own: Method | undefined): Method =>
    (...args) => {
      writes.push({ call, args });
      return own === undefined ? Promise.resolve(true) : own(...args);
    };
  return new Proxy(methods, {
    get: (target, key) => {
      const own = Reflect.get(target, key) as Method | undefined;
      if (key === 'leases') return own ?? { list: () => Promise.resolve([]) };
      if (key === 'requests') return own;
      if (key === 'events') return { add: write('event', undefined) };
      return key === 'intents' ? { finish: write('answer', undefined) } : write(String(key), own);
    },
  }) as Store;
}

/** A call that fails. */
export function failing(...[code, message = 'no']: [ConstructorParameters<typeof NodepoolError>[0], string?]) {
  return (): Promise<never> => Promise.reject(new NodepoolError(code, message));
}
