/** What servers have in common that tests start as processes: a port of their own, and the moment when they are ready. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { createInterface } from 'node:readline';

/** A port of 127.0.0.1 that nobody listens at now. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Reads what a server writes until a line says that it is ready. Throws when it ends before, with its last lines. */
export async function awaitReady(name: string, output: Readable, isReady: (line: string) => boolean): Promise<void> {
  const lines: string[] = [];
  for await (const line of createInterface(output)) {
    lines.push(line);
    if (isReady(line)) {
      // What follows is read and forgotten: a full pipe would stop the server.
      output.resume();
      return;
    }
  }
  throw new Error(`${name} ended before it was ready: ${lines.slice(-5).join(' / ')}`);
}
