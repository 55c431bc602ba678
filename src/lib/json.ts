/** The value of a text in JSON, which has no undefined: that stands for what is not JSON, wherever in it the mistake is. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The caller knows what such a text means: a page of a proxy, the answer of another program, an edited row.
    return undefined;
  }
}

/** Whether parsed JSON is an object with keys. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
