/**
 * The engine: runs the loop observe -> plan -> apply -> report. Actions run as tasks beside it; when one ends
 * the loop is woken. A pass never waits for a cloud or a machine, and correctness never hangs on a wake-up.
 */
import { HANDLERS } from '../actions/handlers.ts';
import { findImage, findNode, type ActionContext, type Handler } from '../actions/context.ts';
import { createFailureLog } from '../actions/failure-log.ts';
import { NodepoolError } from '../lib/errors.ts';
import type { Action, Plan } from '../planning/actions.ts';
import { EMPTY_MEMORY, type Memory } from '../planning/memory.ts';
import { plan } from '../planning/plan.ts';
import type { World } from '../planning/world.ts';
import type { PoolRecords } from '../store/store.ts';
import { createCloudBook } from './cloud-book.ts';
import type { EngineDeps } from './deps.ts';
import { createLeaseKeeper } from './lease-keeper.ts';
import { observe, type Observation } from './observe.ts';
import { createTasks, type RunningTask } from './tasks.ts';

export interface EngineCore {
  /** One pass. Answers what was planned; null when nothing changed since the last one. Rejects when the database fails. */
  tick(): Promise<Plan | null>;
  /** Resolves when every action under way has ended. */
  settled(): Promise<void>;
  inFlight(): readonly RunningTask[];
  /** When a new pass may decide something although nothing happens. */
  nextWakeAt(): number;
  /** Aborts what is under way and gives up the leases. */
  release(): Promise<void>;
}

/** Configuration is looked at this often, in milliseconds. */
const CONFIG_INTERVAL_MS = 1000;
/** Gauges are sent this often when nothing changes, in milliseconds. */
const REPORT_INTERVAL_MS = 10_000;

/** `wake` is called when something happened that the next pass should look at. */
export function createEngineCore(deps: EngineDeps, wake: () => void): EngineCore {
  const { store, clock, log } = deps;
  let hasNews = true;
  const onEnd = (): void => {
    hasNews = true;
    wake();
  };
  const tasks = createTasks({ clock, log: log.child('actions'), onEnd });
  const book = createCloudBook(log.child('clouds'));
  const leases = createLeaseKeeper({ ...deps, log: log.child('leases') });
  const failures = createFailureLog({ store, clock });
  const last: Last = { memory: EMPTY_MEMORY, pool: null, config: null, nextWakeAt: 0, configAt: -Infinity, reportAt: -Infinity };
  let installation: string | null = null;

  async function look(): Promise<Observation> {
    installation ??= await store.installation();
    await refreshConfig(deps, last);
    const config = deps.config();
    if (config !== last.config) deps.providers.configure(config);
    await leases.keep(leaseNames(deps));
    const held = new Set(leases.held().keys());
    return observe({ deps, installation, config, leases: held, memory: last.memory, book, tasks });
  }

  function start(action: Action, context: ActionContext): void {
    const provider = providerOf(action, context);
    const signal = leases.signal(provider === null ? 'supply' : `provider:${provider}`);
    // The table pairs each kind with its handler; the pairing is lost on a union.
    const handler = HANDLERS[action.kind] as Handler<Action>;
    tasks.start(action, () => handler(action, context, signal));
  }

  return {
    tick: async () => {
      const wasNews = hasNews;
      hasNews = false;
      const { world, pool } = await look();
      const isSame = pool === last.pool && world.config === last.config && world.now < last.nextWakeAt;
      report(deps, last, { world, pool });
      if (isSame && !wasNews) return null;
      const result = plan(world);
      Object.assign(last, { memory: result.memory, pool, config: world.config, nextWakeAt: result.nextWakeAt });
      forgetDrained(deps, world);
      const context = makeContext(deps, { world, plan: result, book, failures, lease: (name) => leases.held().get(name) ?? null });
      for (const action of result.actions) if (deps.scope?.accepts(action) ?? true) start(action, context);
      return result;
    },
    settled: () => tasks.settled(),
    inFlight: () => tasks.running(),
    nextWakeAt: () => last.nextWakeAt,
    release: () => leases.release(),
  };
}

/** What one pass leaves for the next. */
interface Last {
  memory: Memory;
  pool: PoolRecords | null;
  config: World['config'] | null;
  nextWakeAt: number;
  configAt: number;
  reportAt: number;
}

async function refreshConfig({ refreshConfig: refresh, clock }: EngineDeps, last: Last): Promise<void> {
  if (clock.now() < last.configAt + CONFIG_INTERVAL_MS) return;
  last.configAt = clock.now();
  await refresh();
}

function report({ metrics }: EngineDeps, last: Last, { world, pool }: Observation): void {
  if (pool === last.pool && world.now < last.reportAt + REPORT_INTERVAL_MS) return;
  last.reportAt = world.now;
  metrics.pool(world.config, world.nodes);
}

/** A daemon that neither launches nor deletes acts on no cloud. */
function leaseNames({ providers, switches, holder, scope }: EngineDeps): readonly string[] {
  if (scope !== null) return scope.leases;
  const alive = `daemon:${holder}`;
  if (!switches.launches && !switches.deletes && !switches.images) return [alive];
  return [alive, 'supply', ...Array.from(providers.entries(), ([name]) => `provider:${name}`)];
}

/** The provider that an action works on: losing its lease aborts the action. null: the supply's. */
function providerOf(action: Action, context: ActionContext): string | null {
  if ('slot' in action) return action.slot.provider;
  if ('provider' in action) return action.provider;
  if ('nodeId' in action) return findNode(context, action.nodeId).provider;
  return 'imageId' in action ? findImage(context, action.imageId).provider : null;
}

/** A provider that left the configuration is forgotten when no row names it any more. */
function forgetDrained({ providers, log }: EngineDeps, { config, nodes, images }: World): void {
  for (const [name] of providers.entries()) {
    if (config.providers.has(name)) continue;
    if (nodes.some(({ provider }) => provider === name) || images.some(({ provider }) => provider === name)) continue;
    providers.forget(name);
    log.info({ provider: name }, 'the provider left the configuration and has drained');
  }
}

type ContextParts = Pick<ActionContext, 'world' | 'plan' | 'book' | 'failures' | 'lease'>;

function makeContext(deps: EngineDeps, parts: ContextParts): ActionContext {
  const { store, clock, log, metrics, keys, env, providers } = deps;
  return {
    store, clock, log, metrics, keys, env, ...parts,
    provider: (name) => {
      const provider = providers.get(name);
      if (provider === null) throw new NodepoolError('unavailable', `provider ${name} is not in the configuration any more`);
      return provider;
    },
  };
}
