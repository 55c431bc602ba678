/** What servers have in common that tests start as processes: a port of their own, and the moment when they are ready. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { systemRandom } from '../../src/lib/random.ts';

/** Ports that the kernel gives to no connection by itself, as it is set up by default. */
const PORTS = { least: 10_000, most: 32_767 };

/**
 * A port of 127.0.0.1 that nobody listens at now. Until the server does, which takes seconds, no connection that anybody on
 * this machine makes may get it.
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = PORTS.least + Math.floor(systemRandom.fraction() * (PORTS.most - PORTS.least));
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    // Somebody listens there.
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
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
