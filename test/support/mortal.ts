/** Processes that can be killed at any effect: what a crash test wraps around a store, a provider and targets. */
import type { DiskImages } from '../../src/images/disk-images.ts';
import type { Provider } from '../../src/providers/provider.ts';
import type { TemplateKeys } from '../../src/remote/template-keys.ts';
import type { Store } from '../../src/store/store.ts';
import type { Targets } from '../../src/targets/targets.ts';

/** Everything that a dead process tries. */
export class Killed extends Error {}

export interface Death {
  /** Which effect, counted from 1; Infinity: none. */
  readonly at: number;
  readonly side: 'before' | 'after';
}

export class Mortal {
  readonly #death: Death;
  #effects = 0;
  #isDead = false;

  constructor(death: Death = { at: Infinity, side: 'before' }) {
    this.#death = death;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get effects(): number {
    return this.#effects;
  }

  /** Reads have no effect, but a dead process does not read either. */
  async read<T>(run: () => Promise<T>): Promise<T> {
    if (this.#isDead) throw new Killed();
    return run();
  }

  async effect<T>(run: () => Promise<T>): Promise<T> {
    if (this.#isDead) throw new Killed();
    this.#effects += 1;
    const isLast = this.#effects === this.#death.at;
    if (isLast && this.#death.side === 'before') this.#die();
    const result = await run();
    if (isLast || this.#isDead) this.#die();
    return result;
  }

  #die(): never {
    this.#isDead = true;
    throw new Killed();
  }

  /** The methods of `target` named in `effects` count and can be the last; all others only read. */
  wrap<T extends object>(target: T, effects: readonly string[]): T {
    return new Proxy(target, {
      get: (object, key) => {
        const value: unknown = Reflect.get(object, key, object);
        if (typeof value === 'object' && value !== null) return this.wrap(value, effects);
        if (typeof value !== 'function') return value;
        const call = value as (...args: unknown[]) => Promise<unknown>;
        const run = (...args: unknown[]): Promise<unknown> => call.apply(object, args);
        return effects.includes(String(key))
          ? (...args: unknown[]) => this.effect(() => run(...args))
          : (...args: unknown[]) => this.read(() => run(...args));
      },
    });
  }

  store(store: Store): Store {
    return this.wrap(store, [
      'launchNodes',
      'moveNode',
      'moveImage',
      'readySubnode',
      'patch',
      'recordAttempt',
      'createImage',
      'createDiskImage',
      'moveDiskImage',
      'countLaunch',
      'removeNode',
      'removeImage',
      'removeDiskImage',
      'record',
      'clear',
      'add',
    ]);
  }

  templateKeys(keys: TemplateKeys): TemplateKeys {
    return { ...this.wrap(keys, ['prepare', 'remove']), path: (key) => keys.path(key) };
  }

  diskImages(images: DiskImages): DiskImages {
    const wrapped = this.wrap(images, ['build', 'remove']);
    return {
      build: (order, signal) => wrapped.build(order, signal),
      inspect: (build, signal, formerNames) => wrapped.inspect(build, signal, formerNames),
      remove: (build) => wrapped.remove(build),
      sweep: (isKnown) => wrapped.sweep(isKnown),
      configure: (settings) => images.configure(settings),
      pathOf: (build) => images.pathOf(build),
      open: (build, format) => images.open(build, format),
      get directory() {
        return images.directory;
      },
      get problem() {
        return images.problem;
      },
    };
  }

  targets(targets: Targets): Targets {
    return {
      ...this.wrap({ ...targets }, ['register', 'unregister', 'startTest', 'release']),
      // Those answer at once.
      configure: (config) => targets.configure(config),
      requireReady: (target) => targets.requireReady(target),
    };
  }

  provider(provider: Provider): Provider {
    const { cloud, shell, traits, location } = provider;
    const effects = ['createServer', 'deleteServer', 'saveImage', 'uploadImage', 'deleteImage'];
    const accessoryEffects = ['createKeypair', 'attachFloatingIp', 'deleteAccessory'];
    return {
      cloud: this.wrap(cloud, [...effects, ...accessoryEffects]),
      shell: this.wrap(shell, ['run', 'writeFiles']),
      traits,
      location,
      inspect: (signal) => this.read(() => provider.inspect(signal)),
      isOutdated: () => provider.isOutdated(),
      close: () => provider.close(),
    };
  }
}
