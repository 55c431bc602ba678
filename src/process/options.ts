/** The daemon's command line. */
import { resolve } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import type { Switches } from '../planning/world.ts';

export const DEFAULT_PID_FILE = '/var/run/nodepool/nodepool.pid';

/** Paths are absolute: a detached daemon works in another directory. null: not given. */
export interface DaemonOptions {
  readonly foreground: boolean;
  readonly config: string | null;
  readonly secure: string | null;
  readonly logging: string | null;
  readonly pidFile: string | null;
  readonly fake: boolean;
  readonly switches: Switches;
  /** This process is the daemon that a detaching one has started. */
  readonly detached: boolean;
}

/** What to do: run with options, or end with an exit code because everything has been said (help, version, misuse). */
export type ParsedOptions = { readonly options: DaemonOptions } | { readonly exitCode: number };

export interface OptionsOutput {
  readonly version: string;
  out(text: string): void;
  err(text: string): void;
}

interface RawOptions {
  readonly foreground?: true;
  readonly config?: string;
  readonly secure?: string;
  readonly logging?: string;
  readonly pidfile?: string;
  readonly fake?: true;
  readonly deletes: boolean;
  readonly launches: boolean;
  readonly images: boolean;
  readonly detached?: true;
}

const USAGE_ERROR = 2;

/** `args` are the arguments after the program's name. */
export function parseDaemonOptions(args: readonly string[], output: OptionsOutput): ParsedOptions {
  const program = createProgram(output);
  try {
    program.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { exitCode: error.exitCode === 0 ? 0 : USAGE_ERROR };
  }
  const raw = program.opts<RawOptions>();
  return {
    options: {
      foreground: raw.foreground ?? false,
      config: absolute(raw.config),
      secure: absolute(raw.secure),
      logging: absolute(raw.logging),
      pidFile: absolute(raw.pidfile),
      fake: raw.fake ?? false,
      switches: { deletes: raw.deletes, launches: raw.launches, images: raw.images },
      detached: raw.detached ?? false,
    },
  };
}

function createProgram({ version, out, err }: OptionsOutput): Command {
  return new Command('nodepoold')
    .description('Keeps a pool of ready test machines.')
    .version(version, '--version', 'print the version and exit')
    .helpOption('-h, --help', 'print this help and exit')
    .option('-d, --foreground', 'stay in the foreground; without it the daemon detaches')
    .option('-c, --config <file>', 'configuration file (default: $NODEPOOL_CONFIG or /etc/nodepool/nodepool.yaml)')
    .option('-s, --secure <file>', 'file with the secrets (default: /etc/nodepool/secure.conf)')
    .option('-l, --logging <file>', 'logging settings: levels, format, file')
    .option('-p, --pidfile <file>', `pid file (default: ${DEFAULT_PID_FILE}; with -d: none)`)
    .option('--fake', 'rehearse: all providers on the fake cloud, with a database of their own')
    .option('--no-deletes', 'delete nothing')
    .option('--no-launches', 'launch no nodes')
    .option('--no-images', 'build and delete no images')
    .addOption(new Option('--detached').hideHelp())
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({
      writeOut: out,
      writeErr: err,
      outputError: (text, write) => write(`nodepoold: ${text.replace(/^error: /, '')}`),
    });
}

function absolute(path: string | undefined): string | null {
  return path === undefined ? null : resolve(path);
}
