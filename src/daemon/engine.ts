/**
 * The engine: runs the loop observe -> plan -> apply -> report. Actions run as tasks beside it; when one ends
 * the loop is woken. A pass never waits for a cloud or a machine, and correctness never hangs on a wake-up.
 */
import { HANDLERS } from '../actions/handlers.ts';
import { findImage, findNode, type ActionContext, type Handler } from '../actions/context.ts';
import { createFailureLog, type FailureLog } from '../actions/failure-log.ts';
import type { Config } from '../config/types.ts';
import { NodepoolError } from '../lib/errors.ts';
import type { Action, Plan } from '../planning/actions.ts';
import { EMPTY_MEMORY, type Memory } from '../planning/memory.ts';
import { plan } from '../planning/plan.ts';
import type { World } from '../planning/world.ts';
import type { PoolRecords } from '../store/store.ts';
import { createCloudBook, type CloudBook } from './cloud-book.ts';
import type { EngineDeps } from './deps.ts';
import { createLeaseKeeper, type LeaseKeeper } from './lease-keeper.ts';
import { observe, type Observation } from './observe.ts';
import { createTasks, type RunningTask, type Tasks } from './tasks.ts';

/** Configuration is looked at this often, in milliseconds. */
const CONFIG_INTERVAL_MS = 1000;

export class EngineCore {
  readonly #deps: EngineDeps;
  readonly #tasks: Tasks;
  readonly #book: CloudBook;
  readonly #leases: LeaseKeeper;
  readonly #failures: FailureLog;
  #installation: string | null = null;
  /** An action ended since the last pass began. */
  #hasNews = true;
  /** What the last plan was made from, and what it left for the next. */
  #pool: PoolRecords | null = null;
  #config: Config | null = null;
  #memory: Memory = EMPTY_MEMORY;
  #nextWakeAt = 0;
  #configAt = -Infinity;

  /** `wake` is called when something happened that the next pass should look at. */
  constructor(deps: EngineDeps, wake: () => void) {
    const { clock, log, store } = deps;
    this.#deps = deps;
    this.#book = createCloudBook(log.child('clouds'));
    this.#leases = createLeaseKeeper({ ...deps, log: log.child('leases') });
    this.#failures = createFailureLog({ store, clock });
    const onEnd = (): void => {
      this.#hasNews = true;
      wake();
    };
    this.#tasks = createTasks({ clock, log: log.child('actions'), onEnd });
  }

  /** One pass. Answers what was planned; null when nothing changed since the last one. Rejects when the database fails. */
  async tick(): Promise<Plan | null> {
    const hasNews = this.#hasNews;
    this.#hasNews = false;
    const { world, pool } = await this.#observe();
    // It paces itself: what it is shown last must not be left unsent.
    this.#deps.metrics.pool(world.config, world.nodes);
    const isSame = pool === this.#pool && world.config === this.#config && world.now < this.#nextWakeAt;
    if (isSame && !hasNews) return null;
    const result = plan(world);
    this.#pool = pool;
    this.#config = world.config;
    this.#memory = result.memory;
    this.#nextWakeAt = result.nextWakeAt;
    forgetDrained(this.#deps, world);
    this.#apply(result, world);
    return result;
  }

  /** Resolves when every action under way has ended. */
  settled(): Promise<void> {
    return this.#tasks.settled();
  }

  inFlight(): readonly RunningTask[] {
    return this.#tasks.running();
  }

  /** When a new pass may decide something although nothing happens. */
  nextWakeAt(): number {
    return this.#nextWakeAt;
  }

  /** Aborts what is under way and gives up the leases. */
  release(): Promise<void> {
    return this.#leases.release();
  }

  async #observe(): Promise<Observation> {
    const { store, config: current, providers } = this.#deps;
    this.#installation ??= await store.installation();
    await this.#refreshConfig();
    const config = current();
    if (config !== this.#config) providers.configure(config);
    await this.#leases.keep(leaseNames(this.#deps));
    return observe({
      deps: this.#deps,
      installation: this.#installation,
      config,
      leases: new Set(this.#leases.held().keys()),
      memory: this.#memory,
      book: this.#book,
      tasks: this.#tasks,
    });
  }

  async #refreshConfig(): Promise<void> {
    const now = this.#deps.clock.now();
    if (now < this.#configAt + CONFIG_INTERVAL_MS) return;
    this.#configAt = now;
    await this.#deps.refreshConfig();
  }

  #apply(result: Plan, world: World): void {
    const { scope } = this.#deps;
    const context = this.#context(result, world);
    for (const action of result.actions) {
      if (scope?.accepts(action) ?? true) this.#start(action, context);
    }
  }

  #start(action: Action, context: ActionContext): void {
    const provider = providerOf(action, context);
    const signal = this.#leases.signal(provider === null ? 'supply' : `provider:${provider}`);
    // The table pairs each kind with its handler; the pairing is lost on a union.
    const handler = HANDLERS[action.kind] as Handler<Action>;
    this.#tasks.start(action, () => handler(action, context, signal));
  }

  #context(result: Plan, world: World): ActionContext {
    const { store, clock, log, metrics, keys, env, providers } = this.#deps;
    const provider: ActionContext['provider'] = (name) => {
      const found = providers.get(name);
      if (found === null) throw new NodepoolError('unavailable', `provider ${name} is no longer in the configuration`);
      return found;
    };
    const lease: ActionContext['lease'] = (name) => this.#leases.held().get(name) ?? null;
    const parts = { failures: this.#failures, book: this.#book, plan: result, world, provider, lease };
    return { store, clock, log, metrics, keys, env, ...parts };
  }
}

/** A daemon that neither launches nor deletes nor builds acts on no cloud. */
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
