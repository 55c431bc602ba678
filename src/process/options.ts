/** The daemon's command line. */
import { basename, resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Switches, Workers } from '../planning/world.ts';

/** The names that the daemon is started under. As `nodepool-builder` it builds and uploads disk images, nothing else. */
export type ProgramName = 'nodepoold' | 'nodepool-builder';

export const DEFAULT_PID_FILES: Readonly<Record<ProgramName, string>> = {
  nodepoold: '/var/run/nodepool/nodepool.pid',
  'nodepool-builder': '/var/run/nodepool-builder/nodepool-builder.pid',
};

/** Paths are absolute: a detached daemon works in another directory. null: not given. */
export interface DaemonOptions {
  readonly program: ProgramName;
  readonly foreground: boolean;
  readonly config: string | null;
  readonly secure: string | null;
  readonly logging: string | null;
  readonly pidFile: string | null;
  readonly fake: boolean;
  readonly switches: Switches;
  /** Whether disk images are built and uploaded here. */
  readonly builder: boolean;
  /** Whether there is an HTTP interface. */
  readonly api: boolean;
  /** Builds of disk images, and uploads, at once. */
  readonly workers: Workers;
  /** This process is the daemon that a detaching one has started. */
  readonly detached: boolean;
}

/** What to do: run with options, or end with an exit code because everything has been said (help, version, misuse). */
export type ParsedOptions = { readonly options: DaemonOptions } | { readonly exitCode: number };

export interface OptionsOutput {
  readonly program: ProgramName;
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
  readonly buildWorkers: number;
  readonly uploadWorkers: number;
  /** A builder does not have these five. */
  readonly deletes?: boolean;
  readonly launches?: boolean;
  readonly images?: boolean;
  readonly builder?: boolean;
  readonly webapp?: boolean;
  readonly detached?: true;
}

const USAGE_ERROR = 2;
const MAX_WORKERS = 1000;

/** The program that a script, as of `process.argv[1]`, stands for. */
export function programName(script: string): ProgramName {
  return basename(script) === 'nodepool-builder' ? 'nodepool-builder' : 'nodepoold';
}

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
      program: output.program,
      foreground: raw.foreground ?? false,
      config: absolute(raw.config),
      secure: absolute(raw.secure),
      logging: absolute(raw.logging),
      pidFile: absolute(raw.pidfile),
      fake: raw.fake ?? false,
      switches: readSwitches(output.program, raw),
      builder: raw.builder ?? true,
      // Builders only build: whoever asks for nodes asks a daemon.
      api: raw.webapp ?? output.program === 'nodepoold',
      workers: { builds: raw.buildWorkers, uploads: raw.uploadWorkers },
      detached: raw.detached ?? false,
    },
  };
}

function readSwitches(program: ProgramName, { deletes, launches, images }: RawOptions): Switches {
  const isDaemon = program === 'nodepoold';
  return { deletes: deletes ?? isDaemon, launches: launches ?? isDaemon, images: images ?? true };
}

function createProgram(output: OptionsOutput): Command {
  const command = createCommand(output)
    .helpOption('-h, --help', 'print this help and exit')
    .option('-d, --foreground', 'stay in the foreground; without it the daemon detaches')
    .option('-c, --config <file>', 'configuration file (default: $NODEPOOL_CONFIG or /etc/nodepool/nodepool.yaml)')
    .option('-s, --secure <file>', 'file with the secrets (default: /etc/nodepool/secure.conf)')
    .option('-l, --logging <file>', 'logging settings: levels, format, file')
    .option('-p, --pidfile <file>', `pid file (default: ${DEFAULT_PID_FILES[output.program]}; with -d: none)`)
    .option('--fake', 'rehearse: all providers on the fake cloud, with a database of their own')
    .option('--build-workers <n>', 'builds of disk images at once', parseWorkers, 1)
    .option('--upload-workers <n>', 'uploads of disk images at once', parseWorkers, 4)
    .addOption(new Option('--detached').hideHelp());
  if (output.program === 'nodepool-builder') return command;
  return command
    .option('--no-deletes', 'delete nothing')
    .option('--no-launches', 'launch no nodes')
    .option('--no-images', 'build, upload and delete no images')
    .option('--no-builder', 'neither build disk images nor upload them')
    .option('--no-webapp', 'no HTTP interface');
}

function createCommand({ program, version, out, err }: OptionsOutput): Command {
  const purpose =
    program === 'nodepoold' ? 'Keeps a pool of ready test machines.' : 'Builds disk images and uploads them.';
  return new Command(program)
    .description(purpose)
    .version(version, '--version', 'print the version and exit')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({
      writeOut: out,
      writeErr: err,
      outputError: (text, write) => write(`${program}: ${text.replace(/^error: /, '')}`),
    });
}

function parseWorkers(text: string): number {
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > MAX_WORKERS) {
    throw new InvalidArgumentError(`It is a whole number from 1 to ${MAX_WORKERS}.`);
  }
  return count;
}

function absolute(path: string | undefined): string | null {
  return path === undefined ? null : resolve(path);
}
