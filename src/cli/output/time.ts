const DAY_S = 86_400;

/** A time as ISO 8601 in UTC with milliseconds: several things happen to a node within one second. */
export function formatTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

/** Whole seconds since `since`; times in the future, as of clocks that differ, count as now. Both in epoch milliseconds. */
export function ageInSeconds(now: number, since: number): number {
  return Math.max(0, Math.floor((now - since) / 1000));
}

/** A time span as the original prints it: days:hours:minutes:seconds, two digits each. */
export function formatAge(seconds: number): string {
  const parts = [
    Math.floor(seconds / DAY_S),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
    seconds % 60,
  ];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}
