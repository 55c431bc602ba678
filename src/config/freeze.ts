/** Freezes `value` and everything in it, maps included, and returns it. Only for data that is a tree. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (value instanceof Map) {
    for (const [key, entry] of value) deepFreeze([key, entry]);
    // Freezing an object does not reach what a map holds.
    for (const method of ['set', 'delete', 'clear']) Object.defineProperty(value, method, { value: refuse });
  } else {
    Object.values(value).forEach(deepFreeze);
  }
  return Object.freeze(value);
}

function refuse(): never {
  throw new TypeError('the configuration is read-only');
}
