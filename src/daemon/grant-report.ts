import type { RequestRecord } from '../lifecycle/records.ts';
import type { Metrics } from '../metrics/metrics.ts';

/**
 * Tells the metrics of requests that got their nodes, whoever granted them: daemons, their HTTP interface, commands. One
 * that gets them and ends between two looks is not seen: to find it would take a query for each pass.
 */
export class GrantReport {
  /** Those that had nodes when they were last looked at; null: nobody has looked yet, and what is old is no news. */
  #granted: ReadonlySet<number> | null = null;
  #last: readonly RequestRecord[] = [];

  /** To be called on every pass of the daemon that grants. Costs nothing when no request changed. */
  look(requests: readonly RequestRecord[], metrics: Metrics): void {
    if (this.#granted !== null && requests === this.#last) return;
    const granted = requests.filter(({ state }) => state === 'granted');
    for (const { id, label, createdAt, grantedAt } of granted) {
      if (this.#granted === null || this.#granted.has(id) || grantedAt === null) continue;
      metrics.requestGranted({ label, ms: grantedAt - createdAt });
    }
    this.#granted = new Set(granted.map(({ id }) => id));
    this.#last = requests;
  }

  /** Another daemon grants now. */
  forget(): void {
    this.#granted = null;
  }
}
