/** Keeps what is remembered of strangers to the last `most` entries: the one that was set first goes. */
export function dropOldest<K>(entries: Map<K, unknown>, most: number): void {
  const [oldest] = entries.keys();
  if (entries.size > most && oldest !== undefined) entries.delete(oldest);
}
