import type { Client, SFTPWrapper } from 'ssh2';
import { describeError, NodepoolError } from '../../lib/errors.ts';
import type { RemoteFile } from '../shell.ts';
import type { Connection } from './connection.ts';

/** Files open at the same time; far below what a server's limits allow. */
const AT_ONCE = 64;

/**
 * Writes files over SFTP, side by side, in place of what is there. Rejects with `command-failed` naming the file, with
 * `unreachable` or `aborted`; what of the other files was written is not known then.
 */
export async function writeFiles(
  connection: Connection,
  files: readonly RemoteFile[],
  signal: AbortSignal,
): Promise<void> {
  const { address } = connection;
  await connection.use(signal, async (client) => {
    const sftp = await openSftp(client, address);
    try {
      await sideBySide(files, (file) => writeFile(sftp, file, address));
    } finally {
      sftp.end();
    }
  });
}

function openSftp(client: Client, address: string): Promise<SFTPWrapper> {
  return new Promise((resolve, reject) => {
    client.sftp((error, sftp) => {
      if (error) {
        const message = `${address} offers no SFTP, which files are written over: ${describeError(error)}`;
        reject(new NodepoolError('command-failed', message, { cause: error }));
        return;
      }
      // Every request under way learns of it; an error without a listener would end the process.
      sftp.on('error', () => undefined);
      resolve(sftp);
    });
  });
}

async function sideBySide<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const work = async (): Promise<void> => {
    for (const item of rest) await act(item);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, work));
}

async function writeFile(sftp: SFTPWrapper, { path, content, mode }: RemoteFile, address: string): Promise<void> {
  const bytes = Buffer.from(content);
  try {
    const handle = await answer<Buffer>((done) => sftp.open(path, 'w', { mode }, done));
    // The server takes requests in the order in which they come, so that what is secret is closed before it is written.
    // The mode given at opening is the server's to mask, and does nothing for a file that was there.
    const chmod = answer<void>((done) => sftp.fchmod(handle, mode, done));
    const write = answer<void>((done) => sftp.write(handle, bytes, 0, bytes.length, 0, done));
    await Promise.all([chmod, write]);
    await answer<void>((done) => sftp.close(handle, done));
  } catch (error) {
    const message = `${path} cannot be written on ${address}: ${describeError(error)}`;
    throw new NodepoolError('command-failed', message, { cause: error });
  }
}

function answer<T>(ask: (done: (error: Error | null | undefined, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    ask((error, value) => (error ? reject(error) : resolve(value as T)));
  });
}
