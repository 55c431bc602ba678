import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { silentLog } from '../../../../src/lib/log.ts';
import type { LoginTarget, Shell } from '../../../../src/remote/shell.ts';
import { createSshShell } from '../../../../src/remote/ssh/index.ts';
import { createFakeClock, type FakeClock } from '../../../support/fake-clock.ts';
import { SshServer, type SshServerBehaviour } from '../../../support/ssh-server.ts';
import { removeTree } from '../temporary-directory.ts';

/** How long the shell keeps a connection. */
export const IDLE_MS = 10_000;

export interface ShellScene {
  readonly port: number;
  readonly clock: FakeClock;
  readonly shell: Shell;
  /** User `jenkins` with a key, any host key. */
  readonly target: LoginTarget;
  readonly signal: AbortSignal;
  readonly abort: () => void;
}

/** A shell whose servers listen on `port` of 127.0.0.1, and somebody who wants to log in. */
export function openShell(port: number): ShellScene {
  const clock = createFakeClock();
  const controller = new AbortController();
  const shell = createSshShell({ clock, env: {}, log: silentLog, port });
  const target = { address: '127.0.0.1', usernames: ['jenkins'], privateKeyPath: privateKey(), hostKey: null };
  return { port, clock, shell, target, signal: controller.signal, abort: () => controller.abort() };
}

/** The same with a server. The test does not finish before the shell has closed its last connection. */
export async function openScene(behaviour: SshServerBehaviour = {}): Promise<ShellScene & { server: SshServer }> {
  const server = await SshServer.start(behaviour);
  const scene = openShell(server.port);
  onTestFinished(async () => {
    await scene.clock.advance(IDLE_MS);
    await server.stop();
  });
  return { ...scene, server };
}

/** Lets the event loop turn until it holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}

/** The path of a new private key. */
function privateKey(): string {
  const directory = mkdtempSync(join(tmpdir(), 'nodepool-ssh-'));
  onTestFinished(() => removeTree(directory));
  const path = join(directory, 'id_ecdsa');
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(path, key.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 });
  return path;
}
