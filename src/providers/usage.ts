/** Whether anybody still uses a provider, so that it is closed when it has been replaced and nobody does. */
export interface Usage {
  /** Settles as `call` does, and counts it meanwhile. */
  during<T>(call: () => Promise<T>): Promise<T>;
  /**
   * The provider has been replaced or forgotten: it is closed when no call is under way. Who was handed it before may call
   * it still, and then it is closed again after that.
   */
  retire(): void;
}

/** `close` must not reject. */
export function createUsage(close: () => Promise<void>): Usage {
  let underWay = 0;
  let isRetired = false;
  const closeUnused = (): void => {
    if (isRetired && underWay === 0) void close();
  };
  return {
    during: async (call) => {
      underWay += 1;
      try {
        return await call();
      } finally {
        underWay -= 1;
        closeUnused();
      }
    },
    retire: () => {
      isRetired = true;
      closeUnused();
    },
  };
}
