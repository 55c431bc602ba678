/** Why a request waits, and when it may expect its nodes. */
export interface Explanation {
  /** Its place among the waiting requests of its label; 1: it is next. */
  readonly position: number;
  /** Nodes that those before it wait for. */
  readonly nodesAhead: number;
  /** Nodes of the label that are READY and kept for those who wait, in the order of their places. */
  readonly ready: number;
  /** Nodes of the label that are being launched. */
  readonly building: number;
  /** What stands in the way, in sentences; empty: nothing but the time that servers take to boot. */
  readonly why: readonly string[];
  /** Epoch milliseconds; null: nobody can tell. */
  readonly expectedAt: number | null;
}
