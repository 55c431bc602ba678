/** Where the daemon puts its pid file and its log. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DEFAULT_LOG_SETTINGS, readLogSettings, type LogSettings } from './log-settings.ts';
import { DEFAULT_PID_FILES, type DaemonOptions } from './options.ts';

/** null: none, as in the foreground when none was asked for. */
export function pidFilePath({ program, foreground, pidFile }: DaemonOptions, stateDir: string): string | null {
  if (pidFile !== null) return pidFile;
  if (foreground) return null;
  const usual = DEFAULT_PID_FILES[program];
  return canWriteIn(dirname(usual)) ? usual : join(stateDir, basename(usual));
}

/** The logging settings; a daemon that detaches has no standard output, so it gets a file. Errors: `config`. */
export function logSettings({ program, foreground, logging }: DaemonOptions, stateDir: string): LogSettings {
  const settings = logging === null ? DEFAULT_LOG_SETTINGS : readLogSettings(logging);
  return foreground || settings.file !== null ? settings : { ...settings, file: join(stateDir, `${program}.log`) };
}

function canWriteIn(directory: string): boolean {
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    // Only root makes directories there; everybody else has the state directory.
    return false;
  }
}
