/** Runs a command on a node of its own: asks for the node, logs in, and gives it back. */
import type { Config } from '../../config/types.ts';
import { describeError, isNodepoolError, NodepoolError } from '../../lib/errors.ts';
import type { RequestRecord } from '../../lifecycle/records.ts';
import type { RequestWithNodes } from '../../store/store.ts';
import { acquireNodes, deskOf, wishFor, type WishOptions } from '../acquire-nodes.ts';
import { ExitCode } from '../exit-code.ts';
import { Interruption, untilInterrupted } from '../interruption.ts';
import { persist } from '../persist.ts';
import type { Session } from '../session.ts';
import { loginTo, requireKeys, runOverSsh } from '../ssh-client.ts';

/** A lease of many weeks is not left alone for so long that a timer could not count it. */
const LONGEST_PAUSE_MS = 86_400_000;

/** How soon an extension is tried again that the database did not take, at the latest. */
const RETRY_MS = 10_000;

interface Job extends WishOptions {
  readonly label: string;
  readonly command: readonly string[];
}

export async function runOnNode(session: Session, job: Job): Promise<void> {
  const wish = await wishFor(session, { ...job, count: 1 });
  const config = await session.loadConfig();
  await requireKeys(config, job.label);
  const code = await untilInterrupted(session.context, async (signal) => {
    // The command may run for hours: the database is not kept open for it.
    const granted = await session.withNewStore((store) => acquireNodes({ session, store, config }, wish, job.timeout));
    return useNode({ session, config, granted }, job.command, signal);
  });
  if (code !== 0) throw new ExitCode(code);
}

/** What the steps below work on. */
interface Run {
  readonly session: Session;
  readonly config: Config;
  readonly granted: RequestWithNodes;
}

/** Runs the command and gives the node back, whatever happens. Answers the exit code of the command. */
async function useNode(run: Run, command: readonly string[], signal: AbortSignal): Promise<number> {
  const { session, config, granted } = run;
  const { id } = granted.request;
  const [node] = granted.nodes;
  let hasFailed = false;
  try {
    if (node === undefined) throw new NodepoolError('refused', `the node of request ${id} is gone`);
    if (signal.aborted) throw new Interruption('interrupted before the command was run');
    const login = loginTo(config, node);
    const remote = { command, hasTerminal: session.context.isInteractive };
    const code = await withLease(run, () => runOverSsh(session, login, remote));
    hasFailed = code !== 0;
    return code;
  } finally {
    await giveBack(run, hasFailed);
  }
}

/** Extends the lease again and again while `work` is under way: one that ends by itself means that this process died. */
async function withLease<T>(run: Run, work: () => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const keeping = keepLease(run, run.granted.request, controller.signal);
  try {
    return await work();
  } finally {
    controller.abort();
    await keeping;
  }
}

async function keepLease(run: Run, { id, ttlMs }: RequestRecord, signal: AbortSignal): Promise<void> {
  const { session } = run;
  const intervalMs = Math.min(ttlMs / 3, LONGEST_PAUSE_MS);
  let pauseMs = intervalMs;
  for (;;) {
    await session.context.clock.sleep(pauseMs, signal);
    if (signal.aborted) return;
    try {
      await withDesk(run, (desk) => desk.extend(id, ttlMs));
      pauseMs = intervalMs;
    } catch (error) {
      // The command goes on: what becomes of its node without a lease shows by itself.
      session.tell(`the lease of request ${id} could not be extended: ${describeError(error)}`);
      if (isNodepoolError(error, 'refused', 'not-found')) return;
      pauseMs = Math.min(intervalMs, RETRY_MS);
    }
  }
}

async function giveBack(run: Run, hasFailed: boolean): Promise<void> {
  const { session, granted } = run;
  const { id } = granted.request;
  try {
    await persist(session, () => withDesk(run, (desk) => desk.end(id, hasFailed)));
    if (hasFailed) session.tell(`node ${granted.nodes[0]?.id} is given back as failed`);
  } catch (error) {
    // How the command ended matters more, and the lease ends by itself.
    session.tell(`request ${id} could not be released, its lease will run out: ${describeError(error)}`);
  }
}

function withDesk<T>({ session, config }: Run, work: (desk: ReturnType<typeof deskOf>) => Promise<T>): Promise<T> {
  return session.withStore((store) => work(deskOf({ session, store, config })));
}
