import { isNodepoolError, NodepoolError } from '../../lib/errors.ts';
import type { Finding } from '../../providers/provider.ts';
import { requireProvider } from '../image-targets.ts';
import { Interruption, untilInterrupted } from '../interruption.ts';
import type { OutputOptions } from '../options.ts';
import { renderListing, type Column } from '../output/listing.ts';
import type { Session } from '../session.ts';

/** Tries what the configuration says of one provider, or of all, and prints what is right and what is wrong. */
export async function checkProviders(
  session: Session,
  name: string | undefined,
  { output }: OutputOptions,
): Promise<void> {
  const { providers: all } = await session.loadConfig();
  const providers = name === undefined ? all : new Map([[name, requireProvider(all, name)]]);
  const log = await session.log();
  const inspected = await untilInterrupted(session.context, (signal) =>
    session.context.inspectProviders({ providers, log, signal }).catch((error: unknown) => {
      throw isNodepoolError(error, 'aborted') ? new Interruption('interrupted; nothing was changed') : error;
    }),
  );
  const rows = Array.from(inspected, ([provider, findings]) => findings.map((finding) => ({ ...finding, provider })));
  const findings = rows.flat();
  session.print(await renderListing(output, FINDING_COLUMNS, findings));
  const errors = findings.filter(({ level }) => level === 'error').length;
  if (errors === 0) return;
  const sentence = `${errors} of ${findings.length} findings ${errors === 1 ? 'is an error' : 'are errors'}`;
  throw new NodepoolError('refused', sentence);
}

const FINDING_COLUMNS: readonly Column<Finding & { readonly provider: string }>[] = [
  { title: 'Provider', key: 'provider', value: ({ provider }) => provider },
  { title: 'Level', key: 'level', value: ({ level }) => level },
  { title: 'About', key: 'about', value: ({ about }) => about },
  { title: 'Finding', key: 'text', value: ({ text }) => text },
];
