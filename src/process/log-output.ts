/** Where log lines go: standard output or a file, as JSON or made readable. */
import { isatty } from 'node:tty';
import { pino } from 'pino';
import { NodepoolError } from '../lib/errors.ts';
import type { LogSettings } from './log-settings.ts';
import { systemErrorReason } from './system-error.ts';

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
  const isTerminal = file === null && isatty(STDOUT);
  const format = await lineFormat(settings, { isTerminal, colours: isTerminal && env['NO_COLOR'] === undefined });
  return {
    write: (line) => {
      destination.write(format(line));
    },
    reopen: () => {
      if (file !== null) refusing(file, () => destination.reopen());
    },
  };
}

async function lineFormat(
  settings: LogSettings,
  terminal: { isTerminal: boolean; colours: boolean },
): Promise<(line: string) => string> {
  const isPretty = settings.format === 'pretty' || (settings.format === 'auto' && terminal.isTerminal);
  if (!isPretty) return (line) => line;
  // Loaded only where somebody reads along: it costs start-up time.
  const { prettyFactory } = await import('pino-pretty');
  return prettyFactory({
    colorize: terminal.colours,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'logger',
    messageFormat: '{logger}: {msg}',
    singleLine: true,
  });
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
