/** Where log lines go: standard output or a file, as JSON or made readable. */
import { isatty } from 'node:tty';
import { pino } from 'pino';
import { NodepoolError } from '../lib/errors.ts';
import { createPrettyFormat } from './log-pretty.ts';
import type { LogSettings } from './log-settings.ts';
import { systemErrorReason } from '../lib/system-error.ts';

const STDOUT = 1;

export interface LogOutput {
  /** Takes one JSON line with its line end. Written when it returns, so that nothing is lost in a crash. */
  write(line: string): void;
  /** Opens the file again after it was moved away; on standard output there is nothing to do. */
  reopen(): void;
}

/** Errors: `refused` when the file cannot be written. */
export async function openLogOutput(settings: LogSettings, env: NodeJS.ProcessEnv): Promise<LogOutput> {
  const { file } = settings;
  const destination = refusing(file, () => pino.destination({ dest: file ?? STDOUT, sync: true, append: true }));
  // A full disk or a closed terminal must not end the daemon; what cannot be written is dropped.
  destination.on('error', () => undefined);
  const format = await lineFormat(settings, env);
  return {
    write: (line) => {
      destination.write(format(line));
    },
    reopen: () => {
      if (file !== null) refusing(file, () => destination.reopen());
    },
  };
}

/** Pretty on a terminal, unless the settings say otherwise; coloured there, unless NO_COLOR does. */
async function lineFormat(settings: LogSettings, env: NodeJS.ProcessEnv): Promise<(line: string) => string> {
  const isTerminal = settings.file === null && isatty(STDOUT);
  const isPretty = settings.format === 'pretty' || (settings.format === 'auto' && isTerminal);
  return isPretty ? createPrettyFormat(isTerminal && !env['NO_COLOR']) : (line) => line;
}

function refusing<T>(file: string | null, open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw new NodepoolError(
      'refused',
      `cannot write the log ${file === null ? 'to standard output' : `file ${file}`}: ${systemErrorReason(error)}`,
      {
        cause: error,
      },
    );
  }
}
