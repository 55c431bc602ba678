import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import ssh2, { type AuthContext, type AuthenticationType, type Connection, type ServerChannel } from 'ssh2';

export interface SshServerBehaviour {
  /** Whether the user gets in, by no more than a name or with a key. Not given: everybody with a key. */
  readonly letsIn?: (username: string, method: AuthenticationType) => boolean;
  /** Whether it never says who gets in. */
  readonly stallsLogins?: boolean;
  /** What it says that it takes when it lets somebody not in. */
  readonly methods?: readonly AuthenticationType[];
  /** Sent before the login. */
  readonly banner?: string;
  /** Commands; not given: it echoes as a shell does and knows nothing else. */
  readonly exec?: (call: ExecCall) => void;
  readonly refusesCommands?: boolean;
  readonly sftp?: (connection: Connection, accept: () => ssh2.SFTPWrapper, reject: () => void) => void;
  /** As {@link newHostKey} makes them; not given: a new one. */
  readonly hostKey?: string;
}

export interface ExecCall {
  readonly command: string;
  readonly username: string;
  readonly channel: ServerChannel;
  readonly connection: Connection;
}

/** An ECDSA key. (Of those that ssh2 makes itself, one in six hundred cannot be read.) */
export function newHostKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'sec1', format: 'pem' }).toString();
}

/** An SSH server in this process, for what a good one never does. Its clients' keys are taken unseen. */
export class SshServer {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  /** Logins that were tried, as `USER METHOD`; to ask about a key and to show it are one. */
  readonly tries: string[] = [];
  readonly commands: string[] = [];
  /** Connections so far, */
  connections = 0;
  /** and those that are between the first words and the end of the login now. */
  underWay = 0;

  private constructor(behaviour: SshServerBehaviour) {
    const { banner, hostKey = newHostKey() } = behaviour;
    const greeting = banner === undefined ? {} : { banner };
    // It never tires of a client.
    const ssh = new ssh2.Server({ hostKeys: [hostKey], keepaliveCountMax: 1_000_000, ...greeting });
    ssh.on('connection', (connection: Connection) => this.#serve(connection, behaviour));
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.connections += 1;
      this.#open.add(socket);
      socket.on('close', () => this.#open.delete(socket));
      ssh.injectSocket(socket);
    });
  }

  static async start(behaviour: SshServerBehaviour = {}): Promise<SshServer> {
    const self = new SshServer(behaviour);
    self.#server.listen(0, '127.0.0.1');
    await once(self.#server, 'listening');
    return self;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#open.size;
  }

  /** Resolves when its clients have closed all connections. */
  async drained(): Promise<void> {
    for (const socket of this.#open) await new Promise((resolve) => socket.on('close', resolve));
  }

  /** Hears nothing more from its clients, whose connections stay open until they end them. */
  freeze(): void {
    for (const socket of this.#open) {
      socket.removeAllListeners('data');
      socket.resume();
    }
  }

  /** Takes no more connections. */
  async stop(): Promise<void> {
    this.#server.close();
    await this.drained();
  }

  #serve(connection: Connection, behaviour: SshServerBehaviour): void {
    let username = '';
    this.underWay += 1;
    let isUnderWay = true;
    const settle = (): void => {
      if (isUnderWay) this.underWay -= 1;
      isUnderWay = false;
    };
    connection.on('ready', settle);
    connection.on('close', settle);
    // Clients that hang up do so in every possible way.
    connection.on('error', () => undefined);
    connection.on('authentication', (context) => {
      ({ username } = context);
      this.#judge(context, behaviour);
    });
    connection.on('session', (accept) => {
      const session = accept();
      session.on('exec', (take, reject, { command }) => {
        this.commands.push(command);
        if (behaviour.refusesCommands) return void reject();
        (behaviour.exec ?? echo)({ command, username, channel: take(), connection });
      });
      session.on('sftp', (take, reject) => {
        if (behaviour.sftp) behaviour.sftp(connection, take, () => void reject());
        else void reject();
      });
    });
  }

  #judge(
    context: AuthContext,
    { letsIn = hasKey, methods = ['publickey'], stallsLogins = false }: SshServerBehaviour,
  ): void {
    const { username, method } = context;
    const attempt = `${username} ${method}`;
    if (this.tries.at(-1) !== attempt) this.tries.push(attempt);
    if (stallsLogins) return;
    if (letsIn(username, method)) context.accept();
    else context.reject([...methods]);
  }
}

function hasKey(_username: string, method: AuthenticationType): boolean {
  return method === 'publickey';
}

/** What `echo 'TEXT'` prints. */
export function echo({ command, channel }: Pick<ExecCall, 'command' | 'channel'>): void {
  end(channel, `${/^echo '(.*)'$/.exec(command)?.[1] ?? ''}\n`);
}

/** Prints and ends a command. */
export function end(channel: ServerChannel, output: string, code = 0): void {
  channel.write(output);
  channel.exit(code);
  channel.end();
}
