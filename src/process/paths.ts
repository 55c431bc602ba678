/** Where the daemon puts its pid file and its log. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DEFAULT_LOG_SETTINGS, readLogSettings, type LogSettings } from './log-settings.ts';
import { DEFAULT_PID_FILE, type DaemonOptions } from './options.ts';

/** null: none, as in the foreground when none was asked for. */
export function pidFilePath({ foreground, pidFile }: DaemonOptions, stateDir: string): string | null {
  if (pidFile !== null) return pidFile;
  if (foreground) return null;
  return canWriteIn(dirname(DEFAULT_PID_FILE)) ? DEFAULT_PID_FILE : join(stateDir, 'nodepool.pid');
}

/** The logging settings; a daemon that detaches has no standard output, so it gets a file. Errors: `config`. */
export function logSettings({ foreground, logging }: DaemonOptions, stateDir: string): LogSettings {
  const settings = logging === null ? DEFAULT_LOG_SETTINGS : readLogSettings(logging);
  return foreground || settings.file !== null ? settings : { ...settings, file: join(stateDir, 'nodepoold.log') };
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
