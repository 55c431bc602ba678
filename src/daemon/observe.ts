import type { Config } from '../config/types.ts';
import type { Memory } from '../planning/memory.ts';
import type { Workshop, World } from '../planning/world.ts';
import type { PoolRecords } from '../lifecycle/records.ts';
import type { TargetBook } from './target-book.ts';
import type { CloudBook } from './cloud-book.ts';
import type { EngineDeps } from './deps.ts';
import type { Tasks } from './tasks.ts';

export interface Observation {
  readonly world: World;
  /** The same object as last time when no row changed. */
  readonly pool: PoolRecords;
}

interface Sources {
  readonly deps: EngineDeps;
  readonly installation: string;
  readonly config: Config;
  /** Those held now. */
  readonly leases: () => ReadonlySet<string>;
  readonly memory: Memory;
  readonly book: CloudBook;
  readonly targetBook: TargetBook;
  readonly tasks: Tasks;
}

/**
 * Reads everything that decisions depend on. The order matters: what is in flight and what the clouds last said
 * are taken down before the rows are read, so that the rows are never older than they. A server in a listing
 * without a row has then lost its row, and what an ended action wrote is seen. Leases are looked at last: a database
 * that takes its time may have let them run out.
 */
export async function observe({
  deps,
  installation,
  config,
  leases,
  memory,
  book,
  targetBook,
  tasks,
}: Sources): Promise<Observation> {
  const busy = tasks.busy();
  forgetOthers(deps, leases(), book);
  const targets = targetBook.view(deps.clock.now());
  const clouds = book.view(deps.providers.entries(), deps.clock.now());
  const pool = await deps.store.readPool();
  const elsewhere = await findElsewhere(deps, pool, clouds);
  const world: World = {
    now: deps.clock.now(),
    config,
    installation,
    switches: deps.switches,
    workshop: workshopOf(deps),
    leases: leases(),
    ...pool,
    clouds,
    elsewhere,
    targets,
    demand: deps.demand.current(),
    busy,
    memory,
  };
  return { world, pool };
}

function workshopOf({ diskImages, workers }: EngineDeps): Workshop {
  return { directory: diskImages.directory, problem: diskImages.problem, workers };
}

/** What a cloud said while we acted on it is out of date once another daemon does. */
function forgetOthers({ providers }: EngineDeps, leases: ReadonlySet<string>, book: CloudBook): void {
  for (const [name] of providers.entries()) {
    if (!leases.has(`provider:${name}`)) book.forget(name);
  }
}

/** A daemon that is started anew is back long before, in milliseconds. */
const ABSENCE_MS = 300_000;

/** A command goes on with what somebody has asked it for, whoever else might. */
async function findElsewhere(
  { store, clock, scope }: EngineDeps,
  { nodes, images }: PoolRecords,
  known: World['clouds'],
): Promise<ReadonlySet<string>> {
  const strange = new Set<string>();
  for (const { provider } of nodes) if (!known.has(provider)) strange.add(provider);
  for (const { provider } of images) if (!known.has(provider)) strange.add(provider);
  if (strange.size === 0 || scope !== null) return new Set();
  const leases = new Map(Array.from(strange, (name) => [`provider:${name}`, name]));
  const held = await store.leases.heldSince([...leases.keys()], clock.now() - ABSENCE_MS);
  return new Set(Array.from(held, (lease) => leases.get(lease)!));
}
