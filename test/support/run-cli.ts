import type { CliContext } from '../../src/cli/context.ts';
import { runProgram } from '../../src/cli/program.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';

/** What a run of `nodepool` left behind. */
export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions extends Partial<Omit<CliContext, 'stdout' | 'stderr'>> {
  /** Both streams are terminals. */
  readonly isTerminal?: boolean;
}

function unexpected(what: string): () => never {
  return () => {
    throw new Error(`the command ${what}, which this test does not expect`);
  };
}

/**
 * Runs `nodepool` in this process with captured streams. What a test does not hand in must not be used: the
 * run then ends with an unexpected error.
 */
export async function runCli(
  args: readonly string[],
  { isTerminal = false, ...parts }: CliOptions = {},
): Promise<CliRun> {
  let stdout = '';
  let stderr = '';
  const code = await runProgram(
    {
      stdout: { write: (text) => void (stdout += text), isTerminal },
      stderr: { write: (text) => void (stderr += text), isTerminal },
      isInteractive: isTerminal,
      random: systemRandom,
      whoAmI: () => Promise.resolve('tester@here'),
      clock: createWaitingClock(),
      version: '1.2.3',
      findDead: () => Promise.resolve(() => false),
      onInterrupt: () => () => undefined,
      loadConfig: unexpected('reads the configuration'),
      loadDatabase: unexpected('looks for the database'),
      checkConfig: unexpected('checks the configuration'),
      configSchema: unexpected('asks for the schema'),
      stateDirectory: unexpected('looks for the state directory'),
      openStore: unexpected('opens the database'),
      deleteNow: unexpected('deletes by itself'),
      inspectProviders: unexpected('inspects providers'),
      runAttached: unexpected('runs a program'),
      ...parts,
    },
    args,
  );
  return { code, stdout, stderr };
}

/**
 * A clock on which waiting takes no time: each sleep moves it on and lets the rest of the world act, so that a
 * test can play the daemon while a command waits.
 */
export function createWaitingClock(
  startMs = Date.UTC(2026, 0, 15, 12),
  onSleep: (now: number) => unknown = () => undefined,
): Clock {
  let now = startMs;
  return {
    now: () => now,
    sleep: async (ms) => {
      now += ms;
      await onSleep(now);
    },
  };
}
