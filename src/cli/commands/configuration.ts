import type { Problem } from '../../config/problems.ts';
import { NodepoolError } from '../../lib/errors.ts';
import type { OutputOptions } from '../options.ts';
import { renderResult } from '../output/format.ts';
import { drawListing, toObjects, type Column } from '../output/listing.ts';
import type { Session } from '../session.ts';

export async function printSchema(session: Session): Promise<void> {
  session.print(`${JSON.stringify(await session.context.configSchema(), null, 2)}\n`);
}

export async function validateConfig(session: Session, { output }: OutputOptions): Promise<void> {
  const { file, problems, warnings } = await session.context.checkConfig(session.files());
  const findings: Finding[] = [
    ...problems.map((problem) => ({ ...problem, severity: 'error' as const })),
    ...warnings.map((problem) => ({ ...problem, severity: 'warning' as const })),
  ];
  const isValid = problems.length === 0;
  const value = { file, valid: isValid, problems: toObjects(FINDING_COLUMNS, findings) };
  const draw = (): string =>
    (findings.length === 0 ? '' : drawListing(FINDING_COLUMNS, findings)) + (isValid ? `${file} is valid.\n` : '');
  session.print(await renderResult(output, value, draw));
  if (isValid) return;
  throw new NodepoolError('config', describeRefusal(problems));
}

/** The secrets stand in a file of their own, and either may be the one that is wrong. */
function describeRefusal(problems: readonly Problem[]): string {
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
  const [first, ...others] = new Set(problems.map(({ file }) => file));
  if (others.length === 0) return `${first} has ${count}; the daemon does not accept it`;
  return `${[first, ...others].join(' and ')} have ${count}; the daemon does not accept them`;
}

interface Finding extends Problem {
  readonly severity: 'error' | 'warning';
}

const FINDING_COLUMNS: readonly Column<Finding>[] = [
  { title: 'Severity', key: 'severity', value: ({ severity }) => severity },
  { title: 'File', key: 'file', value: ({ file }) => file },
  { title: 'Line', key: 'line', value: ({ line }) => line },
  { title: 'Column', key: 'column', value: ({ column }) => column },
  { title: 'Key', key: 'path', value: ({ path }) => path },
  { title: 'Problem', key: 'message', value: ({ message }) => message },
];
