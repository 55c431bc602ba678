/** Entry point of the command line program: the only place that touches the process. */
import { homedir } from 'node:os';
import { isatty } from 'node:tty';
import { systemClock } from '../lib/clock.ts';
import { systemRandom } from '../lib/random.ts';
import { systemErrorReason } from '../lib/system-error.ts';
import { isDaemon } from '../process/process-table.ts';
import { readVersion } from '../process/version.ts';
import type { TextStream } from './context.ts';
import { createContext } from './create-context.ts';
import { runProgram } from './program.ts';

/** What cannot be written ends the output but not the work. A reader that goes away, as `head` does, is no error. */
function openStream(stream: NodeJS.WriteStream): TextStream {
  let isOpen = true;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    isOpen = false;
    if (error.code !== 'EPIPE') reportLost(error);
  });
  return {
    write: (text) => {
      if (isOpen) stream.write(text);
    },
    isTerminal: stream.isTTY,
    get columns() {
      return stream.columns;
    },
  };
}

/** Somebody counts on the output, so the exit code must not say that all is well. A failure of the command goes first. */
function reportLost(error: Error): void {
  stderr.write(`nodepool: cannot write the output: ${systemErrorReason(error)}\n`);
  process.exitCode ??= 1;
}

const INTERRUPTIONS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const stderr = openStream(process.stderr);
const context = createContext({
  stdout: openStream(process.stdout),
  stderr,
  // Not `process.stdin.isTTY`: to look at that opens the stream, which belongs to the programs that are run here.
  isInteractive: isatty(0) && isatty(1),
  env: process.env,
  clock: systemClock,
  random: systemRandom,
  home: homedir(),
  cwd: process.cwd(),
  isAlive: isDaemon,
  version: readVersion(),
  // Whoever ends a command otherwise wants it to clean up as well.
  onInterrupt: (listener) => {
    for (const signal of INTERRUPTIONS) process.on(signal, listener);
    return () => INTERRUPTIONS.forEach((signal) => process.off(signal, listener));
  },
});

const code = await runProgram(context, process.argv.slice(2));
if (code !== 0) process.exitCode = code;
