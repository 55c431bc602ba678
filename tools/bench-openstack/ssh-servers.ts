/** SSH on the servers of the double: one listener for all their addresses, which belong to this machine (127.0.0.0/8). */
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import ssh2, { type Connection, type SFTPWrapper } from 'ssh2';

export interface SshServers {
  readonly port: number;
  /** Of all of them, as `TYPE BASE64`. */
  readonly hostKey: string;
}

/** Whoever has a key gets in; every command succeeds, and every file can be written. */
export async function startSshServers(isUp: (address: string) => boolean): Promise<SshServers> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'sec1', format: 'pem' }).toString();
  const ssh = new ssh2.Server({ hostKeys: [pem], keepaliveCountMax: 1_000_000 });
  ssh.on('connection', serve);
  const listener = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined);
    if (isUp(socket.localAddress ?? '')) ssh.injectSocket(socket);
    else socket.destroy();
  });
  listener.listen(0, '0.0.0.0');
  await once(listener, 'listening');
  return { port: (listener.address() as AddressInfo).port, hostKey: publicHalf(pem) };
}

function publicHalf(pem: string): string {
  const key = ssh2.utils.parseKey(pem);
  if (key instanceof Error) throw key;
  return `${key.type} ${key.getPublicSSH().toString('base64')}`;
}

function serve(connection: Connection): void {
  // Clients hang up as they like.
  connection.on('error', () => undefined);
  connection.on('authentication', (context) => {
    if (context.method === 'publickey') context.accept();
    else context.reject(['publickey']);
  });
  connection.on('session', (accept) => {
    const session = accept();
    session.on('pty', (take) => take?.());
    session.on('exec', (take, _reject, { command }) => {
      const channel = take();
      channel.write(`${/^echo '(.*)'$/.exec(command)?.[1] ?? ''}\n`);
      channel.exit(0);
      channel.end();
    });
    session.on('sftp', (take) => takeFiles(take()));
  });
}

function takeFiles(sftp: SFTPWrapper): void {
  const { OK } = ssh2.utils.sftp.STATUS_CODE;
  const handle = Buffer.from('file');
  sftp.on('OPEN', (id) => sftp.handle(id, handle));
  sftp.on('FSETSTAT', (id) => sftp.status(id, OK));
  sftp.on('WRITE', (id) => sftp.status(id, OK));
  sftp.on('CLOSE', (id) => sftp.status(id, OK));
}
