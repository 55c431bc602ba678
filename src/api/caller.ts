/** Who makes a request, and what their token allows. */
import type { RequestRecord } from '../lifecycle/records.ts';
import type { Scope } from '../requests/tokens.ts';
import type { TokenRecord } from '../store/store.ts';

export interface Caller {
  readonly token: TokenRecord;
  hasAny(scopes: readonly Scope[]): boolean;
  maySee(request: RequestRecord): boolean;
  mayChange(request: RequestRecord): boolean;
  /** Whether the token, which was good when the request came, is so still. */
  isStillGood(): Promise<boolean>;
}

export function createCaller(token: TokenRecord, isStillGood: () => Promise<boolean>): Caller {
  const hasAny = (scopes: readonly Scope[]): boolean => scopes.some((scope) => token.scopes.includes(scope));
  const isOwn = ({ tokenId }: RequestRecord): boolean => tokenId === token.id && hasAny(['requests']);
  return {
    token,
    hasAny,
    maySee: (request) => hasAny(['read', 'admin']) || isOwn(request),
    mayChange: (request) => hasAny(['admin']) || isOwn(request),
    isStillGood,
  };
}
