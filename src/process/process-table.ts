/** Questions to the operating system about other processes. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { systemErrorCode } from '../lib/system-error.ts';

/** Whether a process with this pid exists in our pid namespace, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists and belongs to somebody else.
    return systemErrorCode(error) === 'EPERM';
  }
}

/** Whether a nodepoold has this pid: that of one that has ended may be another program's by now. */
export function isDaemon(pid: number): boolean {
  return isAlive(pid) && isNodepoold(pid);
}

/**
 * Whether the live process `pid` is a nodepoold, judged by its command line. Where that cannot be read (no
 * /proc, or hidden from us) the answer is yes: refusing to start is the smaller harm than running twice.
 */
export function isNodepoold(pid: number): boolean {
  try {
    return runsNodepoold(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'));
  } catch {
    return true;
  }
}

/** The names that the daemon is started under. */
const DAEMONS: readonly string[] = ['nodepoold', 'nodepool-builder'];

/** `command` is an argument vector: `nodepoold ...`, or Node.js with the script nodepoold; or the same as a builder. */
export function runsNodepoold(command: readonly string[]): boolean {
  const [program = '', ...rest] = command;
  if (DAEMONS.includes(basename(program))) return true;
  return /^node(js)?$/.test(basename(program)) && rest.some((part) => DAEMONS.includes(basename(part)));
}
