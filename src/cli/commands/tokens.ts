import { NodepoolError } from '../../lib/errors.ts';
import { createSecret, hashSecret, REVOKED_TOKEN, type Scope } from '../../requests/tokens.ts';
import type { TokenRecord } from '../../store/store.ts';
import type { OutputOptions } from '../options.ts';
import { renderResult } from '../output/format.ts';
import { drawFacts, renderListing, type Column } from '../output/listing.ts';
import { ageInSeconds, formatTime } from '../output/time.ts';
import { requireLine } from '../require-line.ts';
import type { Session } from '../session.ts';

export interface TokenOptions extends OutputOptions {
  readonly scope?: readonly Scope[];
  /** Milliseconds from now. */
  readonly expires?: number;
}

/** What a token may do of which nothing is said. */
const USUAL_SCOPES: readonly Scope[] = ['requests'];

export async function createToken(session: Session, name: string, options: TokenOptions): Promise<void> {
  const { clock, random } = session.context;
  const { scope: scopes = USUAL_SCOPES, expires, output } = options;
  requireLine('the name of a token', name);
  await session.withNewStore(async (store) => {
    const secret = createSecret(random);
    const expiresAt = expires === undefined ? null : clock.now() + expires;
    const token = await store.tokens.add({ name, scopes, expiresAt }, hashSecret(secret));
    const shown = { id: token.id, name, scopes, expires_at: formatTime(expiresAt), token: secret };
    session.print(await renderResult(output, shown, () => drawFacts(NEW_TOKEN_COLUMNS, shown)));
    session.tell('the token is shown this once; only its digest is kept');
  });
}

export async function listTokens(session: Session, { output }: OutputOptions): Promise<void> {
  await session.withStore(async (store) => {
    const columns = tokenColumns(session.context.clock.now());
    session.print(await renderListing(output, columns, await store.tokens.list()));
  });
}

export async function revokeToken(session: Session, id: number): Promise<void> {
  const isRemoved = await session.withStore((store) => store.tokens.remove(id));
  if (!isRemoved) throw new NodepoolError('not-found', `there is no token ${id}`);
  session.print(`Token ${id} is revoked: it ${REVOKED_TOKEN}.\n`);
}

interface NewToken {
  readonly id: number;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expires_at: string | null;
  readonly token: string;
}

const NEW_TOKEN_COLUMNS: readonly Column<NewToken>[] = [
  { title: 'ID', key: 'id', value: ({ id }) => id },
  { title: 'Name', key: 'name', value: ({ name }) => name },
  { title: 'Scopes', key: 'scopes', value: ({ scopes }) => scopes },
  { title: 'Expires', key: 'expires_at', value: ({ expires_at: at }) => at },
  { title: 'Token', key: 'token', value: ({ token }) => token },
];

function tokenColumns(now: number): readonly Column<TokenRecord>[] {
  return [
    { title: 'ID', key: 'id', value: ({ id }) => id },
    { title: 'Name', key: 'name', value: ({ name }) => name },
    { title: 'Scopes', key: 'scopes', value: ({ scopes }) => scopes },
    { title: 'Age', key: 'age', unit: 'age', value: ({ createdAt }) => ageInSeconds(now, createdAt) },
    { title: 'Expires', key: 'expires_at', value: ({ expiresAt }) => formatTime(expiresAt) },
  ];
}
