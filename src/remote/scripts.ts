/**
 * The command lines that put the operator's scripts on servers and run them: the classic contract with set-up and
 * ready scripts.
 */
import { assignments, quote } from './quote.ts';
import type { RemoteCommand, RemoteFile } from './shell.ts';

const SCRIPTS_DIRECTORY = '/opt/nodepool-scripts';

/** Where the login user may write before the scripts are moved to their place. */
export const STAGING_DIRECTORY = '/tmp/nodepool-scripts';

const SETUP_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** How a template server gets its directories and scripts: `before`, then `files`, then `after`. */
export interface TemplatePreparation {
  readonly before: RemoteCommand;
  readonly files: readonly RemoteFile[];
  readonly after: RemoteCommand;
}

/**
 * Prepares a template server for its set-up script. Every step may be repeated. `username` is the user that could log in;
 * any but root needs sudo. `scripts` come from `readScripts`,
 * and lie in the staging directory.
 */
export function prepareTemplate(username: string, scripts: readonly RemoteFile[]): TemplatePreparation {
  const sudo = username === 'root' ? '' : 'sudo ';
  return {
    before: sequence(
      `${sudo}mkdir -p /etc/nodepool ${SCRIPTS_DIRECTORY}`,
      // Later logins on nodes write there, and may lack sudo.
      `${sudo}chmod 0777 /etc/nodepool`,
      `mkdir -p ${STAGING_DIRECTORY}`,
    ),
    files: scripts,
    after: sequence(
      `${sudo}cp -R ${STAGING_DIRECTORY}/. ${SCRIPTS_DIRECTORY}/`,
      `${sudo}chmod -R a+rx ${SCRIPTS_DIRECTORY}`,
      `rm -rf ${STAGING_DIRECTORY}`,
    ),
  };
}

/**
 * Runs the set-up script `script` on the template server named `serverName`. `env` is the daemon's environment, of which
 * the script gets the NODEPOOL_* variables but for the passphrase of SSH keys.
 */
export function setupCommand(script: string, serverName: string, env: Environment): RemoteCommand {
  const call = [`PATH=${SETUP_PATH}`, ...nodepoolVariables(env), ...invocation(script, serverName)].join(' ');
  // Snapshots have missed what was not on the disk yet; the pause covers disks that only claim to be done.
  return sequence(`cd ${SCRIPTS_DIRECTORY}`, call, 'sync', 'sleep 5');
}

/** Runs the ready script `script` on the server with `hostname`, on a terminal and with the login's own PATH. */
export function readyCommand(script: string, hostname: string, env: Environment): RemoteCommand {
  const call = [...nodepoolVariables(env), ...invocation(script, hostname)].join(' ');
  return { ...sequence(`cd ${SCRIPTS_DIRECTORY}`, call), pty: true };
}

export type Environment = Readonly<Record<string, string | undefined>>;

function invocation(script: string, argument: string): readonly string[] {
  return [`./${quote(script)}`, quote(argument)];
}

/** Unlocks the daemon's own keys: no server needs it, and command lines are shown to everybody on one. */
const NOT_PASSED_ON = 'NODEPOOL_SSH_PASSPHRASE';

/** In the order of their names; names that no shell could assign to are left out. */
function nodepoolVariables(env: Environment): readonly string[] {
  const entries = Object.entries(env).filter((entry): entry is [string, string] => {
    return /^NODEPOOL_\w+$/.test(entry[0]) && entry[0] !== NOT_PASSED_ON && entry[1] !== undefined;
  });
  return assignments(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))));
}

function sequence(...commands: readonly string[]): RemoteCommand {
  return { line: commands.join(' && ') };
}
