import { buildLogDirectory } from '../images/build-logs.ts';
import type { ActionContext } from './context.ts';

/** Where the output of builds goes. */
export function logDirectory({ world, stateDir }: Pick<ActionContext, 'world' | 'stateDir'>): string {
  return buildLogDirectory(world.config, stateDir);
}
