/** Runs the built `bin/nodepoold` and `bin/nodepool` as an operator would, and waits for what they do. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);

export interface LogLine {
  readonly level: string;
  readonly logger: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** How a process ended, and what it wrote. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Nothing of the tester's own pool, statsd or systemd gets in. */
export function cleanEnvironment(extra: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(NODEPOOL_|STATSD_|NOTIFY_|WATCHDOG_|STATE_DIR|XDG_|NODE_)/.test(name),
  );
  return { ...Object.fromEntries(kept), ...extra };
}

/** Where and with which environment a program runs. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

/** Runs `bin/<program>` to its end. `onOutput` sees its standard output while it runs. */
export function runProgram(
  program: 'nodepoold' | 'nodepool',
  args: readonly string[],
  { env, cwd, onOutput }: Surroundings & { readonly onOutput?: (text: string) => void },
): Promise<Ended> {
  const command = [binary(program), ...args];
  const child = spawn(process.execPath, command, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = collect(child);
  if (onOutput) child.stdout.on('data', onOutput);
  return ended;
}

/** A daemon on a terminal of its own (made by `script` of util-linux), which closes with the answered process. */
export function startOnTerminal(args: readonly string[], { env, cwd }: Surroundings): ChildProcess {
  const command = [process.execPath, binary('nodepoold'), '-d', ...args].map((word) => `'${word}'`).join(' ');
  return spawn('script', ['-qefc', `exec ${command}`, '/dev/null'], { env, cwd, stdio: ['pipe', 'pipe', 'inherit'] });
}

/** A daemon in the foreground whose log goes through a pipe. */
export interface DaemonProcess {
  readonly pid: number;
  /** Resolves with the first (or `nth`) line, past or future, that `isMeant`; rejects when the daemon ends without it. */
  logged(isMeant: (line: LogLine) => boolean, nth?: number): Promise<LogLine>;
  /** What it has logged up to now. */
  readonly lines: readonly LogLine[];
  kill(signal: NodeJS.Signals): void;
  /** Resolves when the daemon has ended. */
  readonly ended: Promise<Ended>;
}

export interface Start {
  /** Which of the names of the daemon it is started under. */
  readonly program?: 'nodepoold' | 'nodepool-builder';
  /** Name of another machine that it takes itself to be on. Needs root. */
  readonly host?: string | undefined;
}

export function startDaemon(
  args: readonly string[],
  { env, cwd }: Surroundings,
  { program = 'nodepoold', host }: Start = {},
): DaemonProcess {
  const elsewhere = host === undefined ? [] : ['unshare', '--uts', 'sh', '-c', 'hostname "$0" && exec "$@"', host];
  const [first = '', ...rest] = [...elsewhere, process.execPath, binary(program), '-d', ...args];
  const child = spawn(first, rest, {
    env,
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: LogLine[] = [];
  const waiting = new Set<() => void>();
  const ended = collect(child);
  const look = (): void => waiting.forEach((check) => check());
  createInterface({ input: child.stdout }).on('line', (text) => {
    lines.push(JSON.parse(text) as LogLine);
    look();
  });
  let isOver = false;
  void ended.then(() => {
    isOver = true;
    look();
  });
  const logged = (isMeant: (line: LogLine) => boolean, nth = 1): Promise<LogLine> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const line = lines.filter(isMeant)[nth - 1];
        if (line === undefined && !isOver) return;
        waiting.delete(check);
        if (line) resolve(line);
        else
          reject(
            new Error(`the daemon ended without this line in its log:\n${lines.map(({ msg }) => msg).join('\n')}`),
          );
      };
      waiting.add(check);
      check();
    });
  return { pid: child.pid ?? 0, logged, lines, kill: (signal) => void child.kill(signal), ended };
}

/** Resolves when there is a file `path`, or none any more. Its directory must be there. */
export async function file(path: string, what: 'there' | 'gone'): Promise<void> {
  const watcher = watch(dirname(path));
  try {
    while (existsSync(path) !== (what === 'there')) await once(watcher, 'change');
  } finally {
    watcher.close();
  }
}

function binary(program: string): string {
  return fileURLToPath(new URL(`bin/${program}`, root));
}

async function collect(child: ChildProcess): Promise<Ended> {
  const written = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (written.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (written.stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...written };
}
