import type { DaemonLog } from './log.ts';

/**
 * Ends the process after an error that nobody caught, a rejected promise included: its state is unknown, and the
 * next start goes on from the database. Warnings of Node.js go to the log instead of standard error.
 */
export function endOnUncaught(source: NodeJS.Process, log: DaemonLog): void {
  source.on('uncaughtException', (err) => {
    log.fatal({ err }, 'unexpected error; the daemon ends');
    source.exit(1);
  });
  source.removeAllListeners('warning');
  source.on('warning', ({ name, message }) => log.child('process').warn({ name }, message));
}
