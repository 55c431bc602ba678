/** Faults that are armed by rule and happen to the next requests that the rule is meant for. */

export interface FaultMatch {
  readonly method?: string;
  /** Tried on the path below the address of Jenkins, without the query: `computer/doCreateItem`. */
  readonly path?: RegExp;
}

export type Fault =
  /** Another answer than the real one: a page with that status, unless `body` says what. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** The connection is reset. */
  | { readonly kind: 'reset' }
  /** There is no answer, until the double is closed. */
  | { readonly kind: 'hang' }
  /** The first half of the real answer, and then nothing more. */
  | { readonly kind: 'stall' }
  /** The real answer, so much later. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** An answer without end. */
  | { readonly kind: 'huge' };

export type FaultRule = Fault & {
  readonly match?: FaultMatch;
  /** To so many requests; absent: one. */
  readonly times?: number;
  /** Whether what the request asks for is done all the same; absent: only if the real answer is given. */
  readonly isDone?: boolean;
};

export interface FaultBook {
  arm(rule: FaultRule): void;
  /** The fault for a request, which counts as having happened; the one armed first wins. */
  take(request: { readonly method: string; readonly path: string }): FaultRule | null;
  clear(): void;
}

export function createFaultBook(): FaultBook {
  const entries: { readonly rule: FaultRule; left: number }[] = [];
  return {
    arm: (rule) => void entries.push({ rule, left: rule.times ?? 1 }),
    take: ({ method, path }) => {
      const entry = entries.find(
        ({ rule: { match = {} }, left }) =>
          left > 0 && (match.method ?? method) === method && (match.path?.test(path) ?? true),
      );
      if (!entry) return null;
      entry.left -= 1;
      return entry.rule;
    },
    clear: () => void (entries.length = 0),
  };
}
