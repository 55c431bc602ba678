/** Abort signals by name, made when they are asked for. A name that was aborted begins anew. */
export class Aborts {
  readonly #controllers = new Map<string, AbortController>();

  signal(name: string): AbortSignal {
    let controller = this.#controllers.get(name);
    if (controller === undefined) this.#controllers.set(name, (controller = new AbortController()));
    return controller.signal;
  }

  abort(name: string): void {
    this.#controllers.get(name)?.abort();
    this.#controllers.delete(name);
  }

  abortAllBut(kept: ReadonlyMap<string, unknown>): void {
    for (const name of this.#controllers.keys()) if (!kept.has(name)) this.abort(name);
  }
}
