import { NodepoolError } from '../../lib/errors.ts';
import { ExitCode } from '../exit-code.ts';
import { findNode } from '../records.ts';
import type { Session } from '../session.ts';
import { loginTo, runOverSsh, sshCommandLine } from '../ssh-client.ts';

export interface SshOptions {
  readonly print?: true;
}

interface SshCall extends SshOptions {
  readonly id: number;
  /** Words that ssh hands on to the node's shell; none: a session. */
  readonly command: readonly string[];
}

export async function openSsh(session: Session, { id, command, print }: SshCall): Promise<void> {
  const config = await session.loadConfig();
  // The session may last for hours: the database is not kept open for it.
  const node = await session.withStore((store) => findNode(store, id));
  if (node === null) throw new NodepoolError('not-found', `there is no node ${id}`);
  const login = loginTo(config, node);
  if (print === true) return session.print(`${sshCommandLine(login, command)}\n`);
  const code = await runOverSsh(session, login, { command });
  if (code !== 0) throw new ExitCode(code);
}
