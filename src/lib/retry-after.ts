/** The header `Retry-After`, by which a server says how long it wants to be left alone. */

/** A server that asks for more is asked again after this. */
const MAX_RETRY_AFTER_MS = 600_000;

/**
 * `Retry-After` as milliseconds from now, at most ten minutes. It is a number of seconds or a date (RFC 9110, 10.2.3); a
 * date is taken by the clock of the one who wrote it, when he says what that shows. One that has passed, and the 0 that
 * Nova sends with refusals, say nothing: whoever waits has to know himself how long.
 * @param headers names in lower case
 * @param now epoch milliseconds
 */
export function readRetryAfterMs(
  headers: Readonly<Record<string, string | undefined>>,
  now: number,
): number | undefined {
  const value = headers['retry-after']?.trim() ?? '';
  const theirNow = Date.parse(headers['date'] ?? '');
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - (Number.isNaN(theirNow) ? now : theirNow);
  return ms > 0 ? Math.min(ms, MAX_RETRY_AFTER_MS) : undefined;
}
