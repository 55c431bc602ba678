import type { IntentKind } from '../../lifecycle/records.ts';
import { ALIEN_COLUMNS, ALIEN_IMAGE_COLUMNS, type AlienImage, type AlienServer } from '../columns.ts';
import { requireProvider } from '../image-targets.ts';
import { askDaemon } from '../intents.ts';
import type { OutputOptions, TimeoutOptions } from '../options.ts';
import { renderListing, type Column } from '../output/listing.ts';
import type { Session } from '../session.ts';

type Options = OutputOptions & TimeoutOptions;

interface Listing<Row> {
  readonly kind: Extract<IntentKind, 'alien-list' | 'alien-image-list'>;
  readonly what: string;
  readonly columns: readonly Column<Row>[];
}

export async function listAlienServers(
  session: Session,
  provider: string | undefined,
  options: Options,
): Promise<void> {
  const listing: Listing<AlienServer> = { kind: 'alien-list', what: 'list servers', columns: ALIEN_COLUMNS };
  await listAliens(session, listing, { provider, options });
}

export async function listAlienImages(session: Session, provider: string | undefined, options: Options): Promise<void> {
  const listing: Listing<AlienImage> = { kind: 'alien-image-list', what: 'list images', columns: ALIEN_IMAGE_COLUMNS };
  await listAliens(session, listing, { provider, options });
}

/** What the daemon answers. */
interface Answer<Row> {
  readonly rows: readonly Row[];
  /** One sentence for each provider that could not be asked. */
  readonly warnings: readonly string[];
}

async function listAliens<Row>(
  session: Session,
  listing: Listing<Row>,
  input: { provider: string | undefined; options: Options },
): Promise<void> {
  const { provider, options } = input;
  if (provider !== undefined) requireProvider((await session.loadConfig()).providers, provider);
  await session.withStore(async (store) => {
    const intent = {
      kind: listing.kind,
      args: { provider: provider ?? null },
      what: listing.what,
      timeoutS: options.timeout,
    };
    const answer = (await askDaemon(session, store, intent)) as Answer<Row>;
    for (const warning of answer.warnings) session.tell(warning);
    session.print(await renderListing(options.output, listing.columns, answer.rows));
  });
}
