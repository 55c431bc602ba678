import type { GearmanDemand } from './gearman-demand.ts';

const NOTHING: ReadonlyMap<string, number> = new Map();

/** For processes that launch no nodes. */
export const noDemand: GearmanDemand = {
  configure: () => undefined,
  current: () => NOTHING,
  close: () => undefined,
};
