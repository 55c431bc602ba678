/**
 * The engine: runs the loop observe -> plan -> apply -> report. Actions run as tasks beside it; when one ends
 * the loop is woken. A pass never waits for a cloud or a machine, and correctness never hangs on a wake-up.
 */
import { HANDLERS } from '../actions/handlers.ts';
import type { ActionContext, Handler } from '../actions/context.ts';
import { createConsoleMemory } from '../actions/consoles.ts';
import { createFailureLog, type FailureLog } from '../actions/failure-log.ts';
import type { Config } from '../config/types.ts';
import { buildLogDirectory } from '../images/build-logs.ts';
import { NodepoolError } from '../lib/errors.ts';
import type { Action, Plan } from '../planning/actions.ts';
import { EMPTY_MEMORY, type Memory } from '../planning/memory.ts';
import type { Explanation } from '../planning/explanation.ts';
import { explainRequest } from '../planning/explain-request.ts';
import { plan } from '../planning/plan.ts';
import type { Subject, World } from '../planning/world.ts';
import type { PoolRecords } from '../lifecycle/records.ts';
import { createCloudBook, type CloudBook } from './cloud-book.ts';
import type { EngineDeps } from './deps.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { leaseNames, leaseOf } from './lease-names.ts';
import { Lanes } from './lanes.ts';
import { Locations } from './locations.ts';
import { observe, type Observation } from './observe.ts';
import { identityOf } from './precedence.ts';
import { GrantReport } from './grant-report.ts';
import { createTargetBook, type TargetBook } from './target-book.ts';
import { createTasks, type RunningTask, type Tasks } from './tasks.ts';

/** Configuration is looked at this often, in milliseconds. */
const CONFIG_INTERVAL_MS = 1000;

/**
 * Actions that run scripts, or work for long. They cannot be repeated, or not cheaply, so they go on while a lease has
 * merely run out, as when the database is away for a while; should another daemon take it, that one begins anew.
 */
const SCRIPTS: ReadonlySet<string> = new Set<Action['kind']>([
  'setup-image',
  'prepare-node',
  'make-disk-image',
  'upload-image',
]);

/** Offers to Gearman workers: one that is cut off may have been taken, and costs its node. They go on in the same way. */
const LASTING: ReadonlySet<string> = new Set<string>([...SCRIPTS, 'register-node']);

/** What takes hours, or waits for somebody who may never come, is ended as soon as the daemon stops. */
const ENDED_AT_ONCE: ReadonlySet<string> = new Set<Action['kind']>(['make-disk-image', 'register-node']);

export class EngineCore {
  readonly #deps: EngineDeps;
  readonly #tasks: Tasks;
  readonly #lanes = new Lanes();
  readonly #book: CloudBook;
  readonly #locations: Locations;
  readonly #targetBook: TargetBook;
  readonly #grants = new GrantReport();
  readonly #identity: ReturnType<typeof identityOf>;
  readonly #leases: LeaseKeeper;
  readonly #failures: FailureLog;
  readonly #consoles = createConsoleMemory();
  #installation: string | null = null;
  /** An action ended since the last pass began. */
  #hasNews = true;
  /** What the last plan was made from, and what it left for the next. */
  #pool: PoolRecords | null = null;
  #config: Config | null = null;
  /** Names of the leases held, one per line. */
  #held = '';
  #demand: World['demand'] | null = null;
  #memory: Memory = EMPTY_MEMORY;
  #last: { readonly world: World; readonly plan: Plan } | null = null;
  #plannedAt = 0;
  #nextWakeAt = 0;
  #configAt = -Infinity;

  /** `wake` is called when something happened that the next pass should look at. */
  constructor(deps: EngineDeps, wake: () => void) {
    const { clock, log, store } = deps;
    this.#deps = deps;
    this.#book = createCloudBook(log.child('clouds'));
    this.#locations = new Locations({ ...deps, book: this.#book, log: log.child('locations') });
    this.#targetBook = createTargetBook(log.child('targets'));
    this.#identity = identityOf(deps);
    this.#leases = new LeaseKeeper({ ...deps, ...this.#identity, log: log.child('leases') });
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
    try {
      return await this.#pass(hasNews);
    } catch (error) {
      // Nobody has looked at what ended in between.
      this.#hasNews = true;
      throw error;
    }
  }

  async #pass(hasNews: boolean): Promise<Plan | null> {
    const observation = await this.#observe();
    const { world } = observation;
    // It paces itself: what it is shown last must not be left unsent.
    this.#deps.metrics.pool(world.config, world.nodes, world.requests);
    if (world.leases.has('supply')) this.#grants.look(world.requests, this.#deps.metrics);
    else this.#grants.forget();
    if (this.#isSame(observation) && !hasNews) return null;
    const result = plan(world);
    this.#last = { world, plan: result };
    this.#remember(observation, result);
    forgetDrained(this.#deps, world);
    this.#abandonScripts(world);
    this.#apply(result, world);
    return result;
  }

  /** Whether the last plan still holds. A clock that was set back says nothing about when the next one is due. */
  #isSame({ world, pool }: Observation): boolean {
    if (pool !== this.#pool || world.config !== this.#config || namesOf(world.leases) !== this.#held) return false;
    if (world.demand !== this.#demand) return false;
    return world.now >= this.#plannedAt && world.now < this.#nextWakeAt;
  }

  #remember({ world, pool }: Observation, { memory, nextWakeAt }: Plan): void {
    this.#pool = pool;
    this.#config = world.config;
    this.#held = namesOf(world.leases);
    this.#demand = world.demand;
    this.#plannedAt = world.now;
    this.#memory = memory;
    this.#nextWakeAt = nextWakeAt;
  }

  /** Why a request waits, as the last plan says; null: it does not, or this daemon does not grant. */
  explain(requestId: number): Explanation | null {
    if (this.#last?.world.leases.has('supply') !== true) return null;
    return explainRequest(this.#last.world, this.#last.plan.notes, requestId);
  }

  /** Ends builds of disk images, which take hours and need a while to clean up, and offers, which may wait for ever. */
  abandonLongWork(): void {
    for (const { subject, kind } of this.#tasks.running()) if (ENDED_AT_ONCE.has(kind)) this.#tasks.abort(subject);
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
    const { store, config: current, providers, demand, targets, followers } = this.#deps;
    this.#installation ??= await store.installation();
    const isDue = await this.#refreshConfig();
    const config = current();
    // Providers look at their own files, too, such as clouds.yaml.
    demand.configure(config);
    targets.configure(config);
    for (const follower of followers) follower.configure(config);
    if (isDue || config !== this.#config) {
      providers.configure(config);
      this.#configureImages(config, this.#installation);
    }
    await this.#leases.keep(leaseNames({ ...this.#deps, ...this.#identity }, config));
    await this.#locations.check(this.#leases.held());
    return observe({
      deps: this.#deps,
      installation: this.#installation,
      config,
      leases: () => new Set(this.#leases.held().keys()),
      memory: this.#memory,
      book: this.#book,
      targetBook: this.#targetBook,
      tasks: this.#tasks,
    });
  }

  #configureImages(config: Config, installation: string): void {
    const { diskImages, stateDir } = this.#deps;
    const { imagesDir } = config;
    diskImages.configure({ imagesDir, logDirectory: buildLogDirectory(config, stateDir), installation });
  }

  /** Whether it was time to look at the configuration. */
  async #refreshConfig(): Promise<boolean> {
    const now = this.#deps.clock.now();
    // Either way: the clock may have been set back.
    if (Math.abs(now - this.#configAt) < CONFIG_INTERVAL_MS) return false;
    this.#configAt = now;
    await this.#deps.refreshConfig();
    return true;
  }

  #apply(result: Plan, world: World): void {
    const { scope } = this.#deps;
    const context = this.#context(result, world);
    for (const action of result.actions) {
      if (scope?.accepts(action) ?? true) this.#start(action, context);
    }
  }

  /** A script may run for hours: whoever deletes its node or image does not wait until it has ended. */
  #abandonScripts({ nodes, images, diskImages }: World): void {
    this.#abandonHandovers(nodes);
    const scripts = this.#tasks.running().filter(({ kind }) => SCRIPTS.has(kind));
    if (scripts.length === 0) return;
    const building = new Set<Subject>();
    for (const { id, state } of nodes) if (state === 'building') building.add(`node:${id}`);
    for (const { id, state } of images) if (state === 'building') building.add(`image:${id}`);
    for (const { id, state } of diskImages) if (state === 'building') building.add(`disk-image:${id}`);
    for (const { subject } of scripts) if (!building.has(subject)) this.#tasks.abort(subject);
  }

  /** A Gearman worker may be waited for for minutes: what is on its way out, or held, is offered no longer. */
  #abandonHandovers(nodes: World['nodes']): void {
    const waits = this.#tasks.running().filter(({ kind }) => kind === 'register-node');
    if (waits.length === 0) return;
    const staying = new Set<Subject>(
      nodes.filter(({ state }) => state !== 'delete' && state !== 'hold').map(({ id }) => `handover:${id}` as const),
    );
    for (const { subject } of waits) if (!staying.has(subject)) this.#tasks.abort(subject);
  }

  #start(action: Action, context: ActionContext): void {
    const lease = leaseOf(action, context);
    const lane = `${action.kind} ${lease}`;
    if (!this.#lanes.enter(lane)) return;
    const signal = LASTING.has(action.kind) ? this.#leases.takeoverSignal(lease) : this.#leases.signal(lease);
    // The table pairs each kind with its handler; the pairing is lost on a union.
    const handler = HANDLERS[action.kind] as Handler<Action>;
    this.#tasks.start(action, signal, (own) => handler(action, context, own).finally(() => this.#lanes.leave(lane)));
  }

  #context(result: Plan, world: World): ActionContext {
    const { providers } = this.#deps;
    const provider: ActionContext['provider'] = (name) => {
      const found = providers.get(name);
      if (found === null) throw new NodepoolError('unavailable', `provider ${name} is no longer in the configuration`);
      return found;
    };
    const lease: ActionContext['lease'] = (name) => this.#leases.held().get(name) ?? null;
    const kept = {
      failures: this.#failures,
      book: this.#book,
      targetBook: this.#targetBook,
      consoles: this.#consoles,
    };
    return { ...this.#deps, ...kept, plan: result, world, provider, lease };
  }
}

function namesOf(leases: ReadonlySet<string>): string {
  return [...leases].join('\n');
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
