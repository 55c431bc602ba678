import type { Log } from '../lib/log.ts';

/** The oldest major version that still gets security fixes. The program also runs on the one before. */
const OLDEST_SUPPORTED = 22;

/** Says so once when Node.js `version` (`20.20.2`) runs the daemon but is not looked after any more. */
export function warnOfOldNode(version: string, log: Log): void {
  if (Number.parseInt(version, 10) >= OLDEST_SUPPORTED) return;
  log.warn({ version }, 'this Node.js gets no security fixes any more; 22 or 24 is recommended');
}
